"""MediaPipe's detectors: anchors and merging against independent, slow versions."""

import numpy as np
import pytest

from pinpoint.codecs import make_codec
from pinpoint.codecs.activation import logit
from pinpoint.codecs.ssd import Ssd
from pinpoint.hub import catalogue

ANCHORS = {
    "mediapipe-pose-detector": 2254,
    "mediapipe-face-short": 896,
    "mediapipe-face-full": 2304,
    "mediapipe-palm-full": 2016,
    "mediapipe-palm-lite": 2016,
}
"""Rows of the networks' own outputs."""

SMALL = {"kind": "ssd", "input_size": (32, 16), "strides": [8, 16, 16], "anchors": 2, "keypoints": 3}
ROWS = 4 * 2 * 2 + 2 * 1 * 4


def by_mediapipe(size, strides, per_layer):
    """MediaPipe's loop (ssd_anchors_calculator.cc), in pixel centres: layers of one stride share a cell."""
    centers, layer = [], 0
    while layer < len(strides):
        together = [stride for stride in strides[layer:] if stride == strides[layer]]
        columns, rows = (-(-side // strides[layer]) for side in size)
        for y in range(rows):
            for x in range(columns):
                place = [(x + 0.5) / columns * size[0] - 0.5, (y + 0.5) / rows * size[1] - 0.5]
                centers += [place] * (per_layer * len(together))
        layer += len(together)
    return np.array(centers)


@pytest.mark.parametrize("name", ANCHORS)
def test_anchors_lie_where_mediapipe_puts_them(name):
    codec = catalogue()[name].codec
    assert len(codec.centers) == ANCHORS[name]
    expected = by_mediapipe(codec.input_size, codec.strides, codec.anchors)
    np.testing.assert_allclose(codec.centers, expected, atol=1e-9)


def test_every_detector_of_its_kind_is_tested_here():
    assert set(ANCHORS) == {name for name, spec in catalogue().items() if isinstance(spec.codec, Ssd)}


def outputs(rows=ROWS, values=10):
    return np.zeros((1, rows, values), np.float32), np.full((1, rows, 1), -50, np.float32)


def test_a_lit_anchor_is_read_from_its_middle():
    """Anchors 2 and 3 belong to the second cell of the first row, of stride 8."""
    boxes, logits = outputs()
    boxes[0, 2] = [1, 2, 6, 4, 0, 0, -3, 1, 5, 5]
    logits[0, 2] = logit(0.75)
    found = make_codec(**SMALL).decode(boxes, logits)
    x, y = 8 + 3.5, 3.5
    np.testing.assert_allclose(found.boxes, [[x + 1 - 3, y + 2 - 2, x + 1 + 3, y + 2 + 2]])
    np.testing.assert_allclose(found.box_scores, [0.75])
    np.testing.assert_allclose(found.xy[0], [[x, y], [x - 3, y + 1], [x + 5, y + 5]])
    np.testing.assert_allclose(found.scores, [[0.75] * 3])


def slow_merge(boxes, points, scores, max_iou):
    """Take the best, average by score all that overlap it, leave out what was taken; and again."""

    def overlap(a, b):
        width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        both = width * height
        return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)

    left, merged = sorted(range(len(boxes)), key=lambda row: -scores[row]), []
    while left:
        best = left[0]
        cluster = [row for row in left if overlap(boxes[best], boxes[row]) > max_iou]
        weights = scores[cluster] / scores[cluster].sum()
        merged.append((weights @ boxes[cluster], np.tensordot(weights, points[cluster], 1), scores[best]))
        left = [row for row in left if row not in cluster]
    return merged


@pytest.mark.parametrize("seed", range(10))
def test_merging_is_mediapipes_weighted_suppression(seed):
    rng = np.random.default_rng(seed)
    raw, logits = outputs()
    raw[..., :2], raw[..., 2:4] = rng.normal(0, 2, (1, ROWS, 2)), rng.uniform(4, 20, (1, ROWS, 2))
    raw[..., 4:], logits[...] = rng.normal(0, 5, (1, ROWS, 6)), rng.normal(0, 2, (1, ROWS, 1))
    codec = make_codec(**SMALL)
    sure = logits[0, :, 0] > 0
    middle = codec.centers[sure] + raw[0, sure, :2]
    boxes = np.hstack([middle - raw[0, sure, 2:4] / 2, middle + raw[0, sure, 2:4] / 2])
    points = raw[0, sure, 4:].reshape(-1, 3, 2) + codec.centers[sure, None]
    expected = slow_merge(boxes, points, 1 / (1 + np.exp(-logits[0, sure, 0].astype(float))), 0.3)
    found = codec.decode(raw, logits)
    assert 1 < len(expected) < sure.sum()
    for part, wanted in zip(
        (found.boxes, found.xy, found.box_scores), zip(*expected, strict=True), strict=True
    ):
        np.testing.assert_allclose(part, wanted, rtol=1e-6, atol=1e-5)


def cluster(*scores):
    """Boxes of 10 that overlap, each a pixel to the right of the last, all from the first anchor's middle."""
    boxes, logits = outputs()
    codec = make_codec(**SMALL, min_score=0.3, sure=0.5)
    for row, score in enumerate(scores):
        boxes[0, row, :4] = [*(codec.centers[0] + [row, 0] - codec.centers[row]), 10, 10]
        logits[0, row] = logit(score)
    found = codec.decode(boxes, logits)
    return (found.boxes[:, 0] + 5 - codec.centers[0, 0]).tolist(), found.box_scores.tolist()


def test_the_unsure_do_not_move_the_sure():
    middles, scores = cluster(0.8, 0.4, 0.45)
    np.testing.assert_allclose((middles, scores), ([0], [0.8]), atol=1e-6)


def test_the_sure_move_each_other():
    middles, scores = cluster(0.9, 0.6, 0.4)
    np.testing.assert_allclose((middles, scores), ([0.6 / 1.5], [0.9]), atol=1e-6)


def test_among_the_unsure_the_best_has_its_place():
    middles, scores = cluster(0.35, 0.45)
    np.testing.assert_allclose((middles, scores), ([1], [0.45]), atol=1e-6)


def test_a_score_of_exactly_the_minimum_is_kept():
    boxes, logits = outputs()
    boxes[0, :, 2:4] = 4
    logits[0, 0] = 0.0  # .5
    logits[0, 9] = -1e-3
    assert len(make_codec(**SMALL).decode(boxes, logits).boxes) == 1


@pytest.mark.parametrize("column", range(10))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_dropped_and_the_rest_kept(column, value):
    boxes, logits = outputs()
    boxes[0, :, 2:4] = 4
    logits[0, [0, 15]] = 3
    boxes[0, 0, column] = value
    found = make_codec(**SMALL).decode(boxes, logits)
    np.testing.assert_allclose(found.boxes.mean(axis=0), [25.5, 9.5, 29.5, 13.5])


@pytest.mark.parametrize("size", [(-4, 4), (4, 0)])
def test_a_box_without_area_is_dropped(size):
    boxes, logits = outputs()
    boxes[0, 0, 2:4], logits[0, 0] = size, 3
    assert len(make_codec(**SMALL).decode(boxes, logits).boxes) == 0


def test_nothing_found_has_the_shapes_of_something_found():
    found = make_codec(**SMALL).decode(*outputs())
    assert [part.shape for part in found] == [(0, 4), (0,), (0, 3, 2), (0, 3)]


def test_no_confidence_is_too_large_to_be_told():
    boxes, logits = outputs()
    boxes[0, :, 2:4] = 4
    logits[0, 0] = 3e38
    assert make_codec(**SMALL).decode(boxes, logits).box_scores.tolist() == [1.0]
