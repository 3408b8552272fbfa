"""A soft spot of light at a part of a pixel, labelled there: whatever is drawn, its middle is at the label.

`NEAR` is what bilinear sampling may do to it. OpenCV 4 reads positions to the 32nd of a pixel, so that it is
off by a 64th at most; eight-bit levels move the middle of a spot of some hundred pixels by less than a
hundredth; both are in pixels of the picture and grow with it, here by 1.3 at most. What is left is room for
other versions of OpenCV.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

from pinpoint.datasets.augmentation import Augmentation, Shift
from pinpoint.datasets.crops import Crops
from pinpoint.datasets.pictures import Pictures
from pinpoint.datasets.samples import Samples
from pinpoint.datasets.whole import WholePictures
from pinpoint.geometry import compose, identity, letterbox, mirror, transform_boxes, transform_points, warp
from pinpoint.io.images import write_image
from pinpoint.skeletons import Skeleton

NEAR = 0.05
SPREAD = 3.0  # of a spot, in pixels of the picture
REACH = 9.0  # how far around a label light is looked at, in pixels of the result; the next spot is 12 away
SIZE = (223, 197)
PAIRS = tuple((f"left_{n}", f"right_{n}") for n in range(4))
NINE = Skeleton("nine", ("top", *(name for pair in PAIRS for name in pair)), swaps=PAIRS)
RED, GREEN, BLUE = range(3)
COLOR = np.array([RED, *[GREEN, BLUE] * 4])  # lefts are green, rights are blue

NONE = Augmentation(**{field.name: 0.0 for field in fields(Augmentation)})
STEPS = {
    "plain": NONE,
    "scale": replace(NONE, scale=0.2),
    "rotate": replace(NONE, rotate=40.0),
    "shift": replace(NONE, shift=0.05),
    "flip": replace(NONE, flip=1.0),
    "half": replace(NONE, half=1.0),
    "all": replace(NONE, scale=0.15, rotate=40.0, shift=0.05, flip=0.5, half=0.3),
}
SHIFTS = {
    "plain": Shift(),
    "scale": Shift(scale=1.3),
    "rotate": Shift(angle=0.7),
    "shift": Shift(center=(0.11, -0.07)),
    "all": Shift(center=(0.11, -0.07), scale=0.8, angle=-0.4),
}


def picture_of_spots(xy):
    """Spots on black, each in the colour of its column."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    square = (x[..., None] - xy[:, 0]) ** 2 + (y[..., None] - xy[:, 1]) ** 2
    levels = np.exp(-square / (2 * SPREAD**2)) @ np.eye(3)[COLOR] * 250
    return levels.clip(0, 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Four pictures, in each one instance of nine spots that are far from each other, at parts of pixels."""
    folder, rng = tmp_path_factory.mktemp("spots"), np.random.default_rng(5)
    grid = np.stack(np.meshgrid([60, 110, 160], [50, 100, 150]), axis=-1).reshape(9, 2)[rng.permutation(9)]
    xy = grid + rng.uniform(-8, 8, (4, 9, 2))
    for number, points in enumerate(xy):
        write_image(folder / f"{number}.png", picture_of_spots(points))
    pictures = Pictures([folder / f"{number}.png" for number in range(4)], folder / "cache")
    boxes = np.concatenate([xy.min(axis=1) - 30, xy.max(axis=1) + 30], axis=1)
    return Samples(pictures, NINE, np.arange(4), xy, boxes, np.ones(4), {})


def spot_at(image, near):
    """Middle of the light around a place, x and y, and the channel it is in; the window follows the light."""
    middle, part = np.array(near), image
    for _ in range(4):
        low, high = np.ceil(middle - REACH).astype(int).clip(0), np.floor(middle + REACH).astype(int) + 1
        part = image[low[1] : high[1], low[0] : high[0]].astype(float)
        y, x = np.mgrid[: part.shape[0], : part.shape[1]]
        part *= (np.hypot(x + low[0] - middle[0], y + low[1] - middle[1]) <= REACH)[..., None]
        light = part.sum(axis=2)
        assert light.max() > 50, f"no light at {near}"
        middle = low + np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
    return middle, int(part.sum(axis=(0, 1)).argmax())


def check_spots(image, xy, view):
    """Hold the points that lie well in view against the light; return how many, and whether sides changed."""
    sides = {}
    for column in np.flatnonzero(((xy > view[:2] + REACH) & (xy < view[2:] - REACH)).all(axis=1)):
        middle, color = spot_at(image, xy[column])
        np.testing.assert_allclose(middle, xy[column], atol=NEAR)
        sides[column] = color
    kept, changed = ({c: int(COLOR[index[c]]) for c in sides} for index in (np.arange(9), NINE.flip_index))
    assert sides in (kept, changed)
    return len(sides), sides == changed != kept


@pytest.mark.parametrize("step", STEPS)
def test_the_light_of_a_crop_is_at_its_labels(step, samples):
    """What is green is called left, and right in a mirror image: there it is the other hand that one sees."""
    crops = Crops(samples, (96, 128), box_scale=1.0, augmentation=STEPS[step])
    found = 0
    for row, epoch in np.ndindex(4, 6):
        image, xy = crops.crop(row, epoch)
        count, changed = check_spots(image, xy, np.array([0, 0, 95, 127]))
        assert changed == crops.is_mirrored(row, epoch)
        found += count
    assert found > 100


@pytest.mark.parametrize("mosaic", [0.0, 1.0], ids=["one", "mosaic"])
@pytest.mark.parametrize("step", ["plain", "scale", "shift", "flip", "all"])
def test_the_light_of_a_whole_picture_is_at_its_labels(step, mosaic, samples):
    """Boxes are cut where a picture or a tile ends, so what lies well within one is seen whole."""
    change = replace(STEPS[step], scale=STEPS[step].scale / 2)
    whole = WholePictures(samples, (224, 224), augmentation=change, mosaic=mosaic)
    found, sides = 0, set()
    for row, epoch in np.ndindex(4, 3):
        image, labels = whole.picture(row, epoch)
        for xy, box in zip(labels.xy, labels.boxes, strict=True):
            count, changed = check_spots(image, xy, box)
            found += count
            sides |= {changed} if count > 3 else set()
    assert found > 50
    assert sides == {"flip": {True}, "all": {True, False}}.get(step, {False})


@pytest.mark.parametrize("align", [0.0, 0.5])
@pytest.mark.parametrize("size", [(160, 160), (200, 96), (96, 200), (256, 224)], ids=str)
def test_the_light_of_a_letterboxed_picture_is_at_its_labels(size, align, samples):
    image, labels = WholePictures(samples, size, align=align).picture(1, 0)
    scale = letterbox(SIZE, size)[0, 0]
    for point, column in zip(labels.xy[0], range(9), strict=True):
        if scale > 0.6:  # in smaller ones the spots run into each other
            middle, color = spot_at(image, point)
            np.testing.assert_allclose(middle, point, atol=NEAR)
            assert color == COLOR[column]
    np.testing.assert_allclose(labels.xy[0], transform_points(samples.xy[1], letterbox(SIZE, size, align)))


def test_a_mirror_twice_is_the_picture_and_the_points(samples):
    image, xy, index = samples.pictures[0], np.round(samples.xy[0] * 16) / 16, NINE.flip_index
    turn = mirror(SIZE[0])
    np.testing.assert_array_equal(compose(turn, turn), identity())
    np.testing.assert_array_equal(transform_points(transform_points(xy, turn)[index], turn)[index], xy)
    np.testing.assert_array_equal(warp(image, turn, SIZE), image[:, ::-1])
    np.testing.assert_array_equal(warp(warp(image, turn, SIZE), turn, SIZE), image)


@pytest.mark.parametrize("flip", [False, True], ids=["upright", "mirrored"])
@pytest.mark.parametrize("step", SHIFTS)
def test_a_step_on_the_mirrored_picture_is_the_mirror_of_the_step(step, flip, samples):
    """Mirror picture, box and step, cut, and mirror the crop: that is the crop."""
    crops, shift, box = Crops(samples, (96, 128)), replace(SHIFTS[step], flip=flip), samples.boxes[0]
    other = replace(shift, center=(-shift.center[0], shift.center[1]), angle=-shift.angle)
    turn = mirror(SIZE[0])
    plain = crops.matrix(box, shift)
    around = compose(mirror(96), compose(crops.matrix(transform_boxes(box, turn)[0], other), turn))
    np.testing.assert_allclose(around, plain, atol=1e-9)
    image = warp(samples.pictures[0], plain, (96, 128))
    mirrored = warp(samples.pictures[0][:, ::-1], compose(plain, turn), (96, 128))
    np.testing.assert_allclose(mirrored.astype(int), image.astype(int), atol=1)  # rounding of a warp


@pytest.mark.parametrize("step", SHIFTS)
def test_a_step_and_its_mirror_image_change_places_when_flipped(step, samples):
    """Flipping what is flipped already gives the crop without, to the last bit of what is a sum."""
    crops, box = Crops(samples, (96, 128)), samples.boxes[0]
    plain, flipped = (crops.matrix(box, replace(SHIFTS[step], flip=flip)) for flip in (False, True))
    np.testing.assert_allclose(compose(mirror(96), flipped), plain, atol=1e-12)
    one, two = (warp(samples.pictures[0], matrix, (96, 128)) for matrix in (plain, flipped))
    np.testing.assert_allclose(two[:, ::-1].astype(int), one.astype(int), atol=1)


def test_a_letterboxed_mirror_is_the_mirror_of_the_letterbox():
    matrix = letterbox(SIZE, (160, 96))
    np.testing.assert_allclose(compose(mirror(160), compose(matrix, mirror(SIZE[0]))), matrix, atol=1e-9)
