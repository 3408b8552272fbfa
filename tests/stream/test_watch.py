"""The few lines that most programs need."""

from dataclasses import replace

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.io.errors import UnreadableError
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.stream import Engine, Watcher

DOT = Skeleton("dot", ("middle",))


class Finder:
    """Finds one dot, a pixel further right in every picture."""

    skeleton, carries, sure = DOT, False, 0.5

    def __init__(self):
        self.looks = 0

    def find(self, image):
        self.looks += 1
        x = 20.0 + self.looks
        return Keypoints([[[x, 20]]], [[0.9]], DOT, boxes=[[x - 9, 9, x + 9, 31]], box_scores=[0.9])

    def read(self, asks):
        return [ask.found for ask in asks]

    def told(self, kps):
        return kps


def frames(count, break_after=None):
    for index in range(count):
        if index == break_after:
            raise UnreadableError("my camera", "it fell off the wall")
        yield Frame(np.zeros((40, 60, 3), np.uint8), index, index / 30)


def test_every_frame_of_a_recording_comes_with_the_same_id():
    seen = list(pp.watch(frames(12), Finder()))
    assert [one.index for one in seen] == list(range(12))
    assert {int(i) for one in seen for i in one.keypoints.track_ids} == {1}


def test_points_are_steadied_unless_that_is_not_wanted():
    (*_, as_read), (*_, steadied) = (
        pp.watch(frames(12), Finder(), smooth=False),
        pp.watch(frames(12), Finder()),
    )
    assert as_read.keypoints.xy[0, 0, 0] == 32
    assert 30 < steadied.keypoints.xy[0, 0, 0] != 32


class Carrier(Finder):
    """Reads somebody where they are expected."""

    carries = True

    def read(self, asks):
        return [ask.found if len(ask.found) else ask.expected for ask in asks]


@pytest.mark.parametrize(("options", "looks"), [({}, 2), ({"pauses": None}, 30)])
def test_the_detector_rests_unless_that_is_not_wanted(options, looks):
    """In a second where nothing happens it looks at first and after half of it."""
    finder = Carrier()
    assert [len(seen.keypoints) for seen in pp.watch(frames(30), finder, **options)] == [1] * 30
    assert finder.looks == looks


class Fading(Carrier):
    """Reads whoever is carried on with a lower score."""

    def read(self, asks):
        return [
            ask.found if len(ask.found) else replace(ask.expected, box_scores=ask.expected.box_scores * 0.8)
            for ask in asks
        ]


def test_whose_score_falls_too_low_on_the_way_is_left_out():
    seen = list(pp.watch(frames(4), Fading(), min_score=0.5))
    assert [len(one.keypoints) for one in seen] == [1, 1, 1, 0]  # .9, .72, .58, .46


class Told:
    """Tells what it is given, and takes it for read."""

    carries, sure = False, 0.5

    def __init__(self, found):
        self.found, self.skeleton = iter(found), found[0].skeleton

    def find(self, image):
        return next(self.found)

    def read(self, asks):
        return [ask.found for ask in asks]

    def told(self, kps):
        return kps


def test_who_was_away_is_known_by_their_colours():
    """Somebody red goes, and is back elsewhere after a second and a half."""

    def red(x):
        image = np.full((100, 400, 3), 128, np.uint8)
        image[20:80, x - 15 : x + 16] = (200, 30, 30)
        return image, Keypoints([[[x, 50]]], [[0.9]], DOT, boxes=[[x - 15, 20, x + 15, 80]], box_scores=[0.9])

    times = [*np.arange(0, 1, 0.1), 1.0, 2.4, 2.5]
    shots = [red(50) if t < 1 else red(90) for t in times]
    shots[10] = (shots[10][0], shots[10][1][:0])
    film = [Frame(image, n, t) for n, (t, (image, _)) in enumerate(zip(times, shots, strict=True))]
    *_, last = pp.watch(film, Told([found for _, found in shots]))
    assert last.keypoints.track_ids.tolist() == [1]


def test_a_point_that_leaps_is_mended_before_it_is_steadied():
    """The filter alone would follow it for more than half of the way."""
    five = Skeleton("five", tuple("abcde"))
    xy = np.array([[[20.0, 10], [40, 10], [20, 90], [40, 90], [30, 50]]])
    shots = [Keypoints(xy.copy(), np.ones((1, 5)), five, boxes=[[15.0, 5, 45, 95]]) for _ in range(15)]
    shots[12].xy[0, 4, 0] += 30
    film = [Frame(np.zeros((100, 60, 3), np.uint8), n, n / 30) for n in range(15)]
    seen = list(pp.watch(film, Told(shots)))
    np.testing.assert_allclose(seen[12].keypoints.xy, xy, atol=0.5)


def test_leaving_the_loop_stops_everything():
    finder = Finder()
    for seen in pp.watch(frames(10_000), finder):
        if seen.index == 3:
            break
    assert finder.looks < 100


def test_what_was_seen_before_a_source_broke_is_kept():
    watch = pp.watch(frames(10, break_after=6), Finder())
    seen = []
    with pytest.raises(UnreadableError, match="fell off"):
        seen.extend(watch)  # takes what comes up to there
    assert [one.index for one in seen] == list(range(6))


def test_low_scores_are_left_out():
    assert all(len(one.keypoints) == 0 for one in pp.watch(frames(4), Finder(), min_score=0.95))


def test_a_missing_file_is_told_before_anything_begins():
    with pytest.raises(UnreadableError, match="nowhere"):
        pp.watch("nowhere.mp4", Finder())


@pytest.mark.parametrize("use", [lambda given: pp.watch(frames(1), given), Engine, Watcher])
def test_an_estimator_is_refused_before_anything_begins(use):
    """It is what `pinpoint.load` gives, so it is the first that comes to mind."""
    with pytest.raises(TypeError, match="the model is of type function, expected what load_follower gives"):
        use(lambda image, boxes=None: Keypoints.empty(DOT))


def test_frames_that_are_bare_pictures_are_refused():
    pictures = [np.zeros((40, 60, 3), np.uint8)]
    with pytest.raises(TypeError, match=r"one of type ndarray, expected Frame\(image, index"):
        list(pp.watch(pictures, Finder()))


def test_an_unknown_model_is_told_before_anything_begins():
    with pytest.raises(ValueError, match="no model 'boddy'"):
        pp.watch(frames(1), "boddy")
