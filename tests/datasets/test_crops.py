"""Crops: what lies under a labelled point in the picture lies under it in the crop, whatever was done."""

from dataclasses import fields, replace

import numpy as np
import pytest

from datasets.conftest import ARROW
from pinpoint.datasets.augmentation import Augmentation, Shift
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.pictures import Pictures
from pinpoint.datasets.samples import Samples
from pinpoint.geometry import invert, transform_points
from pinpoint.io.images import write_image
from pinpoint.skeletons import Skeleton

NONE = Augmentation(**{field.name: 0.0 for field in fields(Augmentation)})
GEOMETRY = {
    "plain": NONE,
    "scale": replace(NONE, scale=0.3),
    "rotate": replace(NONE, rotate=40.0),
    "shift": replace(NONE, shift=0.1),
    "flip": replace(NONE, flip=1.0),
    "all": replace(NONE, scale=0.3, rotate=40.0, shift=0.1, flip=0.5, half=0.2),
}
XY = np.array([[80.0, 50.0], [50.0, 110.0], [115.0, 105.0]])
COLORS = np.eye(3) * 255  # the tip is red, the left barb green, the right one blue
BLOB = 3.0  # spread of a lit spot in pixels: wide enough to be sampled well at half the size


def samples_of(folder, xy=XY, colors=COLORS, skeleton=ARROW):
    """One picture of 160 x 150 with a soft spot of light around each point, one instance per row."""
    y, x = np.mgrid[:150, :160]
    square = (x[..., None] - xy[:, 0]) ** 2 + (y[..., None] - xy[:, 1]) ** 2
    image = (np.exp(-square / (2 * BLOB**2)) @ colors).clip(0, 255).round().astype(np.uint8)
    write_image(folder / "spots.png", image)
    pictures = Pictures([folder / "spots.png"], folder / "cache")
    boxes, areas = np.array([[30.0, 30, 130, 130]] * 4), np.ones(4)
    return Samples(pictures, skeleton, np.zeros(4, np.intp), np.stack([xy] * 4), boxes, areas, {})


@pytest.fixture
def samples(tmp_path):
    return samples_of(tmp_path)


def light(crop, channel):
    """Middle of the light of one colour, x and y; NaN if there is none."""
    level = crop[..., channel].astype(float)
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]]
    total = level.sum()
    return np.array([(level * x).sum(), (level * y).sum()]) / total if total else np.full(2, np.nan)


@pytest.mark.parametrize("change", GEOMETRY.values(), ids=list(GEOMETRY))
def test_the_lit_spots_stay_under_their_points(change, samples):
    """Where the spot lies well inside the crop. Eight bits and bilinear sampling leave .1 pixel."""
    crops = Crops(samples, (96, 128), augmentation=change)
    checked = set()
    for epoch in range(25):
        crop, xy = crops.crop(0, epoch)
        flipped = light(crop, 1)[0] > light(crop, 2)[0]
        for column, point in enumerate(xy):
            channel = (0, 2, 1)[column] if flipped else column
            if (point > 18).all() and (point < [77, 109]).all():
                np.testing.assert_allclose(light(crop, channel), point, atol=0.1)
                checked.add(column)
    assert checked == {0, 1, 2}


