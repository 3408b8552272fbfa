"""The table and the verdict."""

import math

import pytest

from pinpoint.training.compress.table import Comparison, Figures, Limits, interleaved


def _comparison(after: float, ratio: float) -> Comparison:
    return Comparison(Figures(4_000_000, 5.0, {"AP": 0.5}), Figures(1_000_000, 2.0, {"AP": after}), ratio)


@pytest.mark.parametrize(
    ("after", "ratio", "reasons"),
    [
        (0.4901, 0.4, 0),
        (0.6, 0.6, 0),
        (0.48, 0.4, 1),
        (0.5, 0.7, 1),
        (0.1, 2.0, 2),
        (math.nan, 0.4, 1),
    ],
)
def test_what_is_above_a_limit_is_a_reason_to_fail(after, ratio, reasons):
    comparison = _comparison(after, ratio)
    assert len(comparison.reasons) == reasons
    assert comparison.passes == (reasons == 0)
    assert comparison.text().splitlines()[-1].startswith("fails: " if reasons else "passes")


def test_the_table_says_sizes_times_and_what_was_lost():
    text = _comparison(0.49, 0.4).text()
    for word in ("4.00", "1.00", "x 0.25", "x 0.40", "0.4900", "-0.0100"):
        assert word in text


def test_the_ratio_is_that_of_the_same_turn(monkeypatch):
    """The second call takes half as long in every turn, however much the machine slows down."""
    clock, pace = [0.0], [1.0]

    def call(seconds):
        clock[0] += seconds * pace[0]
        pace[0] *= 1.1

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    _, ratio = interleaved([lambda: call(2.0), lambda: call(1.0)], runs=9)
    assert ratio == pytest.approx(0.5 * 1.1)


@pytest.mark.parametrize("wrong", [{"drop": -0.1}, {"time": 0.0}])
def test_limits_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Limits(**wrong)
