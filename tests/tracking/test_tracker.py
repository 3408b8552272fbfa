"""The tracker in worlds with known truth, and with what comes in that nobody planned for."""

from dataclasses import replace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.evaluation.tracks import track_measures
from pinpoint.tracking import CameraMotion, ColorHistogram, Tracker, by_boxes, by_points
from tracking.worlds import WORLDS, Shot

BOX = pp.Skeleton("box", ())
PAIR = pp.Skeleton("pair", ("head", "tail"))


def boxes_at(*places, scores=None, side=20.0):
    """Square boxes in the middle of which places are."""
    boxes = np.array([[x - side, y - side, x + side, y + side] for x, y in places]).reshape(-1, 4)
    count = len(boxes)
    sure = np.ones(count) if scores is None else np.array(scores)
    return pp.Keypoints(np.zeros((count, 0, 2)), np.zeros((count, 0)), BOX, boxes=boxes, box_scores=sure)


def measured(tracker: Tracker, shots: list[Shot]) -> dict[str, float]:
    found = [tracker(shot.found, shot.seconds, shot.image) for shot in shots]
    return track_measures([shot.truth for shot in shots], found)


@pytest.mark.parametrize(
    ("seed", "looks"),
    [*((seed, False) for seed in range(4)), (1, True), (114, True), (208, True), (209, True)],
)
def test_four_people_who_cross_keep_their_ids(seed, looks):
    """By places alone, and no worse where clothes could help: who is in front hides what others look like."""
    tracker = Tracker(appearance=ColorHistogram() if looks else None)
    measures = measured(tracker, list(WORLDS["crossing"](seed)))
    assert measures["switches"] == 0
    assert measures["IDF1"] >= 0.95


@pytest.mark.parametrize(
    ("name", "least"), [("crowd", 0.95), ("occlusion", 0.94), ("re-entry", 0.95), ("drops", 0.95)]
)
def test_identities_are_kept_through(name, least):
    """Who knows everybody gets about .99. `benchmarks/tracking.py` goes through more of each kind."""
    clips = [list(WORLDS[name](seed)) for seed in (0, 1)]
    numbers = [measured(Tracker(appearance=ColorHistogram()), shots)["IDF1"] for shots in clips]
    assert np.mean(numbers) >= least


RED, BLUE, GREEN = np.eye(3)


def named(*calls):
    """Ids call by call of (x, looks) pairs; who is at 50 and 150 has been there for a second."""
    calls = [*([[(50, RED), (150, BLUE)]] * 11), *calls]
    tracker = Tracker(appearance=lambda image, _: np.array([looks for _, looks in calls[image[0, 0, 0]]]))
    ids = []
    for number, call in enumerate(calls):
        image = np.full((9, 9, 3), number, np.uint8)
        ids.append(tracker(boxes_at(*((x, 50) for x, _ in call)), 0.1 * number, image).track_ids.tolist())
    return ids[11:]


HARDLY = 0.05  # of their looks is seen of somebody hidden


def test_who_got_a_new_id_too_soon_gets_the_old_one_back():
    """Nothing was seen of their clothes when they came back somewhere else, and then they are clear."""
    ids = named([(150, BLUE)], *[[(110, HARDLY * RED), (150, BLUE)]] * 3, *[[(110, RED), (150, BLUE)]] * 2)
    assert ids == [[2], [-1, 2], [3, 2], [3, 2], [1, 2], [1, 2]]


def test_who_was_there_together_is_not_the_same():
    """However alike they look: a new one who came while the other was still there keeps their id."""
    both = [(50, RED), (150, BLUE), (110, HARDLY * RED)]
    ids = named(both, both, *[[(150, BLUE), (110, RED)]] * 3)
    assert ids == [[1, 2, -1], [1, 2, 3], [2, 3], [2, 3], [2, 3]]


def test_an_id_that_a_stranger_took_goes_back():
    """Somebody half hidden comes out where another was expected, who then comes out beside them."""
    gone, stranger = [(150, BLUE)], (52, HARDLY * GREEN)
    ids = named(*[gone] * 3, [stranger, *gone], *[[stranger, *gone, (100, RED)]] * 3)
    assert ids[3] == [1, 2]
    assert [one[1:] for one in ids[4:]] == [[2, 1]] * 3
    assert 1 not in [one[0] for one in ids[4:]]


class Swung:
    """A camera of which everybody knows how it moved."""

    def __init__(self, *shifts):
        self.shifts = iter(shifts)

    def __call__(self, image, boxes):
        return np.array([[1.0, 0, next(self.shifts)], [0, 1, 0]])

    def forget(self):
        pass


