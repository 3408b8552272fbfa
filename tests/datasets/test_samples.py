"""From annotation files to instances in pixels of the pictures: what fits is kept, what does not is said."""

import numpy as np
import pytest
from PIL import Image

from datasets.conftest import ARROW, LEFT, RIGHT, TIP, annotation, category
from odd_inputs import jpeg_with_orientation
from pinpoint.datasets.labels import frame_of_labels
from pinpoint.datasets.samples import find_picture, read_samples
from pinpoint.geometry import transform_points
from pinpoint.io.formats import read_records, write
from pinpoint.skeletons import Skeleton

NAN = float("nan")
BOX = [4.5, 4.5, 54.5, 44.5]  # COCO's 5 5 50 40 in pixels counted from the centre of the first


def test_labels_are_read_as_they_are(labelled):
    labelled.add()
    samples = labelled.read(annotation())
    assert samples.skeleton == ARROW and samples.picture.tolist() == [0]
    assert samples.xy.tolist() == [[list(TIP), list(LEFT), list(RIGHT)]]
    assert samples.boxes.tolist() == [BOX] and samples.areas.tolist() == [900]


def test_a_lit_pixel_stays_under_its_label_when_the_picture_is_shrunk(labelled):
    """Light 8 x 8 pixels, label their middle, shrink to a quarter: the label is the middle of the light."""
    image = labelled.add(size=(400, 200))
    image[:] = 0
    image[96:104, 200:208] = 255
    Image.fromarray(image).save(labelled.folder / "1.png")
    samples = labelled.read(annotation(points=[(203.5, 99.5)] * 3, bbox=[40, 40, 240, 120]), longest=100)
    light = samples.pictures[0][..., 0].astype(float)
    y, x = np.mgrid[:50, :100]
    center = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
    np.testing.assert_allclose(samples.xy[0, 0], center, atol=1e-9)
    np.testing.assert_allclose(samples.boxes[0], [9.5, 9.5, 69.5, 39.5])
    np.testing.assert_allclose(samples.areas[0], 900 / 16)


def test_instances_of_unreadable_pictures_are_left_out(labelled, warned):
    labelled.add("1.png")
    labelled.name("gone.png")
    samples = labelled.read(annotation(2), annotation(1))
    assert samples.picture.tolist() == [0] and "gone.png" in warned()


def test_pictures_that_are_all_unreadable_are_an_error_that_names_the_first(labelled):
    labelled.name("gone.png")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be used; the first is .*gone\.png"):
        labelled.read(annotation())


def test_a_file_without_instances_is_an_error(labelled):
    labelled.add()
    with pytest.raises(ValueError, match="holds no labelled instance"):
        labelled.read()


def test_a_box_that_one_instance_lacks_is_not_taken_from_the_others(labelled):
    labelled.add()
    bare = annotation()
    del bare["bbox"], bare["area"]
    samples = labelled.read(annotation(), bare)
    assert samples.boxes[0].tolist() == BOX and samples.areas[0] == 900
    assert np.isfinite(samples.boxes[1]).all() and samples.boxes[1].tolist() != BOX


OTHER = Skeleton("other", ("shaft", "tip", "right_barb"))


def test_labels_of_another_skeleton_are_matched_by_name(labelled):
    labelled.add()
    samples = labelled.read(annotation(), skeleton=OTHER)
    np.testing.assert_array_equal(samples.xy[0], [[NAN, NAN], TIP, RIGHT])
    assert samples.skeleton == OTHER


def test_no_label_is_made_from_others(labelled):
    """`convert` takes the nose for the base of the neck; a network shall not learn that."""
    labelled.add()
    labelled.categories = [category(1, Skeleton("face", ("nose", "left_eye", "right_eye")))]
    samples = labelled.read(annotation(), skeleton=Skeleton("neck", ("nose", "neck_base", "head")))
    assert samples.labelled.tolist() == [[True, False, False]]


def test_a_skeleton_without_a_common_name_is_an_error(labelled):
    labelled.add()
    with pytest.raises(ValueError, match=r"labels\.json labels .*arrow.* shares no keypoint with .*dot"):
        labelled.read(annotation(), skeleton=Skeleton("dot", ("middle",)))


def test_of_several_skeletons_that_of_most_instances_is_taken(labelled, warned):
    labelled.add()
    labelled.categories = [category(1, ARROW), category(2, OTHER), category(3, Skeleton("dot", ("middle",)))]
    dot = annotation(category_id=3, points=[(3, 3)])
    samples = labelled.read(annotation(category_id=2), annotation(), annotation(), dot)
    assert samples.skeleton == ARROW
    assert sorted(samples.labelled.sum(axis=1).tolist()) == [2, 3, 3]
    assert "1 instances share no keypoint with Skeleton('arrow', 3 keypoints): left out" in warned()


