"""The codecs on networks of other projects and real photographs."""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from pinpoint.codecs import make_codec
from pinpoint.geometry import (
    box_regions,
    invert,
    iou,
    letterbox,
    mirror,
    region_matrices,
    transform_boxes,
    transform_points,
    warp,
)

DATA = Path(__file__).parents[2] / "../shared/data"
COCO17_SWAP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
FACE5_SWAP = [1, 0, 2, 4, 3]
IMAGENET = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])  # blue first

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data"),
]


class Detector:
    """A published ONNX detector run bare: letterbox, network, codec."""

    def __init__(self, kind, file, side, mean=0.0, std=1.0, **fields):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        path = str(DATA / "weights" / file)
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.codec = make_codec(kind, (side, side), **fields)
        self.mean, self.std = mean, std

    def prepare(self, image):
        map_ = letterbox(image.shape[1::-1], self.codec.input_size)
        return warp(image, map_, self.codec.input_size, 114), map_

    def read(self, picture):
        batch = ((picture - self.mean) / self.std).transpose(2, 0, 1)[None].astype(np.float32)
        return self.codec.decode(*self.session.run(None, {self.session.get_inputs()[0].name: batch}))


@cache
def yolox():
    return Detector("yolox", "yolox_nano.onnx", 416)


@cache
def rtmdet():
    return Detector("rtmdet", "rtmdet_nano_person_end2end.onnx", 320, *IMAGENET, min_score=0.2)


@cache
def yunet():
    return Detector("yunet", "yunet_n_dynamic.onnx", 320)


@cache
def labelled(folder, many):
    """Pictures of a set, blue first, each with its annotations."""
    labels = json.loads((DATA / f"{folder}.json").read_text("utf-8"))
    by_image = {}
    for annotation in labels["annotations"]:
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    images = [image for image in labels["images"] if image["id"] in by_image][:many]
    return [(cv2.imread(str(DATA / folder / i["file_name"])), by_image[i["id"]]) for i in images]


def corners(annotation):
    x, y, width, height = annotation["bbox"]
    return [x - 0.5, y - 0.5, x + width - 0.5, y + height - 0.5]


@pytest.mark.parametrize(("detector", "recall"), [(yolox, 0.72), (rtmdet, 0.83)])
def test_most_people_are_found(detector, recall):
    """Measured on all 125 pictures: YOLOX-nano .77 above score .3, RTMDet-nano .88 above score .2."""
    network, found, total = detector(), 0, 0
    for image, annotations in labelled("coco_person/val", 60):
        truth = np.array([corners(a) for a in annotations if not a["iscrowd"]])
        picture, map_ = network.prepare(image)
        boxes = transform_boxes(network.read(picture).boxes, invert(map_))
        found += (iou(truth, boxes).max(axis=1, initial=0) >= 0.5).sum()
        total += len(truth)
    assert found / total >= recall


def face5(annotation):
    """The five points that the 68 imply, the person's own right first."""
    xy = np.array(annotation["keypoints"]).reshape(68, 3)[:, :2]
    return np.stack([xy[36:42].mean(axis=0), xy[42:48].mean(axis=0), xy[30], xy[48], xy[54]])


def test_yunet_finds_every_face_and_tells_right_from_left():
    """Within a fifth of the distance between the eyes; a swapped pair would be off by a whole one."""
    for image, (annotation,) in labelled("face68/test", 60):
        picture, map_ = yunet().prepare(image)
        xy = transform_points(yunet().read(picture).xy, invert(map_))
        truth = face5(annotation)
        errors = np.linalg.norm(xy - truth, axis=2).mean(axis=1) / np.linalg.norm(truth[0] - truth[1])
        assert errors.min() < 0.2