@pytest.mark.parametrize(("camera", "ids"), [(Swung(0, 0, 90, -100, 110), [1, 1]), (None, [-1, -1])])
def test_a_moving_camera_is_taken_out(camera, ids):
    """Somebody stands, and the picture jumps farther than anybody does."""
    tracker, image = Tracker(camera=camera), np.zeros((9, 9, 3), np.uint8)
    tracker(boxes_at(), -0.1, image)
    found = [tracker(boxes_at((x, 50)), 0.1 * n, image) for n, x in enumerate((100, 190, 90, 200))]
    assert [int(kps.track_ids[0]) for kps in found[2:]] == ids


def test_a_camera_that_is_turned_and_shaken_is_taken_out_by_what_the_picture_shows():
    """Five people dressed alike: places alone tell who is who."""
    worlds = [list(WORLDS["pan"](seed, alike=True)) for seed in (1, 2)]
    with_it, without = (
        np.mean([measured(Tracker(camera=camera and camera()), shots)["IDF1"] for shots in worlds])
        for camera in (CameraMotion, None)
    )
    assert with_it > 0.83
    assert without < with_it - 0.05


def test_a_camera_is_told_where_people_were_in_the_picture_before():
    """What moves there is theirs; nobody knows where those were that were not found there."""
    told, image = [], np.zeros((9, 9, 3), np.uint8)

    class Listening(Swung):
        def __call__(self, image, boxes):
            told.append(boxes.round())
            return super().__call__(image, boxes)

    tracker = Tracker(camera=Listening(0, 0, 0))
    for time, places in enumerate([[(50, 50), (150, 50)], [(50, 50)], [(50, 50)]]):
        tracker(boxes_at(*places), 0.1 * time, image)
    assert [boxes.tolist() for boxes in told] == [
        [],
        boxes_at((50, 50), (150, 50)).boxes.tolist(),
        boxes_at((50, 50)).boxes.tolist(),
    ]


def test_a_camera_compares_no_picture_with_one_that_is_not_the_one_before():
    """A call did without a picture, or the tracker began anew."""
    said, image = [], np.zeros((9, 9, 3), np.uint8)

    class Listening(Swung):
        def forget(self):
            said.append("forgets")

    tracker = Tracker(camera=Listening(0, 0))
    said.clear()
    for time, picture in enumerate((image, image, None)):
        assert said == []
        tracker(boxes_at((50, 50)), time, picture)
    tracker.reset()
    assert said == ["forgets"] * 2


def test_somebody_gets_an_id_when_found_so_often():
    tracker = Tracker(births=3)
    tracker(boxes_at(), 0.0)  # those of the first call need not wait
    ids = [tracker(boxes_at((50, 50)), second).track_ids.tolist() for second in range(1, 5)]
    assert ids == [[-1], [-1], [1], [1]]


def test_who_is_missed_before_they_have_an_id_begins_anew():
    tracker = Tracker(births=3)
    tracker(boxes_at(), 0.0)
    found = [tracker(boxes_at(*[(50, 50)] * there), 0.1 * n) for n, there in enumerate((1, 1, 0, 1, 1, 1), 1)]
    assert [kps.track_ids.tolist() for kps in found] == [[-1], [-1], [], [-1], [-1], [1]]


def test_ids_rise_without_gaps_however_many_were_never_confirmed():
    tracker = Tracker()
    tracker(boxes_at(), -1.0)
    for frame in range(5):  # each time somewhere else
        tracker(boxes_at((50, 50), (300 + 90 * frame, 200)), float(frame))
    ids = [tracker(boxes_at((50, 50), (900, 50)), 5.0 + frame).track_ids.tolist() for frame in range(2)]
    assert ids == [[1, -1], [1, 2]]


def test_a_weak_instance_goes_on_with_a_track_and_begins_none():
    tracker = Tracker(births=1)
    tracker(boxes_at((50, 50)), 0.0)
    found = tracker(boxes_at((52, 50), (200, 50), scores=(0.2, 0.2)), 0.1)
    assert found.track_ids.tolist() == [1, -1]


def test_what_is_less_than_weak_goes_on_with_no_track():
    tracker = Tracker(births=1, weak=0.1)
    tracker(boxes_at((50, 50)), 0.0)
    ids = [tracker(boxes_at((50, 50), scores=(score,)), score).track_ids.tolist() for score in (0.09, 0.1)]
    assert ids == [[-1], [1]]


def test_a_strong_instance_is_taken_before_a_weak_one():
    tracker = Tracker(births=1)
    tracker(boxes_at((50, 50)), 0.0)
    assert tracker(boxes_at((50, 50), (58, 50), scores=(0.2, 0.9)), 0.1).track_ids.tolist() == [-1, 1]


