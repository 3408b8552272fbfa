"""Faces and hands follow their bodies: what is seen is read in every frame, what is not in its turn."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.blazepose import blazepose35
from pinpoint.pipelines.following import Ask, CropFollower, all_of_them, present_hulls
from pinpoint.pipelines.regions import AlignedBoxRegion, HullRegion
from pinpoint.pipelines.whole_body_following import WholeBodyFollower
from pinpoint.skeletons import skeleton
from spots import boxed

PICTURE = np.zeros((240, 320, 3), np.uint8)
NOBODY = Keypoints.empty(blazepose35())


class Bodies:
    """Sees one person; the one expected, if there is one."""

    def read(self, asks):
        xy = np.stack([np.linspace(100, 200, 35), np.linspace(40, 220, 35)], axis=1)[None]
        return [
            Keypoints(
                xy,
                np.full((1, 35), 0.9),
                blazepose35(),
                boxes=[[100.0, 40, 200, 220]],
                box_scores=[0.9],
                track_ids=[-1 if ask.expected is None else 0],
            )
            for ask in asks
        ]


class Parts:
    """Reads the points of every region that is known, and counts them; `presence` says how surely."""

    def __init__(self, columns, presence):
        self.skeleton, self.presence = columns, presence
        self.asked, self.middles = [], []

    def together(self, views):
        self.middles.append([view.regions.centers for view in views])
        self.asked.append([bool(np.isfinite(view.regions.centers).all()) for view in views])
        return [self._read(view) for view in views]

    def _read(self, view):
        known = np.isfinite(view.regions.centers).all(axis=1)
        k = len(self.skeleton)
        xy = view.regions.centers[:, None] + np.linspace([-9, -9], [9, 9], k)
        presence = np.where(known, self.presence, 0.0)
        return Keypoints(
            xy, np.ones((len(xy), k)), self.skeleton, boxes=view.found.boxes, box_scores=presence
        )


def part(name, region, presence):
    columns = skeleton(name)
    again = HullRegion(columns.keypoints[0], columns.keypoints[9])
    network = Parts(columns, presence)
    return CropFollower(lambda _: boxed(), network, region, again, present_hulls, all_of_them, columns)


def follower(presence):
    face = part("facemesh468", AlignedBoxRegion("right_eye", "left_eye"), presence)
    hand = part("hand21", AlignedBoxRegion("wrist", "thumb_cmc"), presence)
    return WholeBodyFollower(Bodies(), face, hand)


def asked(follow, turns):
    """In which of so many frames each part was looked for, after a first one in which the person came."""
    (seen,) = follow.read([Ask(PICTURE, NOBODY, turn=0)])
    first = [follow.face.network.asked[-1][0], *follow.hand.network.asked[-1]]
    rows = []
    for turn in range(1, turns + 1):
        expected = replace(seen, track_ids=np.array([1]))
        (seen,) = follow.read([Ask(PICTURE, NOBODY, expected, turn=turn)])
        rows.append([follow.face.network.asked[-1][0], *follow.hand.network.asked[-1]])
    return first, np.array(rows)


@pytest.mark.parametrize("presence", [0.2, 0.9])
def test_all_parts_of_whoever_comes_are_looked_for(presence):
    first, _ = asked(follower(presence), 0)
    assert first == [True, True, True]


def test_parts_that_are_seen_are_read_in_every_frame():
    _, rows = asked(follower(0.9), 4)
    assert rows.all()


def test_parts_that_are_not_seen_are_looked_for_one_after_the_other():
    _, rows = asked(follower(0.2), 6)
    np.testing.assert_array_equal(rows.sum(axis=1), np.ones(6))
    np.testing.assert_array_equal(rows.sum(axis=0), [2, 2, 2])


def test_without_turns_every_part_is_looked_for():
    follow = follower(0.2)
    (seen,) = follow.read([Ask(PICTURE, NOBODY)])
    follow.read([Ask(PICTURE, NOBODY, seen)])
    assert follow.hand.network.asked[-1] == [True, True]


def read_again(part, moved):
    """Where a part is read at first, and in the next frame if its points are expected so far from there."""
    follow = follower(0.9)
    network = getattr(follow, part.split("_")[-1]).network
    (seen,) = follow.read([Ask(PICTURE, NOBODY)])
    mine = np.array([name.startswith(f"{part}/") for name in seen.skeleton.keypoints])
    follow.read([Ask(PICTURE, NOBODY, replace(seen, xy=seen.xy + np.where(mine[:, None], moved, 0.0)))])
    side = 1 if part == "right_hand" else 0
    return network.middles[0][side][0], network.middles[1][side][0]


@pytest.mark.parametrize("part", ["face", "left_hand", "right_hand"])
def test_parts_that_were_seen_are_read_where_they_are_expected(part):
    """And not where the body says that they are, which is less exact."""
    still, moved = read_again(part, (0, 0))[1], read_again(part, (4, -3))[1]
    np.testing.assert_allclose(moved - still, (4, -3), atol=1e-9)


@pytest.mark.parametrize("part", ["left_hand", "right_hand"])
def test_a_hand_that_its_wrist_has_left_is_read_at_the_wrist(part):
    first, again = read_again(part, (90, 0))
    np.testing.assert_allclose(again, first)
