"""The gate measures what it says it does, and nothing that fails it is kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pinpoint.codecs.dense import Dense
from pinpoint.codecs.heatmap import Heatmap
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.samples import read_samples
from pinpoint.hub import ModelSpec
from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.io.images import write_image
from pinpoint.keypoints import Keypoints
from pinpoint.runtime import FakeSession, TensorSpec
from pinpoint.skeletons import skeleton
from pinpoint.training.export import export_onnx
from pinpoint.training.gate import LIMITS, GateError, Limits, compare, limits_for, write_through_gate
from pinpoint.training.gate_samples import GateSamples, NetworkSession, read_gate_samples
from shapes import make_shapes
from trained import ARROW, chance_network

SIZE = (64, 64)
CODEC = Heatmap(SIZE, (64, 64), sigma=2.0, blur=1)
CROPS = ModelSpec("mine", "object", "top-down", SIZE, ARROW, CODEC)
WHOLE = ModelSpec("mine", "object", "one-stage", SIZE, ARROW, Dense(SIZE, 4))
INPUT = TensorSpec("images", (None, 3, *SIZE), np.dtype(np.float32))
COUNT = 12


@pytest.fixture
def points(rng):
    return rng.uniform(16, 44, (COUNT, 4, 2))


def samples_of(spec, points):
    """Pictures whose first pixel says which they are, and what is in them."""
    pictures = [np.full((64, 64, 3), number, np.uint8) for number in range(len(points))]
    boxes = np.concatenate([points.min(axis=1) - 4, points.max(axis=1) + 4], axis=1)
    rows = zip(points, boxes, strict=True)
    truth = [Keypoints(xy[None], np.ones((1, 4)), ARROW, boxes=[b], areas=[400.0]) for xy, b in rows]
    return GateSamples(spec, tuple(pictures), tuple(truth))


def numbers_of(batch):
    return np.rint(batch[:, 0, 0, 0] * 255).astype(int)


def heatmaps(points, height=1.0):
    maps, _ = CODEC.encode(points, np.ones(points.shape[:2], bool))
    return FakeSession(lambda batch: (maps[numbers_of(batch)] * height,), input=INPUT)


def table_of(boxes, scores, points):
    """What a network that is read by `Dense` puts out for instances of shapes (M, N, ...)."""
    sure = np.full((*points.shape[:-1], 1), 0.9)
    flat = np.concatenate([points, sure], axis=-1).reshape(*points.shape[:2], -1)
    table = np.concatenate([boxes, scores[..., None], flat], axis=-1)
    return FakeSession(lambda batch: (table[numbers_of(batch)],), input=INPUT)


@pytest.mark.parametrize("move", [0.0, 0.25, 3.0])
def test_point_errors_are_pixels_of_the_input(move, points):
    """The codec reads its own bells to a hundredth of a pixel."""
    moved = points + np.array([move, 0])
    report = compare(heatmaps(points), heatmaps(moved), samples_of(CROPS, points))
    for difference in report.differences:
        assert [difference.p50, difference.p95, difference.max] == pytest.approx([move] * 3, abs=0.01)
        assert difference.score == pytest.approx(0, abs=0.04)


def test_score_errors_are_those_of_the_worst_point(points):
    (difference,) = compare(
        heatmaps(points), heatmaps(points, 0.5), samples_of(CROPS, points), batches=(4,)
    ).differences
    assert difference.score == pytest.approx(
        0.5, abs=1e-3
    )  # the highest of 48 bells, in the middle of a cell
    assert difference.max == pytest.approx(0, abs=1e-6)


def test_the_loss_of_precision_is_told(points):
    """Far away every instance is wrong: from 1 to 0."""
    report = compare(heatmaps(points), heatmaps(points[:, ::-1]), samples_of(CROPS, points), batches=(5,))
    (difference,) = report.differences
    assert (difference.before, difference.after) == (1, pytest.approx(0, abs=0.05))
    assert difference.drop == difference.before - difference.after
    assert not report.passes(Limits(drop=0.5))


def test_a_file_that_is_wrong_for_several_pictures_at_a_time_alone_is_caught(points):
    maps, _ = CODEC.encode(points, np.ones(points.shape[:2], bool))

    def first_for_all(batch):
        return (maps[numbers_of(batch)[[0] * len(batch)]],)

    report = compare(heatmaps(points), FakeSession(first_for_all, input=INPUT), samples_of(CROPS, points))
    one, several = report.differences
    assert (one.batch, one.max) == (1, 0)
    assert several.max > 1
    assert not report.passes(LIMITS["float32"])


@pytest.mark.parametrize("swapped", [False, True])
def test_instances_are_compared_with_the_one_they_overlap(swapped, points):
    """A shift of a box of side 20 by 1 leaves 19 of 21."""
    boxes = np.array([[[4, 4, 24, 24], [30, 30, 50, 50.0]]]).repeat(COUNT, 0)
    scores, xy = np.array([[0.9, 0.8]]).repeat(COUNT, 0), np.stack([points, points + 10], 1)
    order = [1, 0] if swapped else [0, 1]
    moved, lower = boxes + np.array([1, 0, 1, 0]), xy + np.array([0, 2])
    found = table_of(moved[:, order], scores[:, order] - 0.05, lower[:, order])
    report = compare(table_of(boxes, scores, xy), found, samples_of(WHOLE, points), batches=(1,))
    (difference,) = report.differences
    assert difference.overlap == pytest.approx(1 - 19 / 21)
    assert difference.score == pytest.approx(0.05)
    assert (difference.p50, difference.max) == pytest.approx((2, 2))
    assert difference.unpaired == 0


def test_instances_that_one_of_them_misses_are_counted(points):
    boxes = np.array([[[4, 4, 24, 24], [30, 30, 50, 50.0]]]).repeat(COUNT, 0)
    scores, xy = np.array([[0.9, 0.8]]).repeat(COUNT, 0), np.stack([points, points + 10], 1)
    found = table_of(boxes, scores * [1, 0.1], xy)
    report = compare(table_of(boxes, scores, xy), found, samples_of(WHOLE, points), batches=(1,))
    assert report.differences[0].unpaired == pytest.approx(1 / (1 + 4))  # beside one with its four points
    assert not report.passes(LIMITS["float16"])


def test_what_finds_nothing_cannot_be_compared(points):
    nothing = table_of(np.zeros((COUNT, 1, 4)), np.zeros((COUNT, 1)), points[:, None])
    report = compare(nothing, nothing, samples_of(WHOLE, points), batches=(1,))
    assert report.empty
    assert not report.passes(LIMITS["float32"])
    assert "above the limit" in report.table(LIMITS["float32"])


def test_a_file_that_finds_nothing_of_what_the_network_finds_is_compared(points):
    boxes = np.array([[[4, 4, 24, 24.0]]]).repeat(COUNT, 0)
    some, none = (table_of(boxes, np.full((COUNT, 1), score), points[:, None]) for score in (0.9, 0.0))
    assert not compare(some, none, samples_of(WHOLE, points), batches=(1,)).empty


def test_the_table_marks_what_is_above_its_limit(points):
    report = compare(heatmaps(points), heatmaps(points + 1), samples_of(CROPS, points), batches=(2, 3))
    lines = report.table(Limits(p95=2, max=0.5)).splitlines()
    assert lines[0].split() == ["12", "samples", "batch", "2", "batch", "3", "limit"]
    marked = [line for line in lines if "above the limit" in line]
    assert [line.split("(px)")[0].strip() for line in marked] == ["point error, largest"]


def test_a_point_on_a_ruler_may_move_by_one_mark():
    _, spec = chance_network("rtmpose-t", size=SIZE)
    assert limits_for("float32", spec).max == pytest.approx(2**0.5 / 2)  # half a pixel in x and in y
    assert limits_for("float32", CROPS) == LIMITS["float32"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return make_shapes(tmp_path_factory.mktemp("shapes"), 12)


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    return chance_network("plain-n", size=SIZE)


@pytest.mark.parametrize("half", [False, True])
def test_an_export_passes_and_is_kept(half, network, shapes, tmp_path):
    samples = read_gate_samples(network[1], shapes, count=8)
    path, limits = tmp_path / "mine.onnx", LIMITS["float16" if half else "float32"]
    write_through_gate(
        path, lambda part: export_onnx(*network, part, half=half), NetworkSession(*network), samples, limits
    )
    assert [file.name for file in tmp_path.iterdir()] == ["mine.onnx"]


@pytest.mark.parametrize("before", [None, b"the old one"])
def test_a_file_of_other_weights_is_not_kept(before, network, shapes, tmp_path):
    """One part in a hundred, of one layer of twenty."""
    other, spec = chance_network("plain-n", size=SIZE)
    other.head.weight.mul_(1 + 0.01 * torch.randn_like(other.head.weight))
    path = tmp_path / "mine.onnx"
    if before:
        path.write_bytes(before)
    samples = read_gate_samples(spec, shapes, count=8)
    with pytest.raises(GateError, match="above the limit"):
        write_through_gate(
            path,
            lambda part: export_onnx(other, spec, part),
            NetworkSession(*network),
            samples,
            LIMITS["float32"],
        )
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("spec", [CROPS, replace(WHOLE, align=0.0)], ids=["crop", "whole"])
def test_truth_lies_on_the_picture_as_the_network_is_shown_it(spec, shapes, tmp_path):
    """Light the pixels of the labels in the files: the lights are where the truth says they are."""
    for record in read_coco_truth(shapes):
        picture = np.zeros((120, 160, 3), np.uint8)
        x, y = np.rint(record.keypoints.xy[0, 0]).astype(int)
        picture[y - 1 : y + 2, x - 1 : x + 2] = 255
        write_image(tmp_path / record.image, picture)
    shown = read_gate_samples(spec, shapes, tmp_path, count=100)
    assert len(shown) == 12
    for picture, kps in zip(shown.pictures, shown.truth, strict=True):
        weights = picture[..., 0].astype(float)
        rows, columns = np.indices(weights.shape)
        middle = [(weights * columns).sum() / weights.sum(), (weights * rows).sum() / weights.sum()]
        np.testing.assert_allclose(middle, kps.xy[0, 0], atol=1)


def test_only_the_pictures_of_the_samples_are_read(tmp_path):
    path = make_shapes(tmp_path, 5)
    for number in (2, 3, 4):
        (tmp_path / f"{number:04}.png").unlink()
    assert len(read_gate_samples(CROPS, path, count=2)) == 2


def test_labels_of_something_else_are_refused(shapes):
    with pytest.raises(ValueError, match="share no keypoint"):
        read_gate_samples(replace(CROPS, skeleton=skeleton("hand21")), shapes)


def test_areas_of_truth_shrink_with_the_picture(shapes):
    samples = read_gate_samples(WHOLE, shapes, count=3)
    sides = [kps.boxes[0, 2:] - kps.boxes[0, :2] for kps in samples.truth]
    shares = [kps.areas[0] / side.prod() for kps, side in zip(samples.truth, sides, strict=True)]
    np.testing.assert_allclose(shares, 0.5, rtol=0.01)  # as the set is labelled


def changed(folder, edit):
    path = make_shapes(folder, 4)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return path


def test_what_cannot_be_shown_is_left_out_and_the_rest_is_compared(tmp_path, caplog):
    path = make_shapes(tmp_path, 4)
    (tmp_path / "0002.png").unlink()
    (tmp_path / "0003.png").write_bytes(b"no picture")
    assert len(read_gate_samples(CROPS, path)) == 2
    assert "2 of 4 samples are left out; the first: " in caplog.text
    assert "0002.png" in caplog.text


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [10, 10, -5, 20], None], ids=str)
def test_a_box_that_cannot_be_used_is_made_from_the_points_as_in_training(box, tmp_path):
    path = changed(tmp_path, lambda document: document["annotations"][1].update(bbox=box))
    (_, truth, *_) = read_gate_samples(CROPS, path).truth
    samples = read_samples(path, None, ARROW, tmp_path / "cache")
    points = Crops(samples, SIZE, CROPS.box_scale).crop(1, 0)[1]
    np.testing.assert_allclose(truth.xy[0], points, atol=1e-6)


def test_labels_of_another_size_than_the_picture_are_stretched_as_in_training(tmp_path):
    """Labels made in pictures of half the size say the same."""

    def halve(document):
        for image in document["images"]:
            image.update(width=80, height=60)
        for one in document["annotations"]:
            one["bbox"] = [value / 2 for value in one["bbox"]]
            xyv = np.array(one["keypoints"]).reshape(-1, 3)
            xyv[:, :2] = (xyv[:, :2] + 0.5) / 2 - 0.5
            one["keypoints"] = xyv.ravel().tolist()

    found = read_gate_samples(CROPS, changed(tmp_path / "half", halve))
    wanted = read_gate_samples(CROPS, make_shapes(tmp_path / "whole", 4))
    for one, other in zip(found.truth, wanted.truth, strict=True):
        np.testing.assert_allclose(one.xy, other.xy, atol=0.02)  # labels have two decimals
