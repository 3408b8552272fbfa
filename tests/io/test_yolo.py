import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read, read_records
from pinpoint.io.records import Record
from pinpoint.io.yolo import read_yolo, write_yolo
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

KITE = """
train: ../train/images
names: [kite]
kpt_shape: [3, 3]
flip_idx: [0, 2, 1]
"""
LINE = "0 0.5 0.5 0.5 0.25 0.25 0.5 2 0.75 0.5 1 0 0 0\n"


@pytest.fixture
def folder(tmp_path):
    """One picture of 40 x 20 with one label, laid out as some exports are."""

    def made(yaml=KITE, line=LINE):
        for part in ("images", "labels"):
            (tmp_path / "train" / part).mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (40, 20)).save(tmp_path / "train/images/a.png")
        (tmp_path / "train/labels/a.txt").write_text(line)
        (tmp_path / "data.yaml").write_text(yaml)
        return tmp_path

    return made


def test_shares_of_the_picture_become_pixels(folder):
    (record,) = read_records(folder())
    kps = record.keypoints
    assert (record.image, record.size, record.split) == ("train/images/a.png", (40, 20), "train")
    np.testing.assert_array_equal(kps.xy[0], [[10, 10], [30, 10], [np.nan, np.nan]])
    assert kps.visible.tolist() == [[True, False, False]]
    assert kps.boxes.tolist() == [[9.5, 7, 29.5, 12]]
    assert (kps.skeleton.name, kps.skeleton.keypoints) == ("kite", ("0", "1", "2"))
    assert kps.skeleton.flip_index.tolist() == [0, 2, 1]


def test_two_numbers_for_a_keypoint_say_nothing_of_visibility(folder):
    path = folder(KITE.replace("[3, 3]", "[3, 2]"), "0 .5 .5 .5 .25 .25 .5 .75 .5 0 0\n")
    kps = read(path)[0]
    np.testing.assert_array_equal(kps.xy[0], [[10, 10], [30, 10], [np.nan, np.nan]])
    assert kps.visible is None


def test_seventeen_keypoints_that_flip_as_a_body_are_one(folder):
    body = skeleton("coco17")
    yaml = f"train: train/images\nnames: [a]\nkpt_shape: [17, 3]\nflip_idx: {body.flip_index.tolist()}\n"
    assert read(folder(yaml, "0 .5 .5 1 1" + " .5 .5 2" * 17))[0].skeleton == body


def test_names_of_keypoints_are_taken(folder):
    kps = read(folder(KITE + "kpt_names: {0: [tip, left, right]}\n"))[0]
    assert kps.skeleton.keypoints == ("tip", "left", "right")


def test_a_file_for_detectors_gives_boxes(folder):
    kps = read(folder("train: train/images\nnames: {0: cat, 1: dog}\n", "1 .5 .5 .5 .5\n"))[0]
    assert (kps.xy.shape, kps.labels.tolist()) == ((1, 0, 2), ["dog"])


def test_a_picture_without_labels_is_a_record(folder):
    path = folder()
    (path / "train/labels/a.txt").unlink()
    assert [len(kps) for kps in read(path / "data.yaml")] == [0]


BROKEN = {
    "names": ("train: x\n", LINE, "no names of classes"),
    "yaml": ("names: [a\n", LINE, "not YAML"),
    "split": ("names: [a]\ntrain: nowhere\n", LINE, "no folder that is there"),
    "flips": (KITE.replace("[0, 2, 1]", "[0, 1]"), LINE, "are of 0, 2 and 3"),
    "dims": (KITE.replace("[3, 3]", "[3, 4]"), LINE, r"expected \[K, 2\]"),
    "short": (KITE, "\n" + LINE[:-4] + "\n", r"a\.txt.*line 2: it has 12 numbers, expected 14"),
    "word": (KITE, LINE.replace(".25", "x"), r"line 1: could not convert.*'0x'"),
    "class": (KITE, "7" + LINE[1:], "class 7 is none of 1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_named_with_its_place(name, folder):
    yaml, line, reason = BROKEN[name]
    with pytest.raises(UnreadableError, match=reason):
        read_yolo(folder(yaml, line))


def test_labels_whose_picture_is_missing_are_named(folder):
    path = folder()
    (path / "train/labels/b.txt").write_text(LINE)
    with pytest.raises(UnreadableError, match=r"b\.txt.*its picture is not in"):
        read_yolo(path)


def people(**more):
    kite = Skeleton("kite", ("tip", "left", "right"), swaps=(("left", "right"),))
    return Keypoints([[[1, 2], [3, 4], [5, 6]]] * 2, np.ones((2, 3)), kite, **more)


def test_an_instance_gets_a_box_around_its_keypoints_or_is_left_out_aloud(tmp_path, caplog):
    kps = people(boxes=[[0, 0, 9, 9], [np.nan] * 4])
    kps.xy[1] = np.nan
    write_yolo(tmp_path, [Record(people(), "a.png", (10, 10)), Record(kps, "b.png", (10, 10))])
    assert (tmp_path / "labels/train/a.txt").read_text().split()[:5] == ["0", "0.35", "0.45", "0.4", "0.4"]
    assert len((tmp_path / "labels/train/b.txt").read_text().splitlines()) == 1
    assert "1 instances of b.png have no box and no keypoint" in caplog.text


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([Record(people(), "a.png")], "size of 'a.png' is None"),
        (
            [Record(people(), f"a.{suffix}", (9, 9)) for suffix in ("png", "jpg")],
            "would have the same",
        ),
    ],
)
def test_what_cannot_be_written_is_refused(records, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        write_yolo(tmp_path, records)


@pytest.mark.parametrize(("size", "said"), [((6, 6), 0), ((6, 5), 1)])
def test_labels_beyond_their_picture_are_said(size, said, tmp_path, caplog):
    write_yolo(tmp_path, [Record(people(), "a.png", size)])
    assert caplog.text.count("2 instances reach beyond their picture") == said


def test_visibility_is_said_to_be_dropped_from_two_numbers(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        write_yolo(tmp_path, [Record(people(visible=np.ones((2, 3))), "a.png", (9, 9))], dims=2)
    assert "YOLO cannot hold visible; left out" in caplog.text


@pytest.mark.shared
def test_real_labels_come_back_with_their_pictures(shared_data: Path, tmp_path):
    samples = shared_data / "samples/coco"
    records = [replace(r, split="val") for r in read_coco_truth(samples / "test_coco.json")]
    write_yolo(tmp_path, records)
    (tmp_path / "images/val").mkdir(parents=True)
    for record in records:
        shutil.copy(samples / record.image, tmp_path / "images/val")
    for record, again in zip(sorted(records, key=lambda r: r.image), read_records(tmp_path), strict=True):
        assert again.keypoints.skeleton == skeleton("coco17")
        np.testing.assert_allclose(again.keypoints.xy, record.keypoints.xy, rtol=0, atol=1e-3)
        np.testing.assert_allclose(again.keypoints.boxes, record.keypoints.boxes, rtol=0, atol=1e-3)
        np.testing.assert_array_equal(again.keypoints.visible, record.keypoints.visible)
