"""Learning to find every instance of a picture at once."""

import json
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from pinpoint.codecs.dekr import Dekr
from pinpoint.codecs.dense import Dense
from pinpoint.datasets.augmentation import Augmentation
from pinpoint.datasets.order import Draw
from pinpoint.datasets.samples import read_samples
from pinpoint.datasets.whole import WholePictures
from pinpoint.hub import ModelSpec
from pinpoint.io.images import write_image
from pinpoint.losses.detection import detection_loss
from pinpoint.models.plain_detector import DetectorWidths, PlainDetector
from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.preparation import Preparation
from pinpoint.runtime import open_session
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.build import build_task
from pinpoint.training.config import DataSource, TrainConfig
from pinpoint.training.device import normalised
from pinpoint.training.one_stage import OneStageTask, Schedule

SIZE = (96, 96)
TINY = DetectorWidths((8, 12, 16, 24, 32), (0, 0, 1, 1, 1), neck=16, head=16)
ENDS = Skeleton("ends", ("top", "bottom"), sigmas=(0.1, 0.1))
STICKS = (((20, 20, 16, 40),), ((50, 12, 20, 60), (10, 50, 12, 30)), ((30, 40, 18, 44), (60, 10, 14, 40)))
"""x y width height of what is in each picture."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sticks(tmp_path):
    return write_sticks(tmp_path)


def write_sticks(folder):
    """Annotations of pictures of bright sticks with a red top, which the folder beside it holds."""
    images, annotations = [], []
    for number, boxes in enumerate(STICKS):
        image = np.random.default_rng(number).integers(0, 60, (96, 96, 3), np.uint8)
        for x, y, w, h in boxes:
            cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), (230, 230, 230), -1)
            cv2.rectangle(image, (x, y), (x + w - 1, y + 7), (230, 0, 0), -1)
            ends = [x + w / 2, y + 4, 2, x + w / 2, y + h - 4, 2]
            annotations.append({"image_id": number, "bbox": [x, y, w, h], "area": w * h, "keypoints": ends})
        write_image(folder / f"{number}.png", image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 96})
    rows = [{"id": i, "category_id": 1, **one} for i, one in enumerate(annotations, 1)]
    category = {"id": 1, "name": "ends", "keypoints": list(ENDS.keypoints)}
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": rows, "categories": [category]}))
    return path


def task_of(sticks, columns=ENDS, **schedule):
    torch.manual_seed(0)
    samples = read_samples(sticks, None, columns, sticks.parent / "cache")
    codec = Dense(SIZE, len(columns))
    spec = ModelSpec("sticks", "body", "one-stage", SIZE, columns, codec, (128,) * 3, (64,) * 3)
    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    sources = [WholePictures(samples, SIZE, augmentation=still, mosaic=schedule.pop("mosaic", 0.0))]
    network = PlainDetector(codec, len(columns), TINY)
    return OneStageTask(
        network, spec, sources, [1.0], samples, loss=detection_loss, schedule=Schedule(**schedule)
    )


def taught(task, steps):
    """Show the same batch again and again; the network is left in evaluation mode."""
    batch = task.batch([Draw(0, 0, row) for row in range(len(STICKS))], 0.0)
    images = normalised(torch.from_numpy(batch.images), task.spec)
    targets = tuple(map(torch.from_numpy, batch.targets))
    optimizer = torch.optim.AdamW(task.network.train().parameters(), 4e-3)
    for _ in range(steps):
        total, weight = task.loss(task.network(images), targets)
        optimizer.zero_grad()
        (total / weight).backward()
        optimizer.step()
    return task.network.eval()


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A task whose network knows its pictures by heart."""
    task = task_of(write_sticks(tmp_path_factory.mktemp("sticks")))
    taught(task, 100)
    return task


def test_a_few_pictures_are_learnt_by_heart(learnt):
    measures = learnt.evaluate(learnt.network)
    assert measures["AP50"] > 0.95
    assert (measures["recall"], measures["false"]) == (1, 0)
    assert measures["OKS"] > 0.8


def test_what_is_found_on_people_without_labels_or_in_crowds_is_not_wrong(learnt):
    """As COCO has it: two of five instances lose their points, a third is a crowd."""
    val = learnt._val
    xy = val.xy.copy()
    bare = [int(val.of_picture(1)[0]), int(val.of_picture(2)[0])]
    xy[bare] = np.nan
    crowd = int(val.of_picture(2)[1])
    kept = replace(val, xy=xy, crowds={2: val.boxes[[crowd]]})[np.arange(len(xy)) != crowd]
    task = OneStageTask(learnt.network, learnt.spec, learnt._sources, [1.0], kept, loss=detection_loss)
    assert task.evaluate(task.network)["OKS"] > 0.8