def test_the_lit_spots_stay_under_their_points_in_half_bodies(tmp_path):
    """Three points on each spot, for few are not halved; the half with the tip is cut, or that without."""
    nine = Skeleton("nine", tuple("abcdefghi"))
    samples = samples_of(tmp_path, np.repeat(XY, 3, axis=0), np.repeat(COLORS, 3, axis=0) / 3, nine)
    crops = Crops(samples, (96, 128), box_scale=2.0, augmentation=replace(NONE, half=1.0))
    sizes = set()
    for epoch in range(12):
        crop, xy = crops.crop(0, epoch)
        sizes.add(round(float(xy[8, 0] - xy[3, 0])))
        for column in np.flatnonzero(((xy > 25) & (xy < [71, 103])).all(axis=1)):
            np.testing.assert_allclose(light(crop, column // 3), xy[column], atol=0.3)  # larger spots
    assert len(sizes) == 2


def test_a_mirror_changes_left_and_right(samples):
    """The left barb is green; in the mirror image the green one is the right barb."""
    crop, xy = Crops(samples, (96, 128), augmentation=replace(NONE, flip=1.0)).crop(0, 0)
    np.testing.assert_allclose(xy[ARROW.index("right_barb")], light(crop, 1), atol=0.1)
    np.testing.assert_allclose(xy[ARROW.index("left_barb")], light(crop, 2), atol=0.1)


def test_a_mirror_is_the_plain_crop_turned_round(samples):
    plain, xy = Crops(samples, (96, 128)).crop(0, 0)
    mirrored, there = Crops(samples, (96, 128), augmentation=replace(NONE, flip=1.0)).crop(0, 0)
    np.testing.assert_allclose(mirrored.astype(int), plain[:, ::-1].astype(int), atol=1)  # rounding of a warp
    np.testing.assert_allclose(there, xy[ARROW.flip_index] * [-1, 1] + [95, 0], atol=1e-9)


def test_what_is_not_labelled_stays_so_on_the_other_side_of_a_mirror(samples):
    xy = samples.xy.copy()
    xy[:, ARROW.index("left_barb")] = np.nan
    crops = Crops(replace(samples, xy=xy), (96, 128), augmentation=replace(NONE, flip=1.0))
    assert np.isnan(crops.crop(0, 0)[1]).all(axis=1).tolist() == [False, False, True]


def test_no_strength_at_all_gives_plain_crops(samples):
    plain, full = (Crops(samples, (96, 128), augmentation=change) for change in (None, NONE))
    for row in range(4):
        for one, other in zip(plain.crop(row, 0), full.crop(row, 3), strict=True):
            np.testing.assert_array_equal(one, other)


def test_chance_depends_on_seed_epoch_and_row_alone(samples):
    """Whatever was cut before, and whatever else is cut with it."""
    crops = Crops(samples, (48, 64), augmentation=Augmentation(), seed=7)
    images, xy = crops.batch([2, 0, 3], [5, 5, 1])
    again = Crops(samples, (48, 64), augmentation=Augmentation(), seed=7)
    for place, (row, epoch) in reversed(list(enumerate([(2, 5), (0, 5), (3, 1)]))):
        image, points = again.crop(row, epoch)
        np.testing.assert_array_equal(image, images[place])
        np.testing.assert_array_equal(points, xy[place])


@pytest.mark.parametrize("other", [{"seed": 8}, {"epoch": 6}, {"row": 1}], ids=str)
def test_another_seed_epoch_or_row_is_another_crop(other, samples):
    """All rows hold the same picture, box and points."""
    place = {"seed": 7, "epoch": 5, "row": 0}

    def cut(seed, epoch, row):
        return Crops(samples, (48, 64), augmentation=Augmentation(), seed=seed).crop(row, epoch)[1]

    assert not np.allclose(cut(**place), cut(**place | other))


def test_plain_matrices_lead_back_to_the_picture(samples):
    crops = Crops(samples, (96, 128))
    _, xy = crops.crop(1, 0)
    np.testing.assert_allclose(transform_points(xy, invert(crops.plain_matrices()[1])), XY)


def test_a_box_is_grown_to_the_shape_of_the_crop_and_by_its_scale(samples):
    """100 x 100 at an aspect of 3:4 is 100 x 133.3, by 1.25 it is 125 x 166.7, in 96 x 128 pixels."""
    matrix = Crops(samples, (96, 128), box_scale=1.25).matrix(samples.boxes[0], Shift())
    np.testing.assert_allclose(matrix[:, :2], np.eye(2) * 96 / 125)
    np.testing.assert_allclose(transform_points(np.array([80.0, 80.0]), matrix), [47.5, 63.5])


def test_a_larger_scale_shows_more(samples):
    crops = Crops(samples, (96, 128))
    wide = crops.matrix(samples.boxes[0], Shift(scale=2.0))
    np.testing.assert_allclose(wide[:, :2] * 2, crops.matrix(samples.boxes[0], Shift())[:, :2])


def test_what_lies_outside_the_picture_has_the_level_asked_for(samples):
    crop, _ = Crops(samples, (96, 128), box_scale=4.0, pad_value=77.0).crop(0, 0)
    assert crop[0, 0].tolist() == [77, 77, 77]


def test_training_crops_have_other_levels_too(samples):
    crops = Crops(samples, (96, 128), box_scale=4.0, pad_value=77.0, augmentation=replace(NONE, border=1.0))
    assert len({int(crops.crop(0, epoch)[0][0, 0, 0]) for epoch in range(8)}) > 4


@pytest.mark.parametrize("k", [0, 1])
def test_skeletons_of_no_or_one_keypoint_are_cropped(k, tmp_path):
    few = samples_of(tmp_path, XY[:k], COLORS[:k], Skeleton("few", ("tip",)[:k]))
    images, xy = Crops(few, (48, 64), augmentation=Augmentation()).batch([0, 1], [0, 0])
    assert images.shape == (2, 64, 48, 3) and xy.shape == (2, k, 2)
