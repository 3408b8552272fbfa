"""Heatmaps over boxes, read where torchvision reads them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from pinpoint.codecs.keypoint_rcnn import EDGE, LAG, KeypointRegions
from pinpoint.losses.keypoint_rcnn import keypoint_cells

CELLS = 56


def bumps(xy, box, spread=2.0):
    """Logits (1, 1, K, 56, 56) that are highest in the middle of the cells that hold points, from one box."""
    cells = (xy - LAG - box[:2]) / (box[2:] - box[:2]) * CELLS
    middles = np.floor(cells)[..., None, None] + 0.5
    row, column = np.mgrid[:CELLS, :CELLS] + 0.5
    away = (column - middles[:, 0]) ** 2 + (row - middles[:, 1]) ** 2
    return (-away / (2 * spread**2))[None, None].astype(np.float32)


@pytest.mark.parametrize("box", [(100.0, 60.0, 324.0, 396.0), (3.3, 7.9, 50.1, 30.2)])
def test_a_point_is_read_within_its_cell(box):
    """The only error allowed is half a cell, and half a pixel of the enlarged map. Edges have no far side."""
    rng, box = np.random.default_rng(0), np.array(box)
    cell = (box[2:] - box[:2]) / CELLS
    xy = rng.uniform(box[:2] + cell + LAG, box[2:] - cell + LAG, (30, 2))
    codec = KeypointRegions((512, 512), keypoints=30, instances=1)
    found = codec.decode(box[None, None], np.ones((1, 1)), bumps(xy, box))
    assert (np.abs(found.xy[0] - xy) <= cell / 2 + 0.5 + 1e-4).all()
    np.testing.assert_allclose(found.boxes[0], box - EDGE)


def test_cells_that_teach_are_those_that_are_read():
    rng, box = np.random.default_rng(1), np.array([20.0, 30.0, 132.0, 86.0])
    cells = rng.integers(0, CELLS, (40, 2))
    maps = np.zeros((1, 1, 40, CELLS, CELLS), np.float32)
    maps[0, 0, np.arange(40), cells[:, 1], cells[:, 0]] = 20.0
    codec = KeypointRegions((256, 256), keypoints=40, instances=1)
    found = codec.decode(box[None, None], np.ones((1, 1)), maps)
    wanted, there = keypoint_cells(
        torch.from_numpy(found.xy), torch.from_numpy(box)[None].expand(1, 4), CELLS
    )
    assert there.all()
    assert wanted.tolist() == [(cells[:, 1] * CELLS + cells[:, 0]).tolist()]


def test_maps_are_enlarged_as_torch_enlarges_them():
    maps = np.random.default_rng(0).normal(size=(1, 1, 6, CELLS, CELLS)).astype(np.float32)
    box = np.array([10.25, 20.5, 110.0, 61.75])
    codec = KeypointRegions((256, 256), keypoints=6, instances=1)
    xy = codec.decode(box[None, None], np.ones((1, 1)), maps).xy[0]
    grown = functional.interpolate(torch.from_numpy(maps[0]), size=(42, 100), mode="bicubic")[0]
    best = grown.flatten(1).argmax(dim=1).numpy()
    pixels = np.stack([best % 100, best // 100], axis=1) + 0.5
    np.testing.assert_allclose(xy, box[:2] + pixels * [99.75 / 100, 41.25 / 42] + LAG, atol=1e-9)


def test_a_score_is_the_share_of_the_softmax_around_the_peak():
    maps = np.full((1, 1, 2, CELLS, CELLS), -1e4, np.float32)
    maps[0, 0, :, 30, 20:22] = 0.0  # two cells side by side
    maps[0, 0, 1, 5, 5:7] = 0.0  # and two more elsewhere
    codec = KeypointRegions((256, 256), keypoints=2, instances=1)
    found = codec.decode(np.array([[[0.0, 0.0, 112.0, 112.0]]]), np.ones((1, 1)), maps)
    np.testing.assert_allclose(found.scores, [[1.0, 0.5]], atol=1e-6)


def test_instances_below_the_least_score_and_empty_rows_are_dropped():
    maps = np.zeros((1, 3, 1, CELLS, CELLS), np.float32)
    boxes, scores = np.tile([[1.0, 1.0, 9.0, 9.0]], (1, 3, 1)), np.array([[0.9, 0.3, 0.0]])
    for least, count in ((0.5, 1), (0.1, 2), (0.0, 2)):
        codec = KeypointRegions((64, 64), keypoints=1, min_score=least, instances=3)
        assert len(codec.decode(boxes, scores, maps).boxes) == count


def test_other_shapes_are_refused():
    codec = KeypointRegions((64, 64), keypoints=2)
    with pytest.raises(ValueError, match=r"expected \(\(1, 3, 4\), \(1, 3\), \(1, 3, 2, 56, 56\)\)"):
        codec.decode(np.zeros((1, 3, 4)), np.zeros((1, 3)), np.zeros((1, 3, 1, 56, 56)))


def test_there_is_a_keypoint_and_an_instance():
    with pytest.raises(ValueError, match="0 keypoints of 100 instances"):
        KeypointRegions((64, 64), keypoints=0)
