"""What changes the look of a picture: by as much as was asked for, and nowhere else."""

import numpy as np
import pytest

from odd_inputs import picture
from pinpoint.datasets.photometric import (
    YCBCR,
    blurred,
    color_map,
    covered,
    gray,
    holed,
    lit,
    noisy,
    recolored,
    recompressed,
    surrounded,
)

BY_CHANCE = {
    "lit": lambda image, rng: lit(image, rng, 0.2),
    "blurred": blurred,
    "noisy": noisy,
    "recompressed": recompressed,
    "covered": covered,
    "holed": holed,
}
SIZES = [(1, 1), (2, 3), (300, 2)]


def linear_and_shift(color):
    return color[:, :3], color[:, 3]


def smooth(width=64, height=48):
    """A picture without fine texture, as JPEG likes it."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 3, y * 4, 255 - 2 * x], axis=2).astype(np.uint8)


@pytest.mark.parametrize("step", BY_CHANCE.values(), ids=list(BY_CHANCE))
@pytest.mark.parametrize("size", SIZES)
def test_pictures_of_any_size_stay_of_that_size(step, size):
    for seed in range(8):
        result = step(picture(*size), np.random.default_rng(seed))
        assert result.shape == (*size[::-1], 3) and result.dtype == np.uint8


@pytest.mark.parametrize("step", BY_CHANCE.values(), ids=list(BY_CHANCE))
def test_the_same_chance_gives_the_same_picture_and_writes_to_none(step):
    image = picture()
    image.setflags(write=False)
    one, two = (step(image, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert (one != image).any()


@pytest.mark.parametrize("step", [blurred, recompressed, gray], ids=lambda step: step.__name__)
def test_the_middle_of_a_spot_stays_where_it_is(step, rng):
    """Blocks of 8 pixels and levels that are rounded move it by a tenth of a pixel at most."""
    y, x = np.mgrid[:49, :63]
    level = 250 * np.exp(-((x - 30.3) ** 2 + (y - 22.7) ** 2) / (2 * 3**2))
    spot = np.repeat(level.round().astype(np.uint8)[..., None], 3, axis=2)
    for _ in range(10):
        light = (spot if step is gray else step(spot, rng))[..., 1].astype(float)
        light[np.hypot(x - 30.3, y - 22.7) > 12] = 0  # JPEG rings
        center = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
        np.testing.assert_allclose(center, [30.3, 22.7], atol=0.1)


def test_no_change_of_colour_is_the_identity():
    np.testing.assert_allclose(color_map(), np.eye(3, 4), atol=1e-12)
    np.testing.assert_array_equal(recolored(picture(), color_map()), picture())


@pytest.mark.parametrize(
    "change", [{"hue": 1.3}, {"saturation": 0.2}, {"hue": -0.4, "saturation": 1.7}], ids=str
)
def test_hue_and_saturation_leave_the_luma(change):
    linear, shift = linear_and_shift(color_map(**change))
    np.testing.assert_allclose(YCBCR[0] @ linear, YCBCR[0], atol=1e-6)  # of the published factors
    np.testing.assert_allclose(shift, 0, atol=1e-12)


def test_turns_of_the_hue_add_up():
    one, two, both = (linear_and_shift(color_map(hue=hue))[0] for hue in (0.4, 0.9, 1.3))
    np.testing.assert_allclose(two @ one, both, atol=1e-12)
    np.testing.assert_allclose(color_map(hue=2 * np.pi), np.eye(3, 4), atol=1e-12)


def test_a_third_of_a_turn_leads_from_red_towards_green_and_blue():
    """The circle is BT.601's, whose primaries do not stand at equal angles."""
    colors = np.diag([255.0, 255, 255]) @ linear_and_shift(color_map(hue=2 * np.pi / 3))[0].T
    assert sorted(colors.argmax(axis=1).tolist()) == [0, 1, 2] and colors[0].argmax() != 0


def test_no_saturation_is_grey():
    np.testing.assert_allclose(
        recolored(picture(), color_map(saturation=0)).astype(int), gray(picture()).astype(int), atol=1
    )


def test_contrast_is_about_the_middle_level_and_brightness_a_share_of_the_range():
    levels = np.array([[[100, 127, 200]]], np.uint8)
    assert recolored(levels, color_map(contrast=2)).tolist() == [[[72, 126, 255]]]  # 2 * 72.5 + 127.5 is cut
    assert recolored(levels, color_map(brightness=-0.2)).tolist() == [[[49, 76, 149]]]


def test_recompressing_changes_little_of_what_is_smooth(rng):
    """The worst quality, 15, quantises by some 50 levels; on the average it stays within a few."""
    errors = [np.abs(recompressed(smooth(), rng).astype(int) - smooth()) for _ in range(20)]
    assert 0 < np.mean(errors) < 6
    assert np.std([error.mean() for error in errors]) > 0.3  # the quality is by chance


def test_recompressing_keeps_red_red():
    red = np.full((16, 16, 3), (200, 10, 20), np.uint8)
    np.testing.assert_allclose(recompressed(red, np.random.default_rng(0)).astype(int), red, atol=12)


def test_holes_are_small(rng):
    """At most 16 squares of 12 % of the longer side: 23 % of a square picture."""
    image = picture(80, 80)
    shares = [(holed(image, rng) != image).any(axis=2).mean() for _ in range(100)]
    assert 0.005 < min(shares) < np.mean(shares) < max(shares) < 0.23


def test_holes_have_the_mean_colour(rng):
    image = picture(80, 80)
    result = holed(image, rng)
    changed = (result != image).any(axis=2)
    assert np.unique(result[changed], axis=0).tolist() == [image.mean(axis=(0, 1)).round().tolist()]


SQUARE = np.array([[[19.5, 19.5], [59.5, 19.5], [59.5, 39.5], [19.5, 39.5]]])


def test_what_is_kept_stays_and_what_is_far_from_it_is_the_background():
    image, background = picture(80, 60), 255 - picture(80, 60)
    result = surrounded(image, background, SQUARE)
    np.testing.assert_array_equal(result[20:40, 20:60], image[20:40, 20:60])
    far = np.ones((60, 80), bool)
    far[15:45, 15:65] = False
    np.testing.assert_array_equal(result[far], background[far])


def test_the_seam_fades_around_what_is_kept():
    """A twentieth of 80 pixels is 4, in equal steps."""
    white = np.full((60, 80, 3), 200, np.uint8)
    result = surrounded(white, np.zeros_like(white), SQUARE)[30, :, 0]
    assert result[15:21].tolist() == [0, 0, 50, 100, 150, 200]


def test_what_is_kept_of_a_pixel_only_stays_too():
    """Small people in large pictures are labelled as well."""
    tiny = np.array([[[40.0, 30], [40, 30], [40, 30], [40, 30]]])
    image = picture(80, 60)
    assert surrounded(image, 255 - image, tiny)[30, 40].tolist() == image[30, 40].tolist()


def test_several_outlines_and_turned_ones_are_kept():
    diamond = np.array([[[60.0, 10], [72, 22], [60, 34], [48, 22]]])
    both = np.concatenate([SQUARE[:, :, :] * 0.5, diamond])
    white = np.full((60, 80, 3), 255, np.uint8)
    result = surrounded(white, np.zeros_like(white), both)
    assert (result[22, 60] == 255).all() and (result[15, 20] == 255).all() and not result[50:].any()


def test_without_outlines_there_is_background_only():
    np.testing.assert_array_equal(
        surrounded(picture(), 255 - picture(), np.zeros((0, 4, 2))), 255 - picture()
    )
