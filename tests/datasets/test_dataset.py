"""A picture and its keypoints, whatever the labels came in; what cannot be read is named and left out."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from datasets.conftest import ARROW, LEFT, RIGHT, TIP, annotation, category
from odd_inputs import jpeg_with_orientation, picture
from pinpoint.datasets import open_dataset, read_samples, samples_of
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records, write
from pinpoint.io.images import read_image
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

NAN = float("nan")
POINTS = [list(TIP), list(LEFT), list(RIGHT)]


@pytest.fixture
def opened(labelled):
    """Writes labels and opens them."""

    def make(*annotations, cached=False, **options):
        labelled.write(*annotations)
        return open_dataset(labelled.path, cache=labelled.cache if cached else None, **options)

    return make


def test_a_sample_is_the_picture_and_its_labels(labelled, opened):
    image = labelled.add()
    dataset = opened(annotation(points=[LEFT, TIP, RIGHT]), annotation())
    found, kps = dataset[0]
    np.testing.assert_array_equal(found, image)
    assert kps.skeleton == ARROW and len(dataset) == 1 and dataset.path(0) == labelled.folder / "1.png"
    assert kps.xy[1].tolist() == POINTS and kps.scores[1].tolist() == [1, 1, 1]
    assert kps.boxes.tolist() == [[4.5, 4.5, 54.5, 44.5]] * 2 and kps.areas.tolist() == [900, 900]


@pytest.mark.parametrize(
    ("format", "name"),
    [
        *[("json", "x.json"), ("jsonl", "x.jsonl"), ("csv", "x.csv"), ("coco-truth", "x.json")],
        *[("labelme", "x"), ("cvat", "x.xml"), ("via", "x.json"), ("label-studio", "x.json")],
        *[("via-csv", "x.csv"), ("deeplabcut", "x.csv"), ("pts", "x")],
    ],
)
def test_any_format_gives_the_same_samples(format, name, labelled, opened):
    """What a format cannot hold, such as a box, is made from the points."""
    image = labelled.add()
    labelled.write(annotation())
    write(labelled.folder / name, read_records(labelled.path), format=format)
    ((found, kps),) = open_dataset(labelled.folder / name, labelled.folder, ARROW, columns=_columns(format))
    np.testing.assert_array_equal(found, image)
    np.testing.assert_allclose(kps.xy[0], POINTS, atol=0.01)
    assert kps.boxes is not None and kps.areas is not None
    assert (kps.boxes[0, 2:] > kps.boxes[0, :2]).all() and kps.areas[0] > 0


def _columns(format):
    """Files of bare coordinates do not name them."""
    return ARROW if format == "pts" else None


def test_a_skeleton_is_given_by_name_and_what_it_lacks_is_missing(labelled, opened):
    labelled.add()
    labelled.categories = [category(1, Skeleton("face", ("left_eye", "chin", "nose")))]
    _, kps = opened(annotation(), skeleton="coco17")[0]
    assert kps.skeleton.name == "coco17"
    assert kps.xy[0, :2].tolist() == [list(RIGHT), list(TIP)]  # nose, left eye
    assert np.isnan(kps.xy[0, 2:]).all() and (kps.scores[0, 2:] == 0).all()


def test_what_is_hidden_is_known_in_another_skeleton_too(labelled, opened):
    labelled.add()
    hidden = annotation()
    hidden["keypoints"][5] = 1  # COCO's flag for labelled but hidden
    other = Skeleton("other", ("right_barb", "shaft", "left_barb"))
    assert opened(hidden, skeleton=other)[0][1].visible.tolist() == [[True, False, False]]


def test_instances_of_several_categories_are_of_one_sample(labelled, opened):
    labelled.add()
    labelled.categories = [category(1, ARROW), category(2, Skeleton("dart", ("tip", "tail")))]
    dataset = opened(annotation(), annotation(category_id=2, points=[(3, 4), (5, 30)]))
    assert len(dataset) == 1
    np.testing.assert_array_equal(dataset.keypoints(0).xy[:, 0], [TIP, (3, 4)])


def test_a_picture_with_nothing_in_it_is_a_sample_without_instances(labelled, opened):
    for name in ("1.png", "2.png"):
        labelled.add(name)
    image, kps = opened(annotation(2))[0]
    assert image.shape == (48, 64, 3) and len(kps) == 0
    assert kps.xy.shape == (0, 3, 2) and kps.boxes.shape == (0, 4)


def test_samples_are_indexed_like_a_list(labelled, opened):
    for number in range(3):
        labelled.add(f"{number}.png")
    dataset = opened(*(annotation(number, points=[(number, 5), LEFT, RIGHT]) for number in (1, 2, 3)))
    assert [kps.xy[0, 0, 0] for _, kps in dataset] == [1, 2, 3]
    assert [kps.xy[0, 0, 0] for _, kps in dataset[1:]] == [2, 3] and dataset[-1][1].xy[0, 0, 0] == 3
    with pytest.raises(IndexError):
        dataset[3]


def test_samples_of_a_cache_are_shrunk_with_their_labels(labelled, opened):
    labelled.add(size=(128, 96))
    dataset = opened(annotation(), cached=True, longest=64)
    image, kps = dataset[0]
    assert image.shape == (48, 64, 3)
    np.testing.assert_allclose(kps.xy[0], (np.array(POINTS) - 0.5) / 2)
    np.testing.assert_allclose(kps.areas, [225])


def test_what_is_learnt_from_is_what_the_samples_show(labelled, opened):
    labelled.add("1.png")
    labelled.add("2.png")
    both = [annotation(2), annotation(1, points=[LEFT, TIP, RIGHT]), annotation(2, bbox=None)]
    dataset = opened(*both, cached=True)
    samples = read_samples(labelled.path, None, None, labelled.cache)
    assert samples_of(dataset).digest() == samples.digest()
    np.testing.assert_array_equal(samples.xy[samples.of_picture(1)], dataset.keypoints(1).xy)


BROKEN = {
    "gone.png": lambda path: None,
    "empty.png": lambda path: path.write_bytes(b""),
    "words.jpg": lambda path: path.write_text("no picture"),
    "head.jpg": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    "folder.png": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("cached", [False, True], ids=["files", "cache"])
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_is_named_and_the_rest_goes_on(name, cached, labelled, opened, warned):
    labelled.name(name)
    BROKEN[name](labelled.folder / name)
    labelled.add("good.png")
    dataset = opened(annotation(1), annotation(2), cached=cached)
    assert f"left out: {labelled.folder / name}: " in warned()
    assert len(dataset) == 1 and dataset.path(0).name == "good.png"
    assert len(list(dataset)) == 1


def cut_off(path):
    """Take the last third, so that the header is whole."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def test_a_picture_that_is_cut_off_is_named_and_left_out_when_it_is_reached(labelled, opened, warned):
    for name in ("1.png", "2.png", "3.png"):
        labelled.add(name)
    cut_off(labelled.folder / "2.png")
    dataset = opened(annotation(1), annotation(2), annotation(3))
    assert warned() == "" and len(dataset) == 3
    assert len(list(dataset)) == 2
    assert f"left out: {labelled.folder / '2.png'}: it is cut off" in warned()
    with pytest.raises(UnreadableError, match=r"2\.png.*cut off"):
        dataset[1]


