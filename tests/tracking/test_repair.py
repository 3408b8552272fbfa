"""Exchanged sides and leaping points, put into walks whose truth is known: mended, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints, stack_track
from pinpoint.skeletons import skeleton, skeleton_names
from pinpoint.tracking.repair import Change, Repair, repair_clip
from pinpoint.tracking.swaps import swap_tiers

COCO = skeleton("coco17")
REST = {  # of someone who faces us, 200 pixels high: x of the left side, y
    "nose": (0, 20),
    "eye": (5, 16),
    "ear": (12, 18),
    "shoulder": (25, 50),
    "elbow": (32, 80),
    "wrist": (34, 105),
    "hip": (16, 110),
    "knee": (17, 150),
    "ankle": (18, 195),
}
TIMES = np.arange(60) / 30
GROUPS = {
    "whole body": tuple(name for pair in COCO.swaps for name in pair),
    "arms": ("left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    "legs": ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    "wrists": ("left_wrist", "right_wrist"),
}


def _walk(rng: np.random.Generator, ids: tuple[int, ...] = (7, 2)) -> list[Keypoints]:
    """People who walk across, swinging arms and legs, seen with noise of half a hundredth of their size."""
    sides = np.array([-1.0 if name.startswith("right") else 1.0 for name in COCO.keypoints])
    rest = np.array([REST[name.split("_")[-1]] for name in COCO.keypoints], dtype=float)
    clip = []
    for seconds in TIMES:
        swing = 10 * np.sin(2 * np.pi * seconds) * sides * (rest[:, 1] / 200)
        body = np.stack([sides * rest[:, 0] + swing + 60 * seconds, rest[:, 1]], axis=1)
        xy = np.stack([body + 300 * row for row in range(len(ids))]) + rng.normal(0, 1, (len(ids), 17, 2))
        boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
        scores = np.tile(np.linspace(0.1, 0.9, 17), (len(ids), 1))
        clip.append(Keypoints(xy, scores, COCO, boxes=boxes, track_ids=np.array(ids)))
    return clip


def _with_swap(clip: list[Keypoints], frames: range, names: tuple[str, ...], row: int) -> list[Keypoints]:
    order = np.tile(np.arange(17), (len(clip[0]), 1))
    order[row, COCO.indices(names)] = COCO.flip_index[COCO.indices(names)]
    lines = np.arange(len(order))[:, None]
    turned = {
        t: replace(clip[t], xy=clip[t].xy[lines, order], scores=clip[t].scores[lines, order]) for t in frames
    }
    return [turned.get(frame, kps) for frame, kps in enumerate(clip)]


def _online(clip: list[Keypoints], patience: float = 0.5) -> tuple[list[Keypoints], tuple[Change, ...]]:
    repair = Repair(patience=patience)
    mended = [repair(kps, seconds) for kps, seconds in zip(clip, TIMES, strict=False)]
    return [kps for kps, _ in mended], tuple(change for _, changes in mended for change in changes)


def _offline(clip: list[Keypoints]) -> tuple[list[Keypoints], tuple[Change, ...]]:
    return repair_clip(clip, TIMES[: len(clip)])


both = pytest.mark.parametrize("mend", [_online, _offline])


@both
@pytest.mark.parametrize("names", GROUPS.values(), ids=GROUPS)
def test_exchanged_sides_are_put_back_and_named(mend, names, rng):
    clip = _walk(rng)
    mended, changes = mend(_with_swap(clip, range(20, 28), names, row=1))
    for before, after in zip(clip, mended, strict=True):
        np.testing.assert_array_equal(after.xy, before.xy)
        np.testing.assert_array_equal(after.scores, before.scores)
    assert [(change.frame, change.track_id, change.what) for change in changes] == [
        (frame, 2, "swap") for frame in range(20, 28)
    ]
    assert {frozenset(change.keypoints) for change in changes} == {frozenset(names)}


@both
def test_a_leap_is_taken_back_and_named(mend, rng):
    clip = _walk(rng)
    clip[30].xy[0, 9] += (60, -40)
    mended, changes = mend(clip)
    assert changes == (Change(30, 7, "outlier", ("left_wrist",)),)
    way = clip[29].xy[0, 9] - clip[28].xy[0, 9]
    assert np.linalg.norm(mended[30].xy[0, 9] - clip[29].xy[0, 9] - way) < 8
    clip[30].xy[0, 9] = mended[30].xy[0, 9]
    np.testing.assert_array_equal(np.stack([k.xy for k in mended]), np.stack([k.xy for k in clip]))


@both
def test_nothing_is_done_to_people_who_walk(mend, rng):
    clip = _walk(rng)
    mended, changes = mend(clip)
    assert changes == ()
    assert all(np.array_equal(after.xy, before.xy) for before, after in zip(clip, mended, strict=True))


def test_three_frames_away_are_mended_offline(rng):
    """On the line between the frames around."""
    clip = _walk(rng)
    for frame in (30, 31, 32):
        clip[frame].xy[0, 9] += (60, -40)
    mended, changes = repair_clip(clip, TIMES)
    line = np.linspace(clip[29].xy[0, 9], clip[33].xy[0, 9], 5)[1:-1]
    np.testing.assert_allclose(stack_track(mended, 7)[30:33, 9], line)
    assert [change.frame for change in changes] == [30, 31, 32]


def test_a_point_that_leaps_and_stays_is_held_for_one_frame(rng):
    clip = _walk(rng)
    for kps in clip[30:]:
        kps.xy[0, 9] += (60, -40)
    mended, changes = _online(clip)
    assert [change.frame for change in changes] == [30]
    np.testing.assert_array_equal(mended[31].xy, clip[31].xy)


def test_a_point_that_is_away_for_two_frames_may_come_back_at_once(rng):
    clip = _walk(rng)
    for frame in (30, 31):
        clip[frame].xy[0, 9] += (60, -40)
    mended, changes = _online(clip)
    assert [change.frame for change in changes] == [30]
    np.testing.assert_array_equal(mended[32].xy, clip[32].xy)


@both
def test_a_camera_that_moves_at_once_is_followed(mend, rng):
    clip = [replace(kps, xy=kps.xy + (100 if frame > 30 else 0)) for frame, kps in enumerate(_walk(rng))]
    mended, changes = mend(clip)
    assert changes == ()
    np.testing.assert_array_equal(mended[31].xy, clip[31].xy)


def test_what_stays_exchanged_is_believed_in_the_end(rng):
    """The patience lasts for ten frames after the first."""
    clip = _with_swap(_walk(rng), range(20, 60), GROUPS["whole body"], row=0)
    mended, changes = _online(clip, patience=10.5 / 30)
    assert {change.what for change in changes} == {"swap"}
    assert [change.frame for change in changes] == list(range(20, 31))
    np.testing.assert_array_equal(mended[40].xy, clip[40].xy)


@pytest.mark.parametrize(("away", "mended"), [(10, True), (24, False)])
def test_who_was_away_for_long_may_have_turned_round(away, mended, rng):
    """A third of a second is remembered, four fifths are not."""
    clip = _with_swap(_walk(rng), range(20, 60), GROUPS["whole body"], row=0)
    repair = Repair()
    found = [repair(clip[frame], TIMES[frame])[1] for frame in (*range(20), *range(20 + away, 60))]
    assert any(found) is mended


@both
def test_missing_points_and_frames_are_left_alone(mend, rng):
    clip = [kps[[0]] if frame in (10, 11) else kps for frame, kps in enumerate(_walk(rng))]
    clip[20].xy[1, 3:8] = np.nan
    mended, changes = mend(clip)
    assert changes == ()
    assert all(np.array_equal(a.xy, b.xy, equal_nan=True) for a, b in zip(clip, mended, strict=True))


@both
def test_at_ten_frames_a_second_points_may_go_three_times_as_far(mend, rng):
    """A wrist that swings out by a quarter of the size and back in a fifth of a second."""
    clip = [_walk(rng)[0]] * 20
    xy = clip[10].xy.copy()
    xy[0, 9] += (50, 0)
    clip[10] = replace(clip[10], xy=xy)
    assert len(mend(clip)[1]) == 1
    slow = Repair()
    assert [change for t, kps in enumerate(clip) for change in slow(kps, t / 10)[1]] == []
    assert repair_clip(clip, np.arange(20) / 10)[1] == ()


def test_time_that_stands_still_is_refused(rng):
    repair, clip = Repair(), _walk(rng)
    repair(clip[0], 1.0)
    with pytest.raises(ValueError, match="times have to grow"):
        repair(clip[1], 1.0)


@both
def test_one_instance_needs_no_id(mend, rng):
    clip = [replace(kps[:1], track_ids=None) for kps in _walk(rng)]
    clip[30].xy[0, 9] += (60, -40)
    _, changes = mend(clip)
    assert [(change.frame, change.track_id) for change in changes] == [(30, 0)]


@both
def test_an_empty_clip_and_empty_frames_are_fine(mend, rng):
    assert mend([]) == ([], ())
    mended, changes = mend([Keypoints.empty(COCO)] * 3)
    assert [len(kps) for kps in mended] == [0, 0, 0]
    assert changes == ()


@pytest.mark.parametrize("name", skeleton_names())
def test_every_pair_of_a_skeleton_may_be_exchanged_alone_and_groups_of_a_tier_are_apart(name):
    tiers = swap_tiers(skeleton(name))
    count = len(skeleton(name).swaps)
    assert all((tier.sum(axis=0) <= 1).all() for tier in tiers)
    if count:
        np.testing.assert_array_equal(tiers[-1], np.eye(count, dtype=bool))


def test_arms_and_legs_may_be_exchanged_together():
    arms_and_legs = [int(group.sum()) for group in swap_tiers(COCO)[1]]
    assert arms_and_legs == [3, 3]
