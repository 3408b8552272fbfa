from dataclasses import replace

import cv2
import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.tracking import CameraMotion
from pinpoint.viz import Style, Trails
from pinpoint.viz.palette import identity_color

GREY = np.full((240, 320, 3), 128, np.uint8)
BODY = skeleton("coco17")


def person(x, y, track=0, name="coco17"):
    """Someone 40 wide and 100 high whose lower edge has its middle at x, y."""
    columns = skeleton(name)
    xy = np.tile([x, y - 50.0], (1, len(columns), 1))
    box = np.array([[x - 20.0, y - 100, x + 20, y]])
    return Keypoints(xy, np.ones((1, len(columns))), columns, boxes=box, track_ids=np.array([track]))


def after(trails, places, step=0.05, track=0, **more):
    """The last of the pictures that come of walking from place to place."""
    for index, (x, y) in enumerate(places):
        out = trails(GREY, person(x, y, track, **more), index * step)
    return out


def lit(image):
    return (image != GREY).any(axis=2)


def strength(image):
    return np.abs(image.astype(int) - 128).sum(axis=2)


WALK = [(40.0 + 10 * step, 200.0) for step in range(20)]


def test_the_line_runs_along_the_ground_that_was_walked():
    rows, columns = np.nonzero(lit(after(Trails(), WALK)))
    assert abs(rows.mean() - 200) < 0.5 and rows.min() > 190 and rows.max() < 210
    assert columns.min() < 44 and columns.max() == pytest.approx(230, abs=6)


@pytest.mark.parametrize(("name", "row"), [("coco17", 200), ("hand21", 150), ("box", 150)])
def test_bodies_walk_on_the_ground_and_others_float_at_their_middle(name, row):
    rows, _ = np.nonzero(lit(after(Trails(), WALK, name=name)))
    assert rows.mean() == pytest.approx(row, abs=0.5)


@pytest.mark.parametrize("cut", [0, 30])
def test_who_is_cut_off_by_the_lower_edge_walks_on_it(cut):
    """As before a webcam: all of the line is in the picture, as wide as elsewhere."""
    high = lit(after(Trails(), WALK))[:, 180]
    low = lit(after(Trails(), [(x, 239.0 + cut) for x, _ in WALK]))[:, 180]
    assert low.sum() == pytest.approx(high.sum(), abs=1)
    assert not low[:220].any()


def test_a_line_is_the_fainter_and_thinner_the_older_it_is():
    out = after(Trails(length=1.0), WALK)
    left, middle, right = (strength(out)[:, x : x + 10].sum() for x in (60, 130, 200))
    assert 0 < left < 0.7 * middle < 0.7 * right


def test_every_id_has_the_colour_of_its_tag():
    for track in (0, 3, 12):
        out = after(Trails(style=Style(opacity=1.0)), WALK, track=track)
        assert np.abs(out[200, 226].astype(int) - identity_color(track)).max() < 20


def test_two_people_leave_two_lines():
    trails = Trails()
    for index, (x, _) in enumerate(WALK):
        both = Keypoints.concatenate([person(x, 120, 0), person(x, 220, 1)])
        out = trails(GREY, both, 0.05 * index)
    assert lit(out)[120, 100:220].all() and lit(out)[220, 100:220].all() and not lit(out)[140:200].any()


@pytest.mark.parametrize(("absent", "whole"), [(4, True), (12, False)])
def test_a_long_gap_breaks_the_line_and_a_moment_does_not(absent, whole):
    """.2 s are a moment, .6 s are not."""
    trails, gone = Trails(length=4.0), range(4, 4 + absent)
    for index, (x, y) in enumerate(WALK):
        seen = person(x, y)
        out = trails(GREY, seen[[]] if index in gone else seen, 0.05 * index)
    between = lit(out)[200, 40 + 10 * 4 : 40 + 10 * (4 + absent) - 10]
    assert between.all() == whole and between.any() == whole


def test_slow_videos_have_whole_lines():
    assert lit(after(Trails(length=60.0), WALK, step=2.0))[200, 60:220].all()


def test_what_is_older_than_the_length_is_gone():
    trails = Trails(length=0.5)
    after(trails, WALK)
    nobody = Keypoints.empty(BODY)
    assert lit(trails(GREY, nobody, 0.95 + 0.4)).any()
    np.testing.assert_array_equal(trails(GREY, nobody, 0.95 + 0.51), GREY)
    assert not trails._lines  # nothing is kept of those who left