def test_with_a_cache_a_picture_that_is_cut_off_is_left_out_at_once(labelled, opened, warned):
    labelled.add("1.png")
    labelled.add("2.png")
    cut_off(labelled.folder / "1.png")
    dataset = opened(annotation(1), annotation(2), cached=True)
    assert [dataset.path(index).name for index in range(len(dataset))] == ["2.png"]
    assert f"left out: {labelled.folder / '1.png'}: it is cut off" in warned()


def test_a_picture_that_goes_away_later_is_named(labelled, opened):
    labelled.add()
    dataset = opened(annotation())
    (labelled.folder / "1.png").unlink()
    with pytest.raises(UnreadableError, match=r"1\.png"):
        dataset[0]


def test_a_picture_on_its_side_is_left_out_by_its_header(labelled, opened, warned):
    labelled.add("1.png")
    jpeg_with_orientation(labelled.folder / "2.jpg", picture(64, 48), 6)
    labelled.name("2.jpg", (64, 48))
    assert len(opened(annotation(1), annotation(2))) == 1
    assert "2.jpg (64x48, it is 48x64)" in warned()


def test_an_upright_picture_has_the_size_of_its_header(labelled, opened):
    jpeg_with_orientation(labelled.folder / "1.jpg", picture(64, 48), 6)
    labelled.name("1.jpg", (48, 64))
    dataset = opened(annotation())
    assert dataset[0][0].shape == (64, 48, 3) and dataset.pictures.size(0) == (48, 64)