def half_differences(detector, folder, many, read, swap):
    """Half of how far x in a picture is from x in its mirror image: what a wrong convention adds to both."""
    network, shifts = detector(), []
    for image, _ in labelled(folder, many):
        picture, _ = network.prepare(image)
        straight, turned = network.read(picture), network.read(np.ascontiguousarray(picture[:, ::-1]))
        back = mirror(picture.shape[1])
        overlap = iou(straight.boxes, transform_boxes(turned.boxes, back))
        for row, column in np.argwhere(overlap > 0.7):
            shifts.append(read(straight, row) - read(turned, column, back)[swap])
    return np.concatenate(shifts) / 2


def box_edges(found, row, back=None):
    boxes = found.boxes[[row]] if back is None else transform_boxes(found.boxes[[row]], back)
    return boxes[0, [0, 2]]


def point_columns(found, row, back=None):
    return (found.xy[row] if back is None else transform_points(found.xy[row], back))[:, 0]


@pytest.mark.parametrize(
    ("detector", "folder", "read", "swap"),
    [
        (yolox, "coco_person/val", box_edges, [0, 1]),
        (rtmdet, "coco_person/val", box_edges, [0, 1]),
        (yunet, "face68/test", box_edges, [0, 1]),
        (yunet, "face68/test", point_columns, FACE5_SWAP),
    ],
    ids=["yolox", "rtmdet", "yunet-boxes", "yunet-points"],
)
def test_a_picture_and_its_mirror_image_agree_on_where_things_are(detector, folder, read, swap):
    """The wrong convention would show as half a pixel; a quarter tells the two apart."""
    shifts = half_differences(detector, folder, 40, read, swap)
    assert len(shifts) > 50
    assert abs(np.median(shifts)) < 0.25


def movenet():
    from ai_edge_litert.interpreter import Interpreter

    path = DATA / "weights/movenet_single_pose_lightning_ptq.tflite"
    network = Interpreter(str(path), num_threads=2)
    network.allocate_tensors()
    given, put_out = network.get_input_details()[0]["index"], network.get_output_details()[0]["index"]
    codec = make_codec("movenet", (192, 192))

    def read(picture):
        network.set_tensor(given, picture[None])
        network.invoke()
        return codec.decode(network.get_tensor(put_out))

    return read


@cache
def movenet_readings():
    """Points (N, 17, 2), those of the mirror image, where both are sure (N, 17), and labels (N, 17, 3)."""
    read, readings = movenet(), []
    for image, annotations in labelled("coco_person/val", 125):
        for annotation in [a for a in annotations if a["num_keypoints"] >= 8]:
            map_ = region_matrices(*box_regions(np.array([corners(annotation)]), 1.0), 0.0, (192, 192))[0]
            picture = cv2.cvtColor(warp(image, map_, (192, 192)), cv2.COLOR_BGR2RGB)
            (xy,), (scores,) = read(picture)
            (turned,), (turned_scores,) = read(np.ascontiguousarray(picture[:, ::-1]))
            turned = transform_points(turned, mirror(192))[COCO17_SWAP]
            truth = np.array(annotation["keypoints"], dtype=float).reshape(17, 3)
            truth[:, :2] = transform_points(truth[:, :2], map_)
            readings.append((xy, turned, np.minimum(scores, turned_scores[COCO17_SWAP]) > 0.5, truth))
    return [np.stack(column) for column in zip(*readings, strict=True)]


def test_movenet_agrees_with_its_mirror_image():
    """Its points come in steps of .8 pixels: the mean tells the conventions apart, the median may not."""
    xy, turned, sure, _ = movenet_readings()
    shifts = (xy - turned)[sure][:, 0] / 2
    assert len(shifts) > 400
    assert abs(np.mean(shifts)) < 0.25


def test_movenet_points_lie_on_the_labels():
    """Axes or sides that were swapped would be tens of pixels off."""
    xy, _, sure, truth = movenet_readings()
    labelled_too = sure & (truth[..., 2] > 0)
    errors = np.linalg.norm(xy - truth[..., :2], axis=-1)[labelled_too]
    assert np.median(errors) < 4