def test_memory_holds_no_more_than_the_length():
    trails = Trails(length=0.5)
    for index in range(300):
        trails(GREY, person(160 + 100 * np.sin(index), 200), index * 0.05)
    assert sum(map(len, trails._lines.values())) <= 12


def test_who_stands_still_leaves_no_scribble():
    rng = np.random.default_rng(0)
    out = after(Trails(), rng.normal((160, 200), 0.3, (40, 2)))
    np.testing.assert_array_equal(out, GREY)


def shifted(x, y):
    return np.array([[1.0, 0, x], [0, 1, y]])


def test_lines_stay_in_the_scene_when_the_camera_moves():
    """Somebody stands 50 px to the left of where they came from; the camera has turned by 70 px meanwhile."""
    places, turns = [(200.0, 200.0), (150.0, 200.0), (220.0, 230.0)], [(0, 0), (0, 0), (70, 30)]
    moved = iter(turns)
    out = after(Trails(camera=lambda image, boxes: shifted(*next(moved))), places)
    rows, columns = np.nonzero(lit(out))
    assert abs(rows.mean() - 230) < 0.5
    assert columns.min() == pytest.approx(220, abs=5) and columns.max() == pytest.approx(270, abs=5)


def test_a_shaking_camera_draws_no_scribble():
    """A photograph that shakes, in front of which somebody stands: the camera says so without being told."""
    rng, drawn = np.random.default_rng(0), {}
    world = cv2.resize(rng.integers(0, 255, (60, 80, 3)).astype(np.uint8), (640, 480))
    shakes = rng.integers(-12, 13, (20, 2))
    for camera in (None, CameraMotion()):
        trails = Trails(camera=camera)
        for step, (x, y) in enumerate(shakes.tolist()):
            image = world[100 - y : 340 - y, 100 - x : 420 - x]
            out = trails(image, person(160.0 + x, 200.0 + y), 0.05 * step)
        drawn[camera is None] = np.count_nonzero((out != image).any(axis=2))
    assert drawn[True] > 100 and drawn[False] == 0


def test_the_camera_is_told_where_people_were():
    """They move by themselves, and say nothing of it."""
    told = []
    trails = Trails(camera=lambda image, boxes: told.append(boxes.tolist()) or shifted(0, 0))
    after(trails, WALK[:3])
    assert told == [[], *([[x - 20, 100, x + 20, 200]] for x, _ in WALK[:2])]


def test_who_is_not_tracked_leaves_no_line():
    trails = Trails()
    np.testing.assert_array_equal(after(trails, WALK, track=-1), GREY)
    for index, (x, y) in enumerate(WALK):
        out = trails(GREY, replace(person(x, y), track_ids=None), index * 0.05)
    np.testing.assert_array_equal(out, GREY)


def test_named_keypoints_draw_the_lines():
    trails, wrist = Trails(keypoints=["left_wrist", "nose"]), BODY.index("left_wrist")
    for index, (x, _) in enumerate(WALK):
        kps = person(x, 200)
        kps.xy[0, wrist, 1] = 60
        out = trails(GREY, kps, 0.05 * index)
    drawn = lit(out)
    assert drawn[60, 100:220].all() and drawn[150, 100:220].all() and not drawn[190:].any()
    with pytest.raises(KeyError, match="no keypoint 'tail'"):
        Trails(keypoints=["tail"])(GREY, person(10, 10), 0.0)


def test_keypoints_that_are_not_seen_draw_nothing():
    trails, nose = Trails(keypoints=["nose"]), BODY.index("nose")
    for index, (x, y) in enumerate(WALK):
        kps = person(x, y)
        kps.scores[0, nose] = 0.1
        out = trails(GREY, kps, 0.05 * index)
    np.testing.assert_array_equal(out, GREY)


def test_a_video_that_starts_again_starts_anew():
    trails = Trails()
    after(trails, WALK)
    np.testing.assert_array_equal(trails(GREY, person(300, 60), 0.0), GREY)


def test_far_outside_the_picture_is_drawn_as_nothing():
    for y in (-1e4, 1e5, np.inf, np.nan):
        np.testing.assert_array_equal(after(Trails(), [(x, y) for x, _ in WALK]), GREY)


def test_the_picture_stays_as_it_was_and_the_length_is_checked():
    image = GREY.copy()
    image.setflags(write=False)
    trails = Trails()
    trails(image, person(50, 200), 0.0)
    assert trails(image, person(90, 200), 0.1) is not image
    np.testing.assert_array_equal(image, GREY)
    with pytest.raises(ValueError, match="length is 0"):
        Trails(0)
