import json
import logging

import numpy as np
import pytest
import torch

from pinpoint.datasets.order import Draw
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.build import SIGMA, build_task, read_data, with_sigmas
from pinpoint.training.config import config_from_dict
from shapes import make_shapes

torch.set_num_threads(1)


@pytest.fixture
def labels(tmp_path):
    """Path of the annotations of four pictures, and a function that changes them."""
    path = make_shapes(tmp_path / "shapes", 4)

    def change(edit):
        document = json.loads(path.read_text())
        edit(document)
        path.write_text(json.dumps(document))

    return path, change


def config(path, **said):
    plain = {"model": "plain-n", "data": [{"annotations": path.name}], "input_size": [96, 96], **said}
    return config_from_dict(plain)


def read(path, **said):
    return read_data(config(path, **said), path.parent, path.parent / "cache")


def hide(document, keypoint):
    for annotation in document["annotations"]:
        annotation["keypoints"][3 * keypoint : 3 * keypoint + 3] = [0, 0, 0]


def test_a_tenth_of_the_pictures_is_kept_back_and_never_learnt_from(tmp_path):
    data = read(make_shapes(tmp_path, 20))
    assert (len(data.train[0]), len(data.val)) == (18, 2)
    assert not set(data.train[0].picture) & set(data.val.picture)


def test_of_pictures_with_nothing_in_them_a_tenth_is_kept_back_too(tmp_path):
    path = make_shapes(tmp_path, 30)
    document = json.loads(path.read_text())
    document["annotations"] = document["annotations"][:10]
    path.write_text(json.dumps(document))
    data = read(path)
    assert (len(data.train[0].empty), len(data.val.empty)) == (18, 2)
    assert not set(data.train[0].empty) & set(data.val.empty)


def test_one_sample_is_learnt_from_and_measured_on(tmp_path, caplog):
    data = read(make_shapes(tmp_path, 1))
    assert (len(data.train[0]), len(data.val)) == (1, 1)
    assert "what is measured is what was learnt from" in caplog.text


def test_a_keypoint_without_labels_is_named_and_its_channel_has_no_gradient(labels):
    path, change = labels
    change(lambda document: hide(document, 2))
    assert "shapes.json: 1 of 4 keypoints are never labelled: barb" in read(path).findings
    task = build_task(config(path), path.parent, path.parent / "cache")
    batch = task.batch([Draw(0, 0, row) for row in range(3)], 0.0)
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2) / 255.0
    total, weight = task.loss(task.network(images), tuple(map(torch.from_numpy, batch.targets)))
    (total / weight).backward()
    lengths = task.network.head.weight.grad.flatten(1).norm(dim=1).numpy()
    assert np.isfinite(lengths).all()
    np.testing.assert_array_equal(lengths > 0, [True, True, False, True])


def test_one_keypoint_is_enough(tmp_path):
    path = make_shapes(tmp_path, 3, keypoints=1)
    task = build_task(config(path), tmp_path, tmp_path / "cache")
    measures = task.evaluate(task.network.eval())
    assert {"AP", "PCK@.1"} <= measures.keys()
    assert np.isfinite(list(measures.values())).all()


def test_empty_data_is_refused(labels):
    path, change = labels
    change(lambda document: document.update(annotations=[]))
    with pytest.raises(ValueError, match=r"shapes\.json holds no labelled instance"):
        read(path)


def test_data_without_labelled_points_is_refused_with_the_reason(labels):
    path, change = labels
    change(lambda document: [hide(document, keypoint) for keypoint in range(4)])
    with pytest.raises(ValueError, match=r"to learn from.*4 of 4 instances have no labelled point"):
        read(path)


def test_validation_data_without_labels_is_refused_as_such(labels, tmp_path):
    path, _ = labels
    val = make_shapes(tmp_path / "val", 2)
    document = json.loads(val.read_text())
    for keypoint in range(4):
        hide(document, keypoint)
    val.write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"no instance of .* to measure on"):
        read(path, val=[{"annotations": str(val)}])


def test_several_files_to_measure_on_are_refused(labels):
    path, _ = labels
    with pytest.raises(ValueError, match="val has 2 files, expected one"):
        read(path, val=[{"annotations": path.name}] * 2)


def test_missing_and_broken_pictures_are_counted_and_named(labels, caplog):
    path, _ = labels
    (path.parent / "0001.png").unlink()
    (path.parent / "0003.png").write_bytes(b"no picture")
    with caplog.at_level(logging.ERROR):
        data = read(path)
    assert "shapes.json: 1 of 4 pictures are missing: 0001.png" in data.findings
    assert "shapes.json: 1 of 4 pictures cannot be read: 0003.png" in data.findings
    assert len(data.train[0]) + len(data.val) == 2


def test_points_outside_the_picture_are_counted(labels):
    path, change = labels

    def move(document):
        document["annotations"][0]["keypoints"][0] = -40.0
        document["annotations"][1]["keypoints"][4] = 500.0

    change(move)
    assert "shapes.json: 2 of 16 labelled points are outside their picture" in read(path).findings


def test_labels_that_are_no_numbers_are_counted_and_not_learnt_from(labels, caplog):
    path, change = labels

    def spoil(document):
        document["annotations"][0]["keypoints"][0:2] = [float("nan"), 30.0]
        document["annotations"][2]["keypoints"][3:5] = [float("nan"), float("nan")]

    change(spoil)
    data = read(path)
    assert "shapes.json: 2 labels are no numbers (NaN): they count as not labelled" in caplog.text
    assert sum(samples.labelled.sum() for samples in (*data.train, data.val)) == 14


def test_clean_data_gives_no_findings(labels):
    assert read(labels[0]).findings == ()


@pytest.mark.parametrize(
    ("columns", "sigmas", "expected"),
    [
        (Skeleton("own", ("a", "b")), (), (SIGMA, SIGMA)),
        (Skeleton("own", ("a", "b")), (0.1,), (0.1, 0.1)),
        (Skeleton("own", ("a", "b")), (0.1, 0.2), (0.1, 0.2)),
        (skeleton("coco17"), (), skeleton("coco17").sigmas),
    ],
    ids=str,
)
def test_falloffs_are_those_said_then_those_published_then_the_usual_one(columns, sigmas, expected):
    assert with_sigmas(columns, sigmas).sigmas == expected


def test_another_number_of_falloffs_is_refused():
    with pytest.raises(ValueError, match="3 sigmas, expected one for all or 2"):
        with_sigmas(Skeleton("own", ("a", "b")), (0.1, 0.1, 0.1))