def test_boxes_alone_are_instances_without_keypoints(labelled):
    labelled.add()
    labelled.categories = [{"id": 1, "name": "thing"}]
    samples = labelled.read(annotation(keypoints=None))
    assert samples.xy.shape == (1, 0, 2) and samples.boxes.tolist() == [BOX]


def test_a_category_without_keypoints_does_not_give_the_skeleton(labelled):
    labelled.add()
    labelled.categories = [{"id": 1, "name": "thing"}, category(2, ARROW)]
    boxes = [annotation(keypoints=None), annotation(keypoints=None)]
    assert labelled.read(*boxes, annotation(category_id=2)).skeleton == ARROW


def test_crowds_are_no_instances_but_places_where_nothing_counts(labelled):
    labelled.add(size=(128, 96))
    samples = labelled.read(annotation(), annotation(iscrowd=1, bbox=[10, 20, 30, 40]), longest=64)
    assert len(samples) == 1
    np.testing.assert_allclose(samples.crowds[0], [[4.5, 9.5, 19.5, 29.5]])


def test_pictures_without_instances_are_known_and_those_that_lost_theirs_are_not_among_them(labelled):
    """In a picture whose only box was broken there may be something to find."""
    for name in ("1.png", "2.png", "3.png", "4.png"):
        labelled.add(name)
    labelled.name("gone.png")
    samples = labelled.read(annotation(), annotation(3, bbox=[5, 5, 0, 40], points=[(0, 0)] * 3))
    assert samples.empty.tolist() == [1, 3]
    assert samples[np.array([0])].empty.tolist() == [1, 3]


USELESS = {
    "none": None,
    "no width": [5, 5, 0, 40],
    "negative": [50, 50, -20, -20],
    "NaN": [NAN, 5, 50, 40],
    "outside": [500, 500, 50, 40],
}


@pytest.mark.parametrize("box", USELESS.values(), ids=list(USELESS))
def test_a_useless_box_is_made_from_the_points(box, labelled, warned):
    """They span 40 x 30 pixels; a tenth of the longer side is added on every side."""
    labelled.add()
    samples = labelled.read(annotation(bbox=box))
    np.testing.assert_allclose(samples.boxes, [[6, 6, 54, 44]])
    assert "1 instances have no box that can be used: it is made from their points" in warned()


@pytest.mark.parametrize("points", [[TIP, (0, 0), (0, 0)], [(NAN, 3), (0, 0), (0, 0)]], ids=["one", "none"])
def test_an_instance_with_neither_box_nor_extent_is_left_out(points, labelled, warned):
    labelled.add()
    lonely = annotation(points=points, bbox=[5, 5, 0, 0])
    lonely["keypoints"][5] = lonely["keypoints"][8] = 0
    assert len(labelled.read(lonely, annotation())) == 1
    assert "1 instances have no box that can be used and no points that span one: left out" in warned()


def test_nothing_but_useless_instances_is_an_error(labelled):
    labelled.add()
    with pytest.raises(ValueError, match="none of 1 instances has a box"):
        labelled.read(annotation(points=[TIP] * 3, bbox=[5, 5, 0, 0]))


@pytest.mark.parametrize("area", [None, 0, NAN, -3])
def test_an_area_that_lacks_is_a_share_of_the_box(area, labelled):
    labelled.add()
    np.testing.assert_allclose(labelled.read(annotation(area=area)).areas, [0.53 * 50 * 40])


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_label_that_is_no_number_is_not_labelled(bad, labelled):
    labelled.add()
    samples = labelled.read(annotation(points=[TIP, (bad, 3), RIGHT]))
    assert samples.labelled.tolist() == [[True, False, True]]
    assert np.isnan(samples.xy[0, 1]).all()


def test_labels_of_another_size_are_stretched_with_the_picture_and_it_is_named(labelled, warned):
    labelled.add(size=(64, 48), width=128, height=96)
    samples = labelled.read(annotation())
    np.testing.assert_allclose(samples.xy[0], (np.array([TIP, LEFT, RIGHT]) - 0.5) / 2)
    assert "labels are stretched: 1.png (128x96, it is 64x48)" in warned()


def test_a_picture_that_lies_on_its_side_against_its_labels_is_left_out(labelled, warned):
    """Its labels were made before the EXIF orientation was applied, in a frame that nobody knows."""
    labelled.add("1.png")
    jpeg_with_orientation(labelled.folder / "2.jpg", np.zeros((48, 64, 3), np.uint8), 6)
    labelled.name("2.jpg", (64, 48))
    assert labelled.read(annotation(2), annotation(1)).picture.tolist() == [0]
    assert "2.jpg (64x48, it is 48x64)" in warned()


