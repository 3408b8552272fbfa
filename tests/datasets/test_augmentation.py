"""Chance in training crops: as much of it as was asked for, and none where nothing was."""

import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest

from odd_inputs import picture
from pinpoint.datasets.augmentation import Augmentation, Shift

NONE = Augmentation(**{field.name: 0.0 for field in fields(Augmentation)})
MANY = 4000
LOOKS = ["light", "hue", "saturation", "contrast", "brightness"]
LOOKS += ["gray", "blur", "noise", "occlude", "jpeg", "dropout"]
POINTS = np.random.default_rng(0).uniform(0, 100, (17, 2))


def shifts(**strength):
    rng = np.random.default_rng(0)
    return [replace(NONE, **strength).draw_shift(rng) for _ in range(MANY)]


def recolored(rng, count=300, **strength):
    """A picture of one colour with a little texture, recoloured many times."""
    crop = (picture(40, 30) // 8 + np.array([60, 110, 160])).astype(np.uint8)
    return crop, [replace(NONE, **strength).recolor(crop, rng) for _ in range(count)]


def test_nothing_is_changed_where_nothing_is_asked_for(rng):
    assert NONE.draw_shift(rng) == Shift()
    assert NONE.draw_part(rng, POINTS) is None
    np.testing.assert_array_equal(NONE.recolor(picture(), rng), picture())


@pytest.mark.parametrize("field", LOOKS)
def test_colours_change_and_shape_and_type_stay(field, rng):
    crop, results = recolored(rng, 20, **{field: 1.0})
    assert all(result.shape == crop.shape and result.dtype == np.uint8 for result in results)
    assert any((result != crop).any() for result in results)


@pytest.mark.parametrize("field", LOOKS)
def test_what_is_given_is_never_written_to(field, rng):
    """Pictures of the cache cannot be, and a crop may be a part of one."""
    crop = picture()
    crop.setflags(write=False)
    replace(NONE, **{field: 1.0}).recolor(crop, rng)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (300, 2)])
def test_small_and_narrow_crops_are_recoloured_too(size):
    full = replace(Augmentation(), gray=1, blur=1, noise=1, occlude=1, hue=9, jpeg=1, dropout=1)
    for seed in range(20):
        assert full.recolor(picture(*size), np.random.default_rng(seed)).shape == (*size[::-1], 3)


@pytest.mark.parametrize("field", ["gray", "blur", "noise", "occlude", "jpeg", "dropout"])
def test_a_share_of_crops_is_changed(field, rng):
    """.3 of 300 is 90, with a standard deviation of 8."""
    crop, results = recolored(rng, **{field: 0.3})
    assert 50 < sum((result != crop).any() for result in results) < 130


def test_light_is_spread_around_what_it_was(rng):
    """The mean stays within a tenth of the range, and varies by several hundredths."""
    crop, results = recolored(rng, light=0.15)
    means = np.array([result.mean() for result in results]) / 255
    assert abs(means.mean() - crop.mean() / 255) < 0.1
    assert 0.03 < means.std() < 0.25


def test_a_grey_crop_has_one_level_in_all_channels(rng):
    crop, (result,) = recolored(rng, 1, gray=1.0)
    assert (result == result[..., :1]).all()
    np.testing.assert_allclose(result[..., 0], crop @ [0.299, 0.587, 0.114], atol=0.51)  # rounding


def test_noise_has_no_bias(rng):
    crop, results = recolored(rng, 50, noise=1.0)
    assert abs(np.mean(results, axis=0).mean() - crop.mean()) < 1.0


def test_patches_cover_a_part_of_the_crop_only(rng):
    """One to three patches of at most 35 % of each side cover at most 37 %."""
    crop, results = recolored(rng, 200, occlude=1.0)
    covered = [(result != crop).any(axis=2).mean() for result in results]
    assert 0.01 < np.mean(covered) < max(covered) < 0.37


def colors(**strength):
    """Linear parts and shifts of many maps of colours."""
    rng = np.random.default_rng(0)
    maps = np.array([replace(NONE, **strength).draw_color(rng) for _ in range(MANY)])
    return maps[:, :, :3], maps[:, :, 3]


@pytest.mark.parametrize("field", ["saturation", "contrast"])
def test_saturation_and_contrast_are_spread_evenly_as_factors(field):
    """Contrast stretches in all three directions of colour, saturation in two of them."""
    linear, _ = colors(**{field: 0.2})
    logs = np.log(np.median(np.abs(np.linalg.eigvals(linear)), axis=1))
    assert abs(logs.mean()) < 0.02 and 0.17 < logs.std() < 0.2 and abs(logs).max() <= 0.4 + 1e-9