def walked(tracker, times, speed=100.0):
    """Somebody who walks to the right at a speed, seen at some times."""
    return [tracker(boxes_at((speed * time, 50)), time).track_ids.tolist() for time in times]


def test_who_was_hidden_is_expected_where_they_would_be():
    """Half a second at 100 pixels a second is more than the box is wide."""
    tracker = Tracker()
    walked(tracker, np.arange(0, 1, 0.05))
    for time in np.arange(1, 1.5, 0.05):
        tracker(boxes_at(), time)
    assert walked(tracker, [1.5]) == [[1]]


@pytest.mark.parametrize("step", [0.01, 0.04, 0.1])
def test_expected_places_depend_on_time_and_not_on_the_number_of_frames(step):
    tracker = Tracker()
    walked(tracker, np.arange(0, 1 + step / 2, step))
    expected = tracker.expected(1.2)
    assert expected is not None
    np.testing.assert_allclose(expected.boxes[0, [0, 2]].mean(), 120, atol=3)


def test_expected_are_those_found_in_the_last_call():
    tracker = Tracker()
    assert tracker.expected(0.0) is None
    tracker(boxes_at((50, 50), (150, 50)), 0.0)
    tracker(boxes_at((50, 50), (150, 50), (250, 50)), 0.1)
    assert tracker.expected(0.1).track_ids.tolist() == [1, 2, -4]
    tracker(boxes_at((150, 50)), 0.2)
    assert tracker.expected(0.2).track_ids.tolist() == [2]


def test_lost_counts_tracks_that_were_found_in_the_call_before():
    tracker = Tracker()
    lost = []
    for time, places in enumerate([[(50, 50), (150, 50)], [(50, 50)], [(50, 50)], []]):
        tracker(boxes_at(*places), 0.1 * time)
        lost.append(tracker.lost)
    assert lost == [0, 1, 0, 1]


@pytest.mark.parametrize(("away", "same"), [(1.5, True), (2.5, False)])
def test_a_lost_track_is_taken_up_again_within_the_window_by_who_looks_alike(away, same):
    assert (returned(away, like=True) == 1) is same


def test_a_stranger_does_not_take_up_a_lost_track():
    assert returned(1.5, like=False) == 2


def returned(away, *, like):
    """Somebody red is seen for a second, and after some time somebody at the same place; who is that?"""
    looks = {True: np.array([1.0, 0.0]), False: np.array([0.0, 1.0])}
    colour = [True]
    tracker = Tracker(appearance=lambda image, kps: np.tile(looks[colour[0]], (len(kps), 1)), window=2.0)
    blank = np.zeros((9, 9, 3), np.uint8)
    for time in (0.0, 0.5, 1.0):
        tracker(boxes_at((50, 50)), time, blank)
    tracker(boxes_at(), 1.1, blank)
    colour[0] = like
    tracker(boxes_at((70, 50)), 1.0 + away, blank)
    return int(tracker(boxes_at((70, 50)), 1.1 + away, blank).track_ids[0])


def test_looks_are_asked_for_seldom_while_places_leave_no_doubt():
    """30 frames per second: all until looks are learnt, then one in .3 s, and all once a third one comes."""
    asked, blank = [], np.zeros((9, 9, 3), np.uint8)
    tracker = Tracker(appearance=lambda image, kps: asked.append(time) or np.ones((len(kps), 1)))
    for time in np.arange(60) / 30:
        third = [(150, 200)] if time > 1.5 else []
        tracker(boxes_at((50 + 30 * time, 50), (250, 50), *third), time, blank)
    until, later = (np.sum(np.array(asked) < end) for end in (0.33, 1.5))
    assert until == 9
    assert later - until == 3
    assert len(asked) - later >= 10


@pytest.mark.parametrize("similarity", [by_points, by_boxes])
def test_points_that_are_missing_do_not_break_a_track(similarity):
    """The skeleton has no sigmas, there are no boxes, and the hull of what is left is a point."""
    tracker = Tracker(similarity=similarity)
    xy = np.array([[[50.0, 50], [60, 90]], [[200, 50], [210, 90]]])
    for time in (0.0, 0.1, 0.2):
        found = tracker(pp.Keypoints(xy, np.full((2, 2), 0.9), PAIR), time)
    assert found.track_ids.tolist() == [1, 2]
    half = xy.copy()
    half[0, 1], half[1] = np.nan, np.nan
    found = tracker(pp.Keypoints(half, np.full((2, 2), 0.9), PAIR), 0.3)
    assert found.track_ids[1] == -1
    assert tracker(pp.Keypoints(xy, np.full((2, 2), 0.9), PAIR), 0.4).track_ids.tolist() == [1, 2]


