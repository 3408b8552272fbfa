"""What JSON says of a run beside its flat numbers agrees with these."""

import numpy as np
import pytest

from pinpoint.cli.evaluating.details import details_of
from pinpoint.cli.evaluating.findings import findings_of
from pinpoint.evaluation.comparison import compare
from pinpoint.evaluation.pictures import Judged
from pinpoint.evaluation.sigmas import assumed_sigmas
from pinpoint.evaluation.summary import measures_of
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

COCO = skeleton("coco17")


@pytest.fixture
def comparison(rng):
    """Forty people; noses are never labelled, left and right wrists exchanged, one in eight is not found."""
    pictures = []
    for row in range(40):
        xy = rng.uniform(20, 180, (1, 17, 2))
        found = xy + rng.normal(size=xy.shape) * rng.choice([1, 4], (1, 17, 1))
        wrists = COCO.indices(["left_wrist", "right_wrist"])
        found[:, wrists] = found[:, wrists[::-1]]
        xy[:, 0] = np.nan
        truth = Keypoints(xy, np.isfinite(xy[..., 0]) * 1.0, COCO, boxes=[[0, 0, 200, 200]], areas=[2e4])
        kps = Keypoints(found, rng.uniform(0, 1, (1, 17)), COCO)
        crowds = np.array([[300.0, 300, 400, 400]] if row < 3 else np.zeros((0, 4)))
        pictures.append(Judged(truth, crowds, kps if row % 8 else kps[:0]))
    return compare(pictures)


@pytest.fixture
def details(comparison):
    sigmas = assumed_sigmas(COCO)
    return details_of(comparison, findings_of(comparison, sigmas.values), sigmas)


def test_counts_say_what_is_not_labelled(details):
    assert details["counts"] == {
        "points": 680,
        "not labelled": 40,
        "instances without a labelled point": 0,
        "crowds": 3,
        "found": 35,
    }
    assert details["sigmas"]["nose"] == 0.026


def test_keypoints_have_numbers_of_their_own_that_add_up(details, comparison):
    nose, *others = details["keypoints"].values()
    assert nose["labelled"] == 0 and nose["PCK@.1"] is None and nose["error"] is None
    assert all(one["labelled"] == 40 and one["missing"] == 5 / 40 for one in others)
    mean = np.mean([one["PCK@.1"] for one in others])
    assert mean == pytest.approx(measures_of(comparison, np.full(17, 0.05))["PCK@.1"])


def test_the_kind_of_error_that_was_made_is_named_with_its_cost(details):
    """All but near wrists, which are good either way, are inversions; to mend them gains most."""
    assert details["keypoints"]["left_wrist"]["kinds"]["inversion"] > 30
    assert details["keypoints"]["left_hip"]["kinds"]["inversion"] < 3
    gains = details["errors"]["AP that mending gains"]
    assert max(gains, key=gains.get) == "inversion" and gains["inversion"] > 0.1
    assert sum(details["errors"]["shares"].values()) == pytest.approx(1)


def test_the_bins_give_the_calibration_error(details):
    bins = details["calibration"]["bins"]
    assert [one["from"] for one in bins] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    points = sum(one["points"] for one in bins)
    gaps = sum(one["points"] * abs(one["score"] - one["right"]) for one in bins) / points
    assert points == 35 * 16 and details["ECE"] == pytest.approx(gaps) and gaps > 0.2
