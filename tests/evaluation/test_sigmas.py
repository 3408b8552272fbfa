"""Whose OKS falloffs are taken."""

import numpy as np
import pytest

from pinpoint.evaluation.sigmas import FEWEST, SIGMA, assumed_sigmas, estimate_sigmas, sigmas_by_name
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names

OWN = Skeleton("own", ("nose", "tip"))
PAIR = Skeleton("pair", ("left_end", "right_end"), swaps=(("left_end", "right_end"),))


def labelled(rng, sigmas, n=20_000):
    """Areas and noise of labels that have these sigmas, shapes (n,) and (n, K, 2)."""
    areas = rng.uniform(100, 10_000, n)
    spread = np.sqrt(areas)[:, None] * np.array(sigmas) / np.sqrt(2)  # of each of two axes
    return areas, rng.normal(size=(n, len(sigmas), 2)) * spread[..., None]


def test_those_of_the_labels_come_first():
    sigmas = assumed_sigmas(skeleton("coco17"), OWN)
    assert tuple(sigmas.values) == skeleton("coco17").sigmas
    assert sigmas.words == "those of coco17" and not sigmas.custom


def test_those_of_the_model_stand_in_by_name():
    model = Skeleton("model", ("tip",), sigmas=(0.04,))
    sigmas = assumed_sigmas(Skeleton("own", ("tip", "end")), model)
    np.testing.assert_array_equal(sigmas.values, [0.04, SIGMA])
    assert sigmas.words == "those of the model for tip, 0.05 for 1 that nobody published one for"


def test_those_of_the_nearest_known_skeleton_stand_in_by_name():
    own = Skeleton("own", ("L_Hip", "kneeRight", "tip"))
    sigmas = assumed_sigmas(own)
    np.testing.assert_array_equal(sigmas.values, [0.107, 0.087, SIGMA])
    assert sigmas.words.startswith("those of coco17 by name for L_Hip, kneeRight, 0.05 for 1")
    assert sigmas.custom


@pytest.mark.parametrize("k", [1, 4, 68])
def test_there_is_no_silent_one_over_k(k):
    sigmas = assumed_sigmas(Skeleton("own", tuple(f"spot-{i}" for i in range(k))))
    assert set(sigmas.values) == {SIGMA} and sigmas.custom
    assert sigmas.words == f"0.05 for {k} that nobody published one for"


def test_what_a_model_assumed_itself_is_not_called_known():
    """Training gives keypoints that nobody published a falloff for the assumed one, and the file keeps it."""
    own = Skeleton("tool", ("face", "end"))
    sigmas = assumed_sigmas(own, Skeleton("tool", ("face", "end"), sigmas=(SIGMA, SIGMA)))
    assert sigmas.values.tolist() == [SIGMA, SIGMA]
    assert sigmas.words == "0.05 for 2 that nobody published one for"


PUBLISHED = [name for name in skeleton_names() if skeleton(name).sigmas is not None]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_skeleton_without_sigmas_gets_its_own_by_name(name):
    """Another one with all of its names would do too, so long as it says the same of these."""
    full = skeleton(name)
    sigmas = sigmas_by_name(Skeleton("bare", full.keypoints), full)
    np.testing.assert_array_equal(sigmas.values, full.sigmas)


@pytest.mark.parametrize(("name", "words"), [("face68", "no keypoint named"), ("mpii16", "nobody published")])
def test_a_skeleton_that_says_nothing_of_the_labels_is_refused(name, words):
    with pytest.raises(ValueError, match=words):
        sigmas_by_name(OWN, skeleton(name))


@pytest.mark.parametrize("times", [2, 3, 5])
def test_repeated_labels_give_the_sigma_they_were_made_with(rng, times):
    areas, _ = labelled(rng, (0.03, 0.1))
    noise = np.stack([labelled_like(rng, areas, (0.03, 0.1)) for _ in range(times)])
    sigmas = estimate_sigmas(OWN, areas, repeats=noise + rng.random((len(areas), 2, 2)) * 500)
    np.testing.assert_allclose(sigmas.values, [0.03, 0.1], rtol=0.02)  # of 20,000 pairs: one in 200
    assert sigmas.words == f"estimated from {times} labellings" and sigmas.custom


def labelled_like(rng, areas, sigmas):
    return (
        rng.normal(size=(len(areas), len(sigmas), 2))
        * np.sqrt(areas / 2)[:, None, None]
        * np.array(sigmas)[:, None]
    )


def test_labels_that_one_person_left_out_do_not_count(rng):
    areas, noise = labelled(rng, (0.03, 0.1), 400)
    repeats = np.stack([noise, labelled_like(rng, areas, (0.03, 0.1))])
    gone = np.concatenate([repeats, np.full((1, *noise.shape), np.nan)])
    expected = estimate_sigmas(OWN, areas, repeats=repeats).values
    np.testing.assert_allclose(estimate_sigmas(OWN, areas, repeats=gone).values, expected)


def test_a_tail_of_swaps_does_not_move_what_errors_say(rng):
    areas, noise = labelled(rng, (0.03, 0.1))
    errors = np.linalg.norm(noise, axis=-1)
    errors[::20] = 1e4  # one in twenty is somewhere else altogether
    sigmas = estimate_sigmas(OWN, areas, errors=errors)
    np.testing.assert_allclose(sigmas.values, [0.03, 0.1], rtol=0.06)  # the median moves by 1/20
    assert "upper bound" in sigmas.words


def test_left_and_right_have_one_sigma(rng):
    areas, noise = labelled(rng, (0.03, 0.1))
    for given in ({"errors": np.linalg.norm(noise, axis=-1)}, {"repeats": np.stack([noise, -noise])}):
        left, right = estimate_sigmas(PAIR, areas, **given).values
        assert left == right and 0.03 < left < 0.2


def test_too_few_labels_are_said_and_assumed(rng):
    areas, noise = labelled(rng, (0.03, 0.1), FEWEST)
    errors = np.linalg.norm(noise, axis=-1)
    errors[0, 1] = np.nan
    sigmas = estimate_sigmas(OWN, areas, errors=errors)
    assert sigmas.values[1] == SIGMA != sigmas.values[0]
    assert "too few labels of tip" in sigmas.words


def test_perfect_predictions_say_nothing_of_people():
    sigmas = estimate_sigmas(OWN, np.full(50, 100.0), errors=np.zeros((50, 2)))
    np.testing.assert_array_equal(sigmas.values, assumed_sigmas(OWN).values)


def test_without_labels_or_errors_they_are_assumed():
    assert estimate_sigmas(OWN).words == assumed_sigmas(OWN).words


def test_errors_without_areas_are_refused():
    with pytest.raises(ValueError, match="give areas"):
        estimate_sigmas(OWN, errors=np.ones((20, 2)))
