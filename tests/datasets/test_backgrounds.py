"""What is put around instances comes from elsewhere, and what is labelled stays."""

from dataclasses import fields, replace

import numpy as np
import pytest

from datasets.conftest import annotation
from pinpoint.datasets.augmentation import Augmentation
from pinpoint.datasets.backgrounds import draw_background
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.whole import WholePictures
from pinpoint.io.images import write_image

NONE = Augmentation(**{field.name: 0.0 for field in fields(Augmentation)})
ELSEWHERE = replace(NONE, background=1.0)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def painted(labelled):
    """Adds a picture of one colour, or of two, the left half in the second."""

    def paint(name, color, left=None, size=(160, 120)):
        image = np.full((size[1], size[0], 3), color, np.uint8)
        image[:, : size[0] // 2] = color if left is None else left
        write_image(labelled.folder / name, image)
        labelled.name(name, size)
        return image

    return paint


def backgrounds(samples, number=0, size=(64, 48), **options):
    drawn = [
        draw_background(samples, number, size, np.random.default_rng(seed), **options) for seed in range(20)
    ]
    return [one for one in drawn if one is not None]


def test_it_comes_from_pictures_without_instances_where_there_are_any(painted, labelled):
    for name, color in (("1.png", GREEN), ("2.png", BLUE), ("3.png", RED)):
        painted(name, color)
    found = backgrounds(labelled.read(annotation(1), annotation(2)))
    assert len(found) == 20 and all((one == RED).all() for one in found)


@pytest.mark.parametrize("size", [(64, 48), (30, 90), (300, 20), (400, 400)], ids=str)
def test_it_fills_all_that_is_asked_for(size, painted, labelled):
    painted("1.png", GREEN)
    painted("2.png", RED)
    found = backgrounds(labelled.read(annotation(1)), size=size)
    assert all(one.shape == (*size[::-1], 3) and (one == RED).all() for one in found)


def test_it_is_a_part_in_which_there_is_no_instance(painted, labelled):
    """The instance fills the left, green half; eight tries find a part of the right one nearly always."""
    painted("1.png", RED)
    painted("2.png", BLUE, GREEN, size=(400, 100))
    samples = labelled.read(annotation(1), annotation(2, bbox=[0, 0, 200, 100]))
    found = backgrounds(samples, size=(50, 50), free=True)
    assert len(found) > 15 and all((one == BLUE).all() for one in found)


@pytest.mark.parametrize(("free", "count"), [(True, 0), (False, 20)])
def test_where_instances_are_everywhere_there_is_none_if_it_has_to_be_free(free, count, painted, labelled):
    painted("1.png", RED)
    painted("2.png", BLUE)
    samples = labelled.read(annotation(1), annotation(2, bbox=[0, 0, 160, 120]))
    assert len(backgrounds(samples, free=free)) == count


def test_one_picture_has_no_other(painted, labelled):
    image = painted("1.png", RED)
    samples = labelled.read(annotation())
    assert backgrounds(samples) == []
    crop, _ = Crops(samples, (64, 48), augmentation=ELSEWHERE).crop(0, 0)
    np.testing.assert_array_equal(crop, Crops(samples, (64, 48)).crop(0, 0)[0])
    assert image.shape == (120, 160, 3)


def test_in_a_crop_the_box_and_the_points_stay_and_the_rest_is_another_picture(painted, labelled):
    """The box ends at 54.5 pixels; one point is at 90, which is kept as well."""
    painted("1.png", GREEN)
    painted("2.png", RED)
    points = [(30, 10), (10, 40), (90, 40)]
    samples = labelled.read(annotation(1, points=points))
    crop, xy = Crops(samples, (96, 96), box_scale=4.0, augmentation=ELSEWHERE).crop(0, 0)
    plain, plain_xy = Crops(samples, (96, 96), box_scale=4.0).crop(0, 0)
    np.testing.assert_array_equal(xy, plain_xy)
    for x, y in xy[0].round().astype(int)[None] if xy.ndim == 3 else xy.round().astype(int):
        assert crop[y, x].tolist() == plain[y, x].tolist() == list(GREEN)
    assert (crop[0] == RED).all() and (crop[-1] == RED).all()


def test_in_a_whole_picture_every_instance_and_crowd_stays(painted, labelled):
    painted("1.png", GREEN, size=(320, 240))
    painted("2.png", RED)
    far = [(230, 110), (210, 140), (250, 140)]
    samples = labelled.read(
        annotation(1),
        annotation(1, points=far, bbox=[205, 105, 50, 40]),
        annotation(1, iscrowd=1, bbox=[20, 180, 60, 40]),
    )
    image, labels = WholePictures(samples, (320, 240), augmentation=ELSEWHERE).picture(0, 0)
    for x1, y1, x2, y2 in np.concatenate([labels.boxes, labels.ignored]).round().astype(int):
        assert (image[y1 + 3 : y2 - 2, x1 + 3 : x2 - 2] == GREEN).all()
    assert (image == RED).all(axis=2).mean() > 0.7
    assert (len(labels.boxes), len(labels.ignored)) == (2, 1)


def test_a_whole_picture_gets_no_background_with_instances_in_it(painted, labelled):
    """They would be taught as nothing."""
    painted("1.png", GREEN)
    painted("2.png", RED)
    samples = labelled.read(annotation(1), annotation(2, bbox=[0, 0, 160, 120]))
    image, _ = WholePictures(samples, (160, 120), augmentation=ELSEWHERE).picture(0, 0)
    assert (image == GREEN).all()