def test_the_hue_is_spread_in_degrees_either_way():
    linear, _ = colors(hue=15.0)
    angles = np.degrees(np.angle(np.linalg.eigvals(linear)).max(axis=1))  # of each pair the one above 0
    assert 25 < angles.max() <= 30 + 1e-6 and 10 < np.sqrt((angles**2).mean()) < 15


def test_brightness_is_spread_as_a_share_of_the_range():
    linear, shift = colors(brightness=0.1)
    np.testing.assert_allclose(linear, np.broadcast_to(np.eye(3), linear.shape), atol=1e-12)
    assert abs(shift.mean()) < 1 and 20 < shift.std() < 25.5 and abs(shift).max() <= 51 + 1e-9


AFTER = [(1.173635, 0.647189512), (1.086117, 0.302749007), (0.901887, 0.775563942), (0.867671, 0.471309665)]


@pytest.mark.parametrize("seed", range(4))
def test_what_recipes_say_without_the_later_steps_draws_what_it_drew(seed):
    """Recorded before there were hue, saturation, contrast, brightness, JPEG, dropout and background."""
    rng, change = np.random.default_rng(seed), Augmentation()
    change.draw_part(rng, POINTS)
    shift = change.draw_shift(rng)
    change.recolor(picture(), rng)
    assert not change.draws_background(rng)
    assert (round(shift.scale, 6), round(rng.random(), 9)) == AFTER[seed]


@pytest.mark.parametrize("field", ["jpeg", "dropout", "hue"])
def test_a_later_step_leaves_the_geometry_as_it_was(field):
    """It draws after everything that moves points."""
    plain, more = Augmentation(), replace(Augmentation(), **{field: 1.0})
    shifts = [change.draw_shift(np.random.default_rng(4)) for change in (plain, more)]
    assert shifts[0] == shifts[1]


def test_scale_is_spread_evenly_in_both_directions():
    logs = np.log([shift.scale for shift in shifts(scale=0.25)])
    assert abs(logs.mean()) < 0.02
    assert 0.2 < logs.std() < 0.25 and abs(logs).max() <= 0.5 + 1e-12  # cut at two spreads


def test_angles_are_cut_and_four_of_ten_crops_stay_upright():
    angles = np.degrees([shift.angle for shift in shifts(rotate=30)])
    assert abs((angles == 0).mean() - 0.4) < 0.04
    assert abs(angles.mean()) < 2 and 55 < abs(angles).max() <= 60 + 1e-9


def test_the_middle_moves_either_way_by_the_shares_asked_for():
    centers = np.array([shift.center for shift in shifts(shift=0.08)])
    assert (abs(centers.mean(axis=0)) < 0.01).all()
    assert (abs(centers).max(axis=0) <= 0.16 + 1e-12).all() and (centers.std(axis=0) > 0.06).all()
    assert abs(np.corrcoef(centers.T)[0, 1]) < 0.1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_crops_is_mirrored(share):
    assert abs(np.mean([shift.flip for shift in shifts(flip=share)]) - share) < 0.04


def test_half_bodies_hold_the_upper_or_the_lower_half_of_the_points(rng):
    boxes = [replace(NONE, half=1.0).draw_part(rng, POINTS) for _ in range(200)]
    rows = np.argsort(POINTS[:, 1])
    halves = {frozenset(rows[:8].tolist()), frozenset(rows[8:].tolist())}
    held = []
    for box in boxes:
        inside = ((box[:2] < POINTS) & (box[2:] > POINTS)).all(axis=1)
        held.append({half for half in halves if inside[list(half)].all()})
    assert all(len(half) >= 1 for half in held) and set.union(*held) == halves


@pytest.mark.parametrize("count", [0, 1, 7])
def test_few_points_are_not_halved(count, rng):
    few = np.where(np.arange(17)[:, None] < count, POINTS, np.nan)
    assert replace(NONE, half=1.0).draw_part(rng, few) is None


def test_the_documentation_names_every_step_with_its_default():
    page = (Path(__file__).parents[2] / "docs/datasets.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \|.*\|$", page, re.MULTILINE)
    assert {name: float(value) for name, value in rows} == asdict(Augmentation())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("flip", 2.0), ("occlude", -0.1), ("light", -1.0), ("rotate", np.nan), ("blur", np.nan)],
        *[("jpeg", 1.5), ("dropout", -0.1), ("background", np.nan), ("hue", -3.0), ("contrast", np.inf)],
    ],
)
def test_a_share_or_spread_that_can_be_none_is_refused(field, value):
    with pytest.raises(ValueError, match=rf"augmentation\.{field} is {value}"):
        Augmentation(**{field: value})
