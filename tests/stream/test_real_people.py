"""People cut from a photograph, moved as we know, and followed by the network that comes along."""

import numpy as np
import pytest

from moving_people import Mover, astronaut_cut, moving, plain_background, standing_at, steady, straight
from pinpoint.pipelines.load import load_follower
from pinpoint.stream.watcher import PAUSES, usual_watcher

FPS = 15
CUT = astronaut_cut(260)
TIMES = steady(2.0, FPS)


def walker(start, end):
    """Somebody who walks from x to x, beside whom the picture ends below."""
    return Mover(CUT, standing_at(CUT, straight((start, 300), (end, 300), TIMES[-1])))


@pytest.fixture(scope="module")
def moments():
    """Somebody walks slowly, and another one comes in from the right."""
    return list(moving([walker(110, 200), walker(800, 380)], plain_background((512, 300)), TIMES))


@pytest.fixture(scope="module")
def seen(moments):
    """What is seen by a detector that rests and by one that does not, and how often each looked."""
    follower, seen = load_follower("body", threads=1), {}
    for name, pauses in (("rests", PAUSES), ("every frame", None)):
        watcher = usual_watcher(follower, pauses=pauses)
        seen[name] = [watcher(moment.frame) for moment in moments], watcher.looks
    return seen


def share_right(moments, found):
    """Of the labelled points of people half in view, those from which whoever fits best is a tenth off."""
    right = []
    for moment, kps in zip(moments, found, strict=True):
        for person in np.flatnonzero(moment.seen >= 0.5):
            true, box = moment.truth.xy[person], moment.truth.boxes[person]
            off = np.linalg.norm(kps.xy - true, axis=-1) / (box[2:] - box[:2]).max()
            near = np.nan_to_num(off, nan=9.0) < 0.1
            right.append((near.sum(axis=1).max(initial=0), np.isfinite(true[:, 0]).sum()))
    hits, all_ = np.sum(right, axis=0)
    return hits / all_


def test_a_detector_that_rests_costs_next_to_no_points_and_looks_seldom(moments, seen):
    (rests, looks), (every, frames) = seen["rests"], seen["every frame"]
    assert frames == len(moments) >= 4 * looks
    assert share_right(moments, rests) > share_right(moments, every) - 0.02


def test_whoever_comes_in_is_told_a_third_of_a_second_later_at_most(seen):
    first = {
        name: next(n for n, kps in enumerate(found) if len(kps) > 1) for name, (found, _) in seen.items()
    }
    assert 0 < first["every frame"] <= first["rests"] <= first["every frame"] + np.ceil(FPS / 3)


def test_each_keeps_one_id(seen):
    told = [kps.track_ids.tolist() for kps in seen["rests"][0]]
    assert {tuple(ids) for ids in told} <= {(1,), (1, 2), (2, 1)}
    assert len(told[-1]) == 2