def test_boxes_alone_are_learnt_by_heart(sticks):
    task = task_of(sticks, skeleton("box"))
    assert task.evaluate(task.network.eval())["AP50"] < 0.2
    measures = task.evaluate(taught(task, 60))
    assert (measures["AP50"] > 0.95, measures["recall"]) == (True, 1)
    assert "OKS" not in measures


class Readable(torch.nn.Module):
    """What an exported file puts out."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return self.network.readable(*self.network(images))


@pytest.fixture(scope="module")
def session(learnt, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "sticks.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the exporter that needs no further package says that it is the older
        torch.onnx.export(
            Readable(learnt.network).eval(),
            (torch.zeros(1, 3, *SIZE[::-1]),),
            str(path),
            input_names=["images"],
            dynamic_axes={"images": {0: "batch"}},
            dynamo=False,
        )
    return open_session(path)


def test_an_exported_file_finds_in_the_pipeline_what_training_measured(learnt, session):
    spec = ModelSpec.from_json(learnt.spec.to_json())
    find = OneStage(session, spec.codec, Preparation.of(spec, session.input), ENDS, spec.align)
    ours = learnt.predict(learnt.network, [1])[0].above(learnt.codec.min_score)
    found = find(np.ascontiguousarray(learnt._val.pictures[1]))
    assert len(ours) == 2
    np.testing.assert_allclose(found.boxes, ours.boxes, atol=0.01)
    np.testing.assert_allclose(found.xy, ours.xy, atol=0.01)


def test_an_exported_file_takes_any_number_of_pictures(session):
    one, three = (session.run(np.ones((n, 3, *SIZE[::-1]), np.float32))[0] for n in (1, 3))
    np.testing.assert_allclose(three, np.repeat(one, 3, axis=0), atol=1e-3)


@pytest.mark.parametrize(("progress", "size"), [(0.0, (64, 64)), (0.5, SIZE)])
def test_the_first_part_of_a_run_is_small(sticks, progress, size):
    batch = task_of(sticks, small_size=(64, 64), small_share=0.5).batch([Draw(0, 0, 0)], progress)
    assert batch.images.shape == (1, *size, 3)
    np.testing.assert_allclose(batch.targets[0][0, 0, 3] * 96 / size[1], 60, atol=1)


@pytest.mark.parametrize(("progress", "cells"), [(0.0, 16), (0.5, 24)])
def test_targets_are_of_the_size_of_the_pictures(sticks, progress, cells):
    task = task_of(sticks, small_size=(64, 64), small_share=0.5)
    task.spec = replace(task.spec, codec=Dekr(SIZE, 2))
    assert task.batch([Draw(0, 0, 0)], progress).targets[0].shape == (1, 3, cells, cells)


def test_mosaics_end_before_the_run_does(sticks):
    task = task_of(sticks, mosaic=1.0, mosaic_until=0.8)
    early, late = (task.batch([Draw(0, 0, 0)], progress) for progress in (0.79, 0.8))
    plain = task_of(sticks).batch([Draw(0, 0, 0)], 0.0)
    assert (late.images == plain.images).all()
    assert (early.images != plain.images).any()


def test_pictures_are_drawn_in_the_form_the_network_sees(sticks):
    task = task_of(sticks)
    drawn = task.pictures(task.network.eval())
    assert [image.shape for image in drawn] == [(96, 96, 3)] * len(STICKS)
    assert (drawn[0] == task._plain.picture(0, 0)[0]).all()  # an untaught network is sure of nothing


def config_of(sticks, **changes):
    values = {"model": "plain-det-n", "data": (DataSource(sticks.name),), "val": (DataSource(sticks.name),)}
    return TrainConfig(**values | changes)


def test_a_detector_learns_boxes_from_data_with_keypoints(sticks):
    task = build_task(config_of(sticks), sticks.parent, sticks.parent / "cache")
    assert (task.spec.task, task.spec.pipeline, len(task.spec.skeleton)) == (
        "person-detector",
        "one-stage",
        0,
    )
    assert task.lengths == (len(STICKS),)
    assert ModelSpec.from_json(task.spec.to_json()) == task.spec


def test_one_stage_models_learn_the_keypoints_of_the_data(sticks):
    task = build_task(config_of(sticks, model="plain-one-n"), sticks.parent, sticks.parent / "cache")
    assert task.spec.codec.keypoints == len(task.spec.skeleton) == 2


def test_a_loss_of_another_kind_of_network_is_refused(sticks):
    with pytest.raises(ValueError, match="plain-det-n has a loss of its own"):
        build_task(config_of(sticks, loss="simcc-kl"), sticks.parent, sticks.parent / "cache")
