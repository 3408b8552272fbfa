"""Whole pictures with every instance in them."""

import json

import numpy as np
import pytest

from pinpoint.datasets.augmentation import Augmentation
from pinpoint.datasets.samples import read_samples
from pinpoint.datasets.whole import Labels, WholePictures, padded
from pinpoint.io.images import write_image
from pinpoint.skeletons import Skeleton

PAIR = Skeleton("pair", ("left_end", "right_end"), swaps=(("left_end", "right_end"),))
GEOMETRY = Augmentation(light=0, gray=0, blur=0, noise=0)
NONE = np.zeros((0, 4))


@pytest.fixture
def lit(tmp_path):
    """Samples of dark pictures; each instance is a bright rectangle whose left half is red."""

    def make(*pictures, size=(160, 120), crowds=()):
        images, annotations = [], []
        for number, rectangles in enumerate(pictures):
            image = np.full((size[1], size[0], 3), 10, np.uint8)
            for x, y, w, h in rectangles:
                image[y : y + h, x : x + w] = 255
                image[y : y + h, x : x + w // 2, 1:] = 0
                ends = [x, y + h / 2 - 0.5, 2, x + w - 1, y + h / 2 - 0.5, 2]
                annotations.append(
                    {"image_id": number, "bbox": [x, y, w, h], "keypoints": ends, "area": w * h}
                )
            annotations += [{"image_id": number, "bbox": box, "iscrowd": 1} for box in crowds]
            write_image(tmp_path / f"{number}.png", image)
            images.append({"id": number, "file_name": f"{number}.png", "width": size[0], "height": size[1]})
        rows = [{"id": i, "category_id": 1, **one} for i, one in enumerate(annotations, 1)]
        category = {"id": 1, "name": "pair", "keypoints": list(PAIR.keypoints)}
        path = tmp_path / "labels.json"
        path.write_text(json.dumps({"images": images, "annotations": rows, "categories": [category]}))
        return read_samples(path, None, PAIR, tmp_path / "cache")

    return make


def bright_box(image):
    """Outer edges of what is lit, to the half pixel."""
    y, x = np.nonzero(image[..., 0] > 132)
    return [x.min() - 0.5, y.min() - 0.5, x.max() + 0.5, y.max() + 0.5]


def test_a_plain_picture_is_letterboxed_with_its_boxes(lit):
    image, labels = WholePictures(lit([[20, 10, 60, 40]]), (80, 80), pad_value=114).picture(0, 0)
    assert (image[0, 0] == 114).all()
    np.testing.assert_allclose(labels.boxes, [[9.5, 14.5, 39.5, 34.5]])
    np.testing.assert_allclose(labels.boxes, [bright_box(image)], atol=0.5)


@pytest.mark.parametrize("mosaic", [0.0, 1.0], ids=["single", "mosaic"])
def test_labels_stay_on_the_light_whatever_is_drawn(lit, mosaic):
    """Every box in view is bright inside and dark outside."""
    whole = WholePictures(
        lit([[50, 40, 60, 40]]), (96, 96), augmentation=GEOMETRY, mosaic=mosaic, pad_value=0
    )
    seen = 0
    for epoch in range(12):
        image, labels = whole.picture(0, epoch)
        bright = image[..., 0] == 255
        for x1, y1, x2, y2 in labels.boxes:
            inner = bright[int(y1 + 2.5) : int(y2 - 0.5), int(x1 + 2.5) : int(x2 - 0.5)]
            assert inner.all()
            seen += 1
        outside = image[..., 0] > 60
        for x1, y1, x2, y2 in (*labels.boxes, *labels.ignored):
            outside[max(0, int(y1 - 1)) : int(y2 + 3), max(0, int(x1 - 1)) : int(x2 + 3)] = False
        assert not (outside & bright).any() or _is_border(image, outside & bright)
    assert seen > 6


def _is_border(image, mask):
    """The grey level around a picture may be white by chance; then all channels are."""
    return (image[mask] == image[mask][:, :1]).all()


def test_sides_are_changed_with_the_picture(lit):
    """The half that is red changes sides; what is called the left end stays on the left of the picture."""
    whole = WholePictures(lit([[50, 40, 60, 40]]), (96, 96), augmentation=GEOMETRY)
    red_left = set()
    for epoch in range(12):
        image, labels = whole.picture(0, epoch)
        for left, right in labels.xy[np.isfinite(labels.xy).all(axis=(1, 2))]:
            assert left[0] < right[0]
            x, y = (left + 0.1 * (right - left)).round().astype(int)
            red_left.add(bool(image[y, x, 1] == 0))
    assert red_left == {True, False}


def test_what_is_drawn_depends_on_seed_epoch_and_number_alone(lit):
    samples = lit([[20, 10, 60, 40]], [[30, 50, 40, 40]])
    first, again = (
        WholePictures(samples, (64, 64), augmentation=Augmentation(), mosaic=0.5, seed=3) for _ in range(2)
    )
    first.picture(0, 0)
    for row, epoch in ((0, 1), (1, 0)):
        (image, labels), (image_2, labels_2) = first.picture(row, epoch), again.picture(row, epoch)
        assert (image == image_2).all()
        assert labels.boxes.tolist() == labels_2.boxes.tolist()
    assert (first.picture(0, 0)[0] != first.picture(0, 1)[0]).any()


def test_an_instance_mostly_out_of_view_is_ignored(lit):
    samples = lit([[0, 30, 40, 40], [100, 30, 40, 40]])
    whole = WholePictures(samples, (64, 64))
    labels = whole._labels(0, np.array([[1.0, 0, -27], [0, 1, 0]]), (160, 120))
    np.testing.assert_allclose(labels.boxes, [[72.5, 29.5, 112.5, 69.5]])
    np.testing.assert_allclose(labels.ignored, [[-0.5, 29.5, 12.5, 69.5]])


def test_points_out_of_view_are_not_labelled(lit):
    whole = WholePictures(lit([[0, 30, 40, 40]]), (64, 64))
    labels = whole._labels(0, np.array([[1.0, 0, -10], [0, 1, 0]]), (160, 120))
    assert np.isnan(labels.xy[0, 0]).all()
    np.testing.assert_allclose(labels.xy[0, 1], [29, 49.5])


def test_an_instance_of_a_few_pixels_is_ignored(lit):
    labels = WholePictures(lit([[20, 20, 30, 6]]), (80, 80)).picture(0, 0)[1]
    assert (len(labels.boxes), len(labels.ignored)) == (0, 1)


def test_a_picture_with_nothing_in_it_is_shown_too(lit):
    pictures = WholePictures(lit([[20, 10, 60, 40]], []), (80, 60))
    assert len(pictures) == 2
    _, labels = pictures.picture(1, 0)
    assert (labels.boxes.shape, labels.xy.shape, labels.ignored.shape) == ((0, 4), (0, 2, 2), (0, 4))


def test_crowds_are_ignored(lit):
    labels = WholePictures(lit([[0, 30, 40, 40]], crowds=([100, 0, 100, 50],)), (80, 80)).picture(0, 0)[1]
    np.testing.assert_allclose(labels.ignored, [[49.5, 9.5, 79.5, 34.5]])


def test_no_change_is_the_plain_picture(lit):
    samples = lit([[20, 10, 60, 40]])
    still = Augmentation(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    drawn, _ = WholePictures(samples, (80, 60), augmentation=still).picture(0, 0)
    plain, _ = WholePictures(samples, (80, 60)).picture(0, 0)
    assert (drawn == plain).all()


def test_padded_labels_say_which_are_labels():
    one = Labels(np.array([[1.0, 2, 3, 4]]), np.ones((1, 2, 2)), NONE)
    none = Labels(NONE, np.zeros((0, 2, 2)), np.array([[5.0, 6, 7, 8], [1, 1, 2, 2]]))
    boxes, valid, xy, ignored = padded([one, none])
    assert valid.tolist() == [[True], [False]]
    assert (boxes[0].tolist(), xy.shape) == ([[1, 2, 3, 4]], (2, 1, 2, 2))
    assert np.isnan(xy[1]).all()
    assert (ignored[0, :, 2:] <= ignored[0, :, :2]).all()
    assert ignored[1].tolist() == [[5, 6, 7, 8], [1, 1, 2, 2]]
