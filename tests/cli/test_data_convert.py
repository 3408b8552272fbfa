"""Labels go from one tool's files to another's with their pictures, and what gets lost is said."""

import json

import numpy as np
import pytest

from pinpoint.io.formats import read_records, write
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

COCO = skeleton("coco17")


def labels(image="a.jpg", size=(64, 48), **more):
    xy = np.arange(34.0).reshape(1, 17, 2)
    boxes = np.array([[0.5, 1.5, 40.5, 41.5]])
    kps = Keypoints(xy, np.ones((1, 17)), COCO, visible=np.ones((1, 17), np.bool_), boxes=boxes)
    return Record(kps, image, size, **{"id": 7, "instance_ids": (70,), **more})


@pytest.fixture
def convert(pinpoint):
    return lambda *arguments: pinpoint("data", "convert", *arguments)


@pytest.fixture
def truth(folder, picture):
    picture("photos/a.jpg")
    write(folder / "photos" / "in.json", [labels()], format="coco-truth")
    return folder / "photos" / "in.json"


@pytest.mark.parametrize(
    ("name", "form"), [("x.xml", "cvat"), ("x.json", "label-studio"), ("x.csv", "via-csv")]
)
def test_ids_come_through_on_the_way_there_and_back(name, form, convert, truth, folder):
    assert convert(truth, name, "--to", form).status == 0
    assert convert(name, "back.json", "--to", "coco-truth").status == 0
    back, before = read_records(folder / "back.json")[0], read_records(truth)[0]
    assert (back.id, back.instance_ids, back.size) == (before.id, before.instance_ids, before.size)
    np.testing.assert_allclose(back.keypoints.xy, before.keypoints.xy, rtol=0, atol=1e-9)
    np.testing.assert_allclose(back.keypoints.boxes, before.keypoints.boxes, rtol=0, atol=1e-9)


def test_pictures_are_named_from_where_the_labels_are(convert, truth, folder):
    (folder / "deep").mkdir()
    convert(truth, "deep/x.xml")
    assert read_records(folder / "deep" / "x.xml")[0].image == "../photos/a.jpg"


def test_a_name_that_leads_to_the_picture_is_kept(convert, truth, folder):
    convert(truth, "photos/x.xml")
    assert read_records(folder / "photos" / "x.xml")[0].image == "a.jpg"


@pytest.mark.parametrize("way", ["link", "copy"])
@pytest.mark.parametrize(
    ("out", "form", "place"),
    [
        ("new/x.xml", "cvat", "new/images/a.jpg"),
        ("new", "labelme", "new/a.jpg"),
        ("new", "yolo", "new/images/train/a.jpg"),
    ],
)
def test_pictures_are_put_where_the_tool_looks_for_them(way, out, form, place, convert, truth, folder):
    if out != "new":
        (folder / "new").mkdir()
    assert convert(truth, out, "--to", form, "--images", way).status == 0
    assert (folder / place).is_symlink() == (way == "link")
    assert (folder / place).read_bytes() == (truth.parent / "a.jpg").read_bytes()


def test_what_the_target_cannot_hold_is_said(convert, truth):
    outcome = convert(truth, "new", "--to", "labelme")
    assert outcome.status == 0
    assert "labelme cannot hold ids of images; left out" in outcome.err
    assert outcome.out == "1 image, 1 instance: new (labelme)\n"


def test_keypoints_are_converted_by_name_and_the_rest_is_said(convert, truth, folder):
    outcome = convert(truth, "x.json", "--skeleton", "lsp14")
    kps = read_records(folder / "x.json")[0].keypoints
    assert kps.skeleton == skeleton("lsp14")
    np.testing.assert_array_equal(kps.xy[0, kps.skeleton.index("left_knee")], [26, 27])
    assert "lsp14 has no place for nose, left_eye" in outcome.err


def test_a_size_that_the_labels_do_not_say_is_that_of_the_picture(convert, folder, picture):
    picture("a.jpg")
    write(folder / "in.json", [labels(size=None)])
    assert convert("in.json", "x.xml").status == 0
    assert read_records(folder / "x.xml")[0].size == (64, 48)


def test_a_picture_that_is_not_there_fails_where_it_should_be_copied(convert, folder):
    write(folder / "in.json", [labels(), labels("b.jpg", id=8)])
    referenced = convert("in.json", "x.xml")
    assert referenced.status == 0 and "no picture a.jpg and 1 more is there" in referenced.err
    copied = convert("in.json", "y.xml", "--images", "copy")
    assert copied.status == 1 and "failed: a.jpg and 1 more: there is no such picture" in copied.err
    assert len(read_records(folder / "y.xml")) == 2


def test_another_picture_is_not_overwritten(convert, truth, folder, picture):
    there = picture("images/a.jpg", 3)
    before = there.read_bytes()
    outcome = convert(truth, "x.xml", "--images", "copy")
    assert outcome.status == 1 and "another file is there" in outcome.err
    assert there.read_bytes() == before


def test_pictures_of_one_name_from_two_folders_stay_two(convert, folder, picture):
    picture("p/1/a.jpg", 10), picture("p/2/a.jpg", 200), (folder / "q").mkdir()
    write(folder / "q" / "in.json", [labels("../p/1/a.jpg"), labels("../p/2/a.jpg", id=8)])
    assert convert("q/in.json", "new", "--to", "labelme", "--images", "copy").status == 0
    for name, one in (("a", "1"), ("a_2", "2")):
        assert (folder / "new" / f"{name}.jpg").read_bytes() == (folder / "p" / one / "a.jpg").read_bytes()
        document = json.loads((folder / "new" / f"{name}.json").read_text())
        assert document["imagePath"] == f"{name}.jpg"


@pytest.mark.parametrize("ids", [(3,), ("mouse",)])
def test_ids_within_an_image_are_no_ids_of_a_whole_file(ids, convert, folder):
    write(folder / "in.json", [labels(instance_ids=ids), labels("b.jpg", id=8, instance_ids=ids)])
    outcome = convert("in.json", "x.json", "--to", "coco-truth")
    assert f"their ids, such as {ids[0]!r}, are not numbers that occur once" in outcome.err
    assert [r.instance_ids for r in read_records(folder / "x.json")] == [(1,), (2,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("photos/in.json", "out"), "tells no format: say --to"),
        (("photos/in.json", "out", "--to", "yaml"), "--to yaml: expected one of json"),
        (("photos/in.json", "x.xml", "--images", "move"), "--images move: expected one of reference"),
        (("photos/in.json", "photos/in.json"), "is what is read"),
        (("photos/in.json", "photos", "--to", "labelme"), "is not empty"),
        (("photos/in.json", "out", "--to", "yolo"), "say --images link or --images copy"),
        (("photos/in.json", "x.xml", "--skeleton", "face68"), "they share no keypoint"),
        (("photos/in.json", "x.xml", "--from", "cvat"), "cannot read 'photos/in.json': is not XML"),
        (("gone.json", "x.xml"), "cannot read 'gone.json': it does not exist"),
    ],
)
def test_wrong_usage_is_refused_with_what_to_do(arguments, said, convert, truth, folder):
    before = sorted(folder.rglob("*"))
    outcome = convert(*arguments)
    assert outcome.status == 2 and said in outcome.err
    assert sorted(folder.rglob("*")) == before
