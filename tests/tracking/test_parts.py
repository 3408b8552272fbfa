"""The parts of the tracker: motion, association, similarity, camera and appearance."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import pinpoint as pp
from pinpoint.geometry import transform_points, warp
from pinpoint.tracking import CameraMotion, ColorHistogram, by_boxes, by_points, by_points_and_boxes
from pinpoint.tracking.appearance import clearness
from pinpoint.tracking.association import Claims, associated, paired
from pinpoint.tracking.motion import BODY, POINTS, Motion
from pinpoint.tracking.tracks import Tracks

SKELETON = pp.skeleton("coco17")


def worth_of(pairs, worth):
    return worth[pairs[:, 0], pairs[:, 1]].sum()


@pytest.mark.parametrize("seed", range(30))
def test_pairs_are_worth_as_much_as_scipy_s(seed):
    rng = np.random.default_rng(seed)
    worth = rng.random(rng.integers(1, 9, 2)) ** 2
    worth[worth < 0.2] = 0
    pairs = paired(worth, 0.2)
    assert worth_of(pairs, worth) == pytest.approx(worth[linear_sum_assignment(-worth)].sum())
    assert all(len(set(column)) == len(pairs) for column in pairs.T.tolist())


def test_where_two_want_the_same_the_sum_decides():
    """The best pair alone, .9, is worth less than .8 and .7 together."""
    assert paired(np.array([[0.9, 0.8], [0.7, 0.0]]), 0.1).tolist() == [[0, 1], [1, 0]]


def people(rng, count=3):
    """Points and two corners of boxes around them, shape (count, 7, 2)."""
    xy = rng.uniform(0, 60, (count, 5, 2)) + np.arange(count)[:, None, None] * [80, 0] + 100
    return np.concatenate([xy, xy.min(axis=1, keepdims=True), xy.max(axis=1, keepdims=True)], axis=1)


def followed(start, velocity, frames=40, step=0.05):
    """Motion of points that move at a velocity, and where they are in the end."""
    motion, points = Motion.started(start), start
    for _ in range(frames):
        points = points + np.array(velocity) * step
        motion = motion.later(step).corrected(points, np.ones(points.shape[:2]))
    return motion, points


def test_a_steady_velocity_is_learnt(rng):
    motion, points = followed(people(rng), (60, -20))
    np.testing.assert_allclose(motion.velocity, np.broadcast_to([60, -20], (3, 2)), rtol=0.05)
    np.testing.assert_allclose(motion.points, points, atol=0.5)


def test_two_steps_are_as_good_as_one(rng):
    """The processes are exact for any time."""
    motion, _ = followed(people(rng), (60, -20), frames=3)
    once, twice = motion.later(0.5), motion.later(0.2).later(0.3)
    for name in ("place", "velocity", "doubt", "offsets", "swing", "point_doubt"):
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("pace", [BODY, POINTS])
def test_doubt_about_a_velocity_settles_at_what_is_usual(pace, rng):
    motion = Motion.started(people(rng)).later(50 * pace.lasts)
    doubt = motion.doubt if pace is BODY else motion.point_doubt
    np.testing.assert_allclose(doubt[..., 2], pace.speed**2, rtol=1e-6)


def test_limbs_stop_while_a_body_coasts(rng):
    """One hand moves on its own; a second later it is where the body took it, not farther."""
    motion, points = followed(people(rng, 1), (60, 0))
    for frame in range(1, 4):
        moved = points + np.array([60, 0]) * 0.05 * frame
        moved[0, 0, 1] += 5 * frame
        motion = motion.later(0.05).corrected(moved, np.ones((1, 7)))
    gone = motion.later(1.0).points - motion.points
    np.testing.assert_allclose(gone[0, 1], gone[0, 2], atol=1.5)
    assert gone[0, 1, 0] > 40
    assert abs(gone[0, 0, 1]) < 15  # 100 pixels at the hand's own velocity


def test_a_box_that_is_cut_off_does_not_move_somebody(rng):
    motion, points = followed(people(rng, 1), (0, 0))
    cut = points.copy()
    cut[0, -1, 1] -= 30  # the feet are hidden
    after = motion.later(0.05).corrected(cut, np.ones((1, 7)))
    np.testing.assert_allclose(after.points[0, :5], motion.points[0, :5], atol=0.5)
    assert after.size[0] > 0.95 * motion.size[0]


def test_points_that_were_never_seen_come_in_later(rng):
    start = people(rng, 1)
    lacking = start.copy()
    lacking[0, 2] = np.nan
    motion = Motion.started(lacking).later(0.1)
    assert np.isnan(motion.points[0, 2]).all()
    np.testing.assert_allclose(motion.corrected(start, np.ones((1, 7))).points, start, atol=1e-9)


def test_a_camera_moves_motion_as_it_moves_points(rng):
    motion, _ = followed(people(rng), (60, -20))
    turned = np.array([[0.96, -0.28, 5.0], [0.28, 0.96, -3.0]]) * 1.25
    after, before = motion.seen_by(turned), motion
    np.testing.assert_allclose(after.points, transform_points(before.points, turned))
    later = transform_points(before.later(0.3).points, turned)
    np.testing.assert_allclose(after.later(0.3).points, later)


def standing(xy, scores=0.9, skeleton=SKELETON):
    xy = np.asarray(xy, float)
    boxes = np.concatenate([np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)], axis=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    sure = np.full(xy.shape[:2], scores)
    return pp.Keypoints(xy, sure, skeleton, boxes=boxes, areas=area, box_scores=sure[:, 0])


def test_similarity_by_points_is_of_those_that_both_have(rng):
    xy = rng.uniform(0, 100, (1, 17, 2))
    half = xy.copy()
    half[0, ::2] = np.nan
    np.testing.assert_allclose(by_points(standing(xy), standing(half)), 1)


def test_similarity_by_points_is_that_of_boxes_without_sigmas(rng):
    plain = pp.Skeleton("plain", SKELETON.keypoints)
    a, b = (standing(rng.uniform(0, 100, (3, 17, 2)), skeleton=plain) for _ in range(2))
    np.testing.assert_array_equal(by_points(a, b), by_boxes(a, b))


def test_points_count_three_times_as_much_as_boxes(rng):
    """The same points, and boxes of which the second one is twice as high."""
    one = standing(rng.uniform(0, 100, (1, 17, 2)))
    x1, y1, x2, y2 = one.boxes[0]
    taller = replace(one, boxes=np.array([[x1, y1, x2, y2 + (y2 - y1)]]))
    np.testing.assert_allclose(by_points_and_boxes(one, taller), 0.75 + 0.25 / 2)


def textured(rng, size=(640, 480)):
    coarse = rng.integers(0, 255, (size[1] // 12, size[0] // 12, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("moved", [[[1, 0, 9.0], [0, 1, -6.0]], [[0.999, -0.035, 12], [0.035, 0.999, -8]]])
def test_camera_motion_is_found_beside_people_who_move(moved, rng):
    """To half a pixel anywhere in the picture; a third of it moves otherwise, and is masked."""
    before, matrix = textured(rng), np.array(moved)
    now = warp(before, matrix, (640, 480), None)
    person = textured(rng)[:300, :200]
    before[100:400, 200:400], now[100:400, 260:460] = person, person
    camera = CameraMotion()
    np.testing.assert_array_equal(camera(before, np.zeros((0, 4))), np.eye(2, 3))
    corners = np.array([[0, 0], [639, 0], [639, 479], [0, 479.0]])
    found = camera(now, np.array([[195, 95, 405, 405.0]]))
    np.testing.assert_allclose(transform_points(corners, found), transform_points(corners, matrix), atol=0.5)


def test_a_camera_that_sees_nothing_or_another_size_stands_still(rng):
    camera, blank = CameraMotion(), np.zeros((48, 64, 3), np.uint8)
    none = np.zeros((0, 4))
    for image in (blank, blank, textured(rng), textured(rng)):
        np.testing.assert_array_equal(camera(image, none), np.eye(2, 3))


@pytest.mark.parametrize(("side", "moves"), [(120, False), (320, True)])
def test_a_small_thing_that_moves_before_a_bare_wall_is_not_the_camera(side, moves, rng):
    camera, none = CameraMotion(), np.zeros((0, 4))
    before, now = np.full((2, 480, 640, 3), 128, np.uint8)
    before[100 : 100 + side, 200 : 200 + side] = now[100 : 100 + side, 208 : 208 + side] = textured(rng)[
        :side, :side
    ]
    camera(before, none)
    shift = camera(now, none)[:, 2]
    np.testing.assert_allclose(shift, (8 * moves, 0), atol=1)


def painted(colours):
    """People side by side, with upper and lower halves in colours, in grey surroundings."""
    image = np.full((200, 120 * len(colours), 3), 128, np.uint8)
    for number, (top, bottom) in enumerate(colours):
        image[20:100, 120 * number + 20 : 120 * number + 100] = top
        image[100:180, 120 * number + 20 : 120 * number + 100] = bottom
    boxes = [[120 * n + 20, 20, 120 * n + 99, 179] for n in range(len(colours))]
    none = np.zeros((len(colours), 0))
    skeleton = pp.Skeleton("box", ())
    return image, pp.Keypoints(none[..., None].repeat(2, 2), none, skeleton, boxes=np.array(boxes, float))


RED, BLUE, WHITE = (200, 30, 30), (40, 60, 210), (235, 235, 235)


def test_colours_and_where_they_are_tell_people_apart():
    """The same, somewhat darker, shirt and trousers exchanged, another shirt."""
    darker = tuple(0.8 * np.array(RED)), tuple(0.8 * np.array(BLUE))
    rows = ColorHistogram()(*painted([(RED, BLUE), darker, (BLUE, RED), (WHITE, BLUE)]))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)
    same, dark, exchanged, other = rows @ rows[0]
    assert same == pytest.approx(1)
    assert dark > 0.9
    assert exchanged < 0.3
    assert other < 0.7


def test_nothing_is_said_about_who_is_out_of_the_picture():
    image, kps = painted([(RED, BLUE)])
    assert not ColorHistogram()(image[:, :10], kps).any()


def test_limbs_that_are_hidden_are_not_looked_at():
    """A blue wall hides the left arm, and the network knows."""
    arm, trunk = pp.Skeleton("arms", ("a", "b", "c", "d"), (("a", "b"), ("c", "d"))), RED
    image = np.full((100, 100, 3), trunk, np.uint8)
    image[:, :40] = BLUE
    xy = np.array([[[20.0, 20], [20, 80], [70, 20], [70, 80]]])
    kps = pp.Keypoints(xy, np.array([[0.2, 0.2, 0.9, 0.9]]), arm, boxes=np.array([[15.0, 15, 75, 85]]))
    plain = ColorHistogram()(np.full_like(image, trunk), kps)
    np.testing.assert_allclose(ColorHistogram()(image, kps), plain)


def test_a_person_is_parted_at_the_hips_even_when_their_box_is_cut():
    """The box ends at the knees: halves of it would take half of the trousers for the shirt."""
    xy = SKELETON_STANDING.copy()
    image = np.full((220, 100, 3), WHITE, np.uint8)
    image[:112], image[112:] = RED, BLUE
    cut = standing(np.where(np.arange(17)[:, None] < 15, xy, np.nan)[None])
    row, short = ColorHistogram()(image, standing(xy[None])), ColorHistogram()(image, cut)
    assert (row @ short.T).item() > 0.98


SKELETON_STANDING = np.array(
    [
        *([50, 15], [52, 12], [48, 12], [55, 13], [45, 13], [60, 40], [40, 40], [65, 70], [35, 70]),
        *([66, 95], [34, 95], [57, 112], [43, 112], [57, 160], [43, 160], [57, 205], [43, 205]),
    ],
    float,
)


def test_who_is_covered_is_clear_only_where_their_keypoints_are_seen():
    """Alone; covered by the next, and half hidden; covering them, and wholly seen."""
    xy = SKELETON_STANDING + np.array([[0, 0], [300, 0], [310, 5]])[:, None]
    kps = standing(xy)
    kps.scores[1, :11] = 0.1
    alone, behind, before = clearness(kps)
    assert alone == before == 1
    assert behind < 0.3


@pytest.mark.parametrize(
    ("others", "taken"), [([0.0, 1.0], [[0, 1], [1, 0]]), ([1.0, 0.0], [[0, 0], [1, 1]])]
)
def test_looks_count_only_where_people_differ(others, taken):
    """Two tracks, each nearer to one instance, and looks the other way round, or all the same."""
    xy = SKELETON_STANDING + np.array([[0, 0], [20, 0]])[:, None]
    own = np.array([[1.0, 0.0], others])
    tracks = Tracks.started(standing(xy), own, 0)
    claims = Claims(np.array([[0.7, 0.5], [0.5, 0.7]]), np.zeros(2), (np.ones(2, bool),))
    assert associated(claims, tracks, standing(xy), own[::-1], 0.1)[0].tolist() == taken