def test_instances_come_back_as_they_went_in_but_for_their_ids(rng):
    xy = rng.uniform(0, 100, (3, 2, 2))
    kps = pp.Keypoints(xy, rng.random((3, 2)), PAIR, labels=np.array(["a", "b", "c"]))
    found = Tracker(births=1)(kps, 0.0)
    assert found.arrays().keys() - {"track_ids"} == kps.arrays().keys()
    for name, value in kps.arrays().items():
        np.testing.assert_array_equal(getattr(found, name), value)


@pytest.mark.parametrize("kps", [boxes_at(), pp.Keypoints.empty(pp.skeleton("coco17"))])
def test_frames_without_anybody_are_fine(kps):
    tracker = Tracker(appearance=ColorHistogram(), camera=CameraMotion())
    for time in range(3):
        assert len(tracker(kps, float(time), np.zeros((40, 60, 3), np.uint8)).track_ids) == 0
    assert len(tracker.expected(3.0)) == 0


@pytest.mark.parametrize("seconds", [1.0, 0.5, float("nan")])
def test_time_has_to_go_on(seconds):
    tracker = Tracker()
    tracker(boxes_at((50, 50)), 1.0)
    with pytest.raises(ValueError, match=r"expected later than 1\.0"):
        tracker(boxes_at((50, 50)), seconds)


def test_expected_is_not_asked_for_the_past():
    tracker = Tracker()
    tracker(boxes_at((50, 50)), 1.0)
    with pytest.raises(ValueError, match=r"expected 1\.0"):
        tracker.expected(0.9)


def test_the_skeleton_stays_the_same():
    tracker = Tracker()
    tracker(boxes_at((50, 50)), 1.0)
    with pytest.raises(ValueError, match="'coco17', expected 'box'"):
        tracker(pp.Keypoints.empty(pp.skeleton("coco17")), 2.0)


def test_reset_begins_anew():
    tracker = Tracker(births=1)
    tracker(boxes_at((50, 50)), 5.0)
    tracker.reset()
    assert tracker(boxes_at((300, 50)), 0.0).track_ids.tolist() == [1]


@pytest.mark.parametrize("wrong", [{"births": 0}, {"window": -1}, {"weak": 0.7}, {"least": 0}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tracker(**wrong)


def test_a_picture_that_comes_only_now_and_then_is_used_when_it_is_there():
    shots = list(WORLDS["crossing"](0))[:40]
    tracker = Tracker(appearance=ColorHistogram(), camera=CameraMotion())
    found = [tracker(s.found, s.seconds, s.image if n % 3 else None) for n, s in enumerate(shots)]
    assert track_measures([shot.truth for shot in shots], found)["switches"] == 0


def test_boxes_that_are_not_finite_are_taken_from_the_points(rng):
    xy = rng.uniform(0, 100, (1, 2, 2))
    lacking = pp.Keypoints(xy, np.ones((1, 2)), PAIR, boxes=np.full((1, 4), np.nan))
    tracker = Tracker(births=1)
    assert tracker(lacking, 0.0).track_ids.tolist() == [1]
    assert tracker(replace(lacking, boxes=None), 0.1).track_ids.tolist() == [1]


def test_after_a_long_outage_nobody_is_who_they_were():
    """A stream that was away for longer than the window: whoever is there is new."""
    tracker = Tracker(window=2.0)
    dot = pp.Skeleton("dot", ("middle",))

    def someone(x):
        box = [[x - 30.0, 0.0, x + 30.0, 200.0]]
        return pp.Keypoints([[[x, 100.0]]], [[0.9]], dot, boxes=box, box_scores=[0.9])

    assert tracker(someone(100.0), 0.0).track_ids.tolist() == [1]
    tracker(someone(220.0), 5.0)
    assert tracker(someone(220.0), 5.1).track_ids.tolist() == [2]


@pytest.mark.parametrize("step", [20.0, 40.0, 60.0])
def test_small_boxes_keep_their_ids_however_far_they_go_and_turn(step):
    """Two faces of 40 pixels go half their size to one and a half between two frames, and turn round."""
    tracker = Tracker()
    turns = np.tile([*[1] * 8, *[-1] * 8], 3)
    ids = [
        tracker(boxes_at((300 + x, 50), (300 + x, 200)), frame / 15).track_ids.tolist()
        for frame, x in enumerate(step * np.cumsum(turns))
    ]
    assert ids == [[1, 2]] * len(turns)


def test_nobody_is_who_left_when_another_comes_in_far_from_there():
    tracker = Tracker()
    for frame in range(10):  # one who stands, and so does not leap
        tracker(boxes_at((50, 50)), frame / 15)
    ids = [tracker(boxes_at((110, 50)), frame / 15).track_ids.tolist() for frame in range(10, 12)]
    assert ids == [[-1], [2]]
