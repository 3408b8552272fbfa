"""The few lines that most programs need."""

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.io.errors import UnreadableError
from pinpoint.io.video import Frame
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

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


def test_an_unknown_model_is_told_before_anything_begins():
    with pytest.raises(ValueError, match="no model 'boddy'"):
        pp.watch(frames(1), "boddy")