@pytest.mark.parametrize("cached", [False, True], ids=["files", "cache"])
def test_nothing_that_can_be_read_is_an_error_that_names_the_first(cached, labelled, opened):
    labelled.name("gone.png")
    with pytest.raises(ValueError, match=r"none of 1 pictures can be used; the first is .*gone\.png"):
        opened(annotation(), cached=cached)


def test_no_label_is_an_error_that_names_the_file(labelled, opened):
    labelled.add()
    with pytest.raises(ValueError, match=r"labels\.json holds no labelled instance"):
        opened()


@pytest.mark.parametrize("bad", [NAN, float("inf")])
def test_a_label_that_is_no_number_is_missing_and_counted(bad, labelled, opened, warned):
    labelled.add()
    _, kps = opened(annotation(points=[TIP, (bad, 3), RIGHT]))[0]
    assert np.isnan(kps.xy[0, 1]).all() and kps.scores.tolist() == [[1, 0, 1]]
    assert "1 labels are no numbers (NaN)" in warned()


def test_a_label_outside_its_picture_stays_where_it_is(labelled, opened):
    """Where a hand is that the picture cuts off, somebody knew."""
    labelled.add()
    assert opened(annotation(points=[(-7, 90), LEFT, RIGHT]))[0][1].xy[0, 0].tolist() == [-7, 90]


@pytest.mark.parametrize("box", [[500, 500, 50, 40], [NAN, 5, 50, 40], [5, 5, 0, 40]], ids=str)
def test_a_box_that_is_none_is_made_from_the_points(box, labelled, opened, warned):
    labelled.add()
    np.testing.assert_allclose(opened(annotation(bbox=box))[0][1].boxes, [[6, 6, 54, 44]])
    assert "1 instances have no box that can be used" in warned()


FRESH = """
import sys
sys.modules["torch"] = sys.modules["filelock"] = None
from pinpoint.datasets import Crops, Augmentation, open_dataset, samples_of
dataset = open_dataset(sys.argv[1])
crop, kps = Crops(samples_of(dataset), (48, 64), augmentation=Augmentation()).sample(0, 0)
print(dataset[0][0].shape, crop.shape, kps.xy.shape)
"""


def test_samples_and_crops_need_nothing_of_what_training_does(labelled):
    labelled.add()
    labelled.write(annotation())
    command = [sys.executable, "-c", FRESH, str(labelled.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split("\n")[0] == "(48, 64, 3) (64, 48, 3) (1, 3, 2)", done.stderr


def test_labels_are_not_made_where_a_picture_lost_them(labelled, opened):
    """Whoever was there has no box: the picture shows neither an instance nor that there is none."""
    labelled.add("1.png")
    labelled.add("2.png")
    dataset = opened(annotation(1, bbox=None, points=[TIP] * 3), annotation(2))
    assert [dataset.path(index).name for index in range(len(dataset))] == ["2.png"]


def test_the_labels_of_frames_survive_their_way(labelled, opened):
    """Ids over time and words are kept, and belong to the same instances."""
    labelled.add()
    labelled.write(annotation(), annotation(points=[(1, 1), (9, 9), TIP], bbox=None))
    (record,) = read_records(labelled.path)
    kps = replace(record.keypoints, track_ids=np.array([7, 8]), labels=np.array(["a", "b"]))
    assert isinstance(kps, Keypoints)
    write(labelled.folder / "x.json", [replace(record, keypoints=kps)])
    found = open_dataset(labelled.folder / "x.json")[0][1]
    assert found.arrays()["track_ids"].tolist() == [7, 8]
    assert found.arrays()["labels"].tolist() == ["a", "b"]


@pytest.mark.shared
def test_the_real_set_is_opened_whole(shared_data, warned):
    dataset = open_dataset(shared_data / "coco_person/val.json")
    assert len(dataset) == 125 and warned() == ""
    image, kps = dataset[17]
    assert image.shape[:2][::-1] == dataset.pictures.size(dataset.numbers[17])
    np.testing.assert_array_equal(image, read_image(dataset.path(17)))
    assert kps.xy.shape[1:] == (17, 2)