@pytest.mark.parametrize("stated", [{"width": None}, {"width": 0, "height": 0}])
def test_a_size_that_is_not_stated_is_that_of_the_picture(stated, labelled, warned):
    labelled.add(**stated)
    assert labelled.read(annotation()).xy[0, 0].tolist() == list(TIP)
    assert warned() == ""


def test_the_frame_of_labels_maps_their_last_pixel_to_the_pictures():
    matrix = frame_of_labels((100, 50), (200, 25))
    np.testing.assert_allclose(transform_points(np.array([99.5, 49.5]), matrix), [199.5, 24.5])


def test_a_square_lies_on_no_side():
    assert frame_of_labels((64, 64), (64, 64)) is not None


@pytest.mark.parametrize("place", ["", "labels", "images", "../images", ".."])
def test_pictures_are_found_in_the_usual_places(place, tmp_path):
    labels = tmp_path / "set" / "labels.json"
    folder = labels.parent / place
    labels.parent.mkdir()
    folder.mkdir(exist_ok=True)
    (folder / "a.png").touch()
    assert find_picture("a.png", labels, None).resolve() == (folder / "a.png").resolve()


def test_a_folder_that_is_given_is_the_only_place(tmp_path):
    (tmp_path / "a.png").touch()
    assert find_picture("a.png", tmp_path / "x.json", tmp_path / "here") == tmp_path / "here/a.png"


@pytest.mark.parametrize("ending", [".png", ".JPG", ".webp"])
@pytest.mark.parametrize("given", [True, False], ids=["folder", "beside"])
def test_a_picture_named_without_its_ending_is_found(ending, given, tmp_path):
    for name in ("face_1.pts", f"face_1{ending}", "face_11.png"):
        (tmp_path / name).touch()
    folder = tmp_path if given else None
    assert find_picture("face_1", tmp_path / "face_1.pts", folder) == tmp_path / f"face_1{ending}"


@pytest.mark.parametrize(("format", "name"), [("labelme", "x"), ("cvat", "x.xml"), (None, "x.jsonl")])
def test_labels_of_any_format_are_learnt_from(format, name, labelled):
    """The labels of one set, written by its own tool and by another's, beside the same pictures."""
    labelled.add()
    known = labelled.read(annotation())
    write(labelled.folder / name, read_records(labelled.path), format=format)
    samples = read_samples(labelled.folder / name, labelled.folder, ARROW, labelled.cache)
    np.testing.assert_allclose(samples.xy, known.xy, atol=0.01)
    np.testing.assert_allclose(samples.boxes, known.boxes, atol=0.01)


def test_a_folder_of_yolo_labels_is_learnt_from_as_it_is(labelled):
    labelled.add()
    known = labelled.read(annotation())
    folder = labelled.folder / "yolo"
    write(folder, read_records(labelled.path), format="yolo")
    pictures = folder / "images/train"
    pictures.mkdir(parents=True, exist_ok=True)
    (labelled.folder / "1.png").rename(pictures / "1.png")
    samples = read_samples(folder, None, ARROW, labelled.cache)
    np.testing.assert_allclose(samples.xy, known.xy, atol=0.01)


def test_the_digest_changes_with_a_label_and_with_nothing_else(labelled):
    labelled.add()
    first, same = (labelled.read(annotation()).digest() for _ in range(2))
    assert first == same != labelled.read(annotation(points=[TIP, LEFT, (50, 41)])).digest()


def test_some_instances_keep_all_that_belongs_to_them(labelled):
    labelled.add("1.png")
    labelled.add("2.png")
    samples = labelled.read(annotation(1), annotation(2, area=7), annotation(2, area=8))
    kept = samples[samples.areas < 10]
    assert kept.picture.tolist() == [1, 1] and len(kept) == 2
    assert kept[[1]].areas.tolist() == [8]
    assert samples.of_picture(1).tolist() == [1, 2]


@pytest.mark.shared
def test_the_real_set_is_read_whole(shared_data, tmp_path, warned):
    """Its README counts 125 images, 380 records, three of them crowds, and 284 people with five points."""
    folder = shared_data / "coco_person"
    samples = read_samples(folder / "val.json", None, None, tmp_path, longest=64)
    assert samples.pictures.unreadable == () and len(samples.pictures) == 125
    assert warned() == "" and len(samples) == 377
    assert (samples.labelled.sum(axis=1) >= 5).sum() == 284
