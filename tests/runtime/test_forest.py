"""Regression trees against a slow reading of their definition."""

from dataclasses import replace

import numpy as np
import pytest

from grown_trees import forest_by_chance, level_by_chance
from pinpoint.runtime.forest import as_complex, as_points, grey, light_at, similarity


def steps_by_loops(level, light):
    """What the docstring of `Level` says, one instance, tree and node after the other."""
    steps = np.zeros((len(light), *level.basis.shape[1:]))
    for row, pixels in enumerate(light.astype(int)):
        for pairs, thresholds, leaves in zip(level.pairs, level.thresholds, level.leaves, strict=True):
            node = 0
            while node < len(thresholds):
                first, second = pairs[node]
                brighter = pixels[first] - pixels[second] > thresholds[node]
                node = 2 * node + 2 if brighter else 2 * node + 1
            steps[row] += np.einsum("r,rkd->kd", leaves[node - len(thresholds)].astype(float), level.basis)
    return steps


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_level_says_what_a_loop_over_its_definition_says(depth, rng):
    level = level_by_chance(rng, depth=depth)
    light = rng.integers(-150, 150, (9, level.anchors.size)).astype(np.int16)
    np.testing.assert_allclose(as_points(level(light)), steps_by_loops(level, light), atol=1e-4)


def test_a_forest_is_its_levels_one_after_the_other_in_the_frame_of_each_shape(rng):
    forest = forest_by_chance(rng)
    pictures = rng.integers(0, 256, (3, 40, 32)).astype(np.uint8)
    expected = np.repeat(forest.mean[None].astype(float), 3, axis=0)
    for level in forest.levels:
        for row in range(3):
            turn = procrustes(forest.mean, expected[row])
            places = expected[row][level.anchors] + level.offsets @ turn.T
            light = light_at(pictures, np.array([row]), as_complex(places)[None])
            expected[row] += steps_by_loops(level, light)[0] @ turn.T
    np.testing.assert_allclose(forest(pictures), expected, atol=1e-3)


def procrustes(mean, shape):
    """Turn times scale that brings one centred shape closest to another, by least squares on a and b."""
    (x, y), target = (mean - mean.mean(axis=0)).T, (shape - shape.mean(axis=0)).T.ravel()
    table = np.stack([np.concatenate([x, y]), np.concatenate([-y, x])], axis=1)
    a, b = np.linalg.lstsq(table, target, rcond=None)[0]
    return np.array([[a, -b], [b, a]])


def test_instances_do_not_touch_each_other_however_many_there_are(rng):
    forest = forest_by_chance(rng)
    pictures = rng.integers(0, 256, (150, 40, 32)).astype(np.uint8)
    alone = np.concatenate([forest(pictures[row : row + 1]) for row in (0, 63, 64, 149)])
    np.testing.assert_allclose(forest(pictures)[[0, 63, 64, 149]], alone, atol=1e-4)


def test_no_picture_has_no_points(rng):
    assert forest_by_chance(rng)(np.zeros((0, 40, 32), np.uint8)).shape == (0, 5, 2)


def test_the_turn_and_scale_of_a_shape_are_found(rng):
    mean = as_complex(rng.normal(size=(7, 2)))
    turn = 1.7 * np.exp(0.4j)
    np.testing.assert_allclose(similarity(mean, (mean * turn + 3 - 8j)[None]), [[turn]], atol=1e-5)


def test_points_without_extent_have_no_turn():
    assert similarity(np.zeros(4, np.complex64), np.ones((2, 4), np.complex64)).tolist() == [[1], [1]]


def test_a_darker_picture_of_less_contrast_looks_the_same(rng):
    pictures = rng.integers(0, 256, (1, 30, 30)).astype(np.uint8)
    places = as_complex(rng.uniform(0, 29, (1, 50, 2)))
    which = np.zeros(1, np.intp)
    bright, dark = (
        light_at(seen, which, places) for seen in (pictures, (pictures * 0.5 + 20).astype(np.uint8))
    )
    assert np.abs(bright - dark).max() <= 2  # of 48 in a spread: what rounding to whole grey levels does


def test_a_picture_of_one_grey_is_all_zeros():
    flat = np.full((1, 9, 9), 77, np.uint8)
    assert not light_at(flat, np.zeros(1, np.intp), as_complex(np.ones((1, 6, 2)))).any()


def test_outside_of_a_picture_its_edge_is_repeated():
    picture = np.arange(12, dtype=np.uint8).reshape(1, 3, 4) * 20
    outside, edge = np.array([[-5, 1], [9, -9], [2, 30]]), np.array([[0, 1], [3, 0], [2, 2]])
    seen = [light_at(picture, np.zeros(1, np.intp), as_complex(places)[None]) for places in (outside, edge)]
    np.testing.assert_array_equal(*seen)


def test_grey_leaves_a_grey_picture_but_for_its_sharpness():
    ramp = np.repeat(np.arange(0, 60, 3, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    np.testing.assert_array_equal(grey(ramp)[:, 1:-1], ramp[:, 1:-1, 0])


FAULTS = {
    "trees have 2 nodes": {"thresholds": np.zeros((6, 2), np.int16)},
    "2, 3 and 3 dimensions": {"leaves": np.zeros((6, 8), np.int8)},
    "offsets has shape": {"offsets": np.zeros((20, 3), np.float32)},
    "pairs has shape": {"pairs": np.zeros((6, 7), np.uint16)},
    "leaves has shape": {"leaves": np.zeros((6, 7, 4), np.int8)},
    "basis has shape": {"basis": np.zeros((3, 5, 2), np.float32)},
    "basis holds numbers that are not finite": {"basis": np.full((4, 5, 2), np.nan, np.float32)},
    "anchors are .* below 5": {"anchors": np.full(20, 5)},
    "pairs are .* below 20": {"pairs": np.full((6, 7, 2), -1)},
    "pairs are float": {"pairs": np.zeros((6, 7, 2))},
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_level_that_does_not_fit_together_is_refused(message, rng):
    with pytest.raises(ValueError, match=message):
        replace(level_by_chance(rng), **FAULTS[message])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"size": (0, 9)}, "size is"),
        ({"mean": np.zeros((4, 2))}, "level 0 moves 5 keypoints, expected 4"),
        ({"mean": np.full((5, 2), np.inf)}, "mean holds numbers that are not finite"),
    ],
)
def test_a_forest_whose_levels_do_not_fit_is_refused(fault, message, rng):
    with pytest.raises(ValueError, match=message):
        replace(forest_by_chance(rng), **fault)
