"""Faces and hands go to the people they belong to."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.whole_body import WholeBody
from pinpoint.skeletons import skeleton

BODY, FACE, HAND, ALL = (skeleton(name) for name in ("blazepose33", "face68", "hand21", "coco_wholebody133"))
PICTURE = np.zeros((300, 600, 3), np.uint8)


def body(*centers, **points):
    """People facing us: their right on our left. `left_wrist=(NaN, NaN)` and such are put in place."""
    kps = np.full((len(centers), 33, 2), 500.0)
    for row, (x, y) in enumerate(centers):
        places = {"nose": (0, -80), "left_eye": (8, -88), "right_eye": (-8, -88), "left_ear": (16, -85)}
        places |= {"right_ear": (-16, -85), "left_mouth_corner": (6, -70), "right_mouth_corner": (-6, -70)}
        places |= {"left_wrist": (60, 0), "right_wrist": (-60, 0)}
        places |= {f"{side}_index": (x_, -20) for side, x_ in (("left", 62), ("right", -62))}
        places |= {f"{side}_pinky": (x_, -20) for side, x_ in (("left", 66), ("right", -66))}
        for name, place in places.items():
            kps[row, BODY.index(name)] = np.array([x, y]) + place
        for name, place in points.items():
            kps[row, BODY.index(name)] = place
    n = len(centers)
    boxes = np.array([[x - 70, y - 110, x + 70, y + 90] for x, y in centers], float).reshape(-1, 4)
    xyz = np.zeros((n, 33, 3))
    return Keypoints(kps, np.full((n, 33), 0.9), BODY, boxes=boxes, box_scores=np.full(n, 0.9), xyz=xyz)


def part(columns, anchor, *places, size=30, scores=None, labels=None):
    """Faces or hands of a size whose anchor point is at these places; the other points are around it."""
    n, k = len(places), len(columns)
    turn = np.linspace(0, 2 * np.pi, k)
    ring = size / 2 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    xy = np.array(places, float).reshape(-1, 1, 2) + ring
    xy[:, anchor] = np.array(places).reshape(-1, 2)
    score = np.full(n, 0.8) if scores is None else np.array(scores)
    hulls = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    return Keypoints(
        xy, np.repeat(score[:, None], k, 1), columns, boxes=hulls, box_scores=score, labels=labels
    )


def faces(*places, **options):
    return part(FACE, 30, *places, **options)


def hands(*places, labels=None, **options):
    return part(HAND, 0, *places, labels=labels or ["left"] * len(places), **options)


@dataclass
class Finder:
    """Finds the same parts whatever it is shown; `read` reads the regions it is asked for, or nothing."""

    found: Keypoints
    reads: bool = False
    asked: list = field(default_factory=list)

    def __call__(self, image, boxes=None):
        return self.found if boxes is None else self.found[: len(boxes)]

    def read(self, image, found, region=None, looks=1):
        self.asked.append(found)
        if not self.reads:
            return Keypoints.empty(self.found.skeleton)
        centers = region(found).centers if region else (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        part_ = faces(*centers) if self.found.skeleton == FACE else hands(*centers)
        return Keypoints(part_.xy, part_.scores, part_.skeleton, track_ids=found.track_ids)


def whole(bodies, face=None, hand=None, *, boxes=None, reads=False):
    finders = (
        Finder(faces() if face is None else face, reads),
        Finder(hands() if hand is None else hand, reads),
    )
    return WholeBody(Finder(bodies), *finders)(PICTURE, boxes), finders


def seen(kps, name):
    return np.isfinite(kps.xy[:, ALL.part_index(name), 0]).all(axis=1).tolist()


def at(kps, name):
    return kps.xy[:, ALL.index(name)].round(6).tolist()


LIMBS = slice(5, 17)  # shoulders to ankles
ALICE, BOB = (150, 150), (400, 150)
NOSES = [(150, 70), (400, 70)]


def test_body_points_are_those_of_the_body():
    kps, _ = whole(body(ALICE, BOB))
    assert kps.skeleton == ALL
    assert at(kps, "nose") == [[150, 70], [400, 70]]
    assert at(kps, "left_wrist") == [[210, 150], [460, 150]]
    assert kps.boxes.tolist() == body(ALICE, BOB).boxes.tolist()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_face_goes_to_the_nose_that_is_nearest(order):
    kps, _ = whole(body(ALICE, BOB), faces(*[(NOSES[n][0] + 3, NOSES[n][1] - 2) for n in order]))
    assert at(kps, "face-30") == [[153, 68], [403, 68]]
    assert len(kps) == 2


def test_a_hand_goes_to_the_wrist_that_is_nearest_whatever_side_it_is_said_to_be():
    found = hands((212, 150), (341, 150), labels=["right", "left"])
    kps, _ = whole(body(ALICE, BOB), hand=found)
    assert seen(kps, "left_hand") == [True, False]
    assert seen(kps, "right_hand") == [False, True]
    assert at(kps, "left_hand_root")[0] == [212, 150]
    assert at(kps, "right_hand_root")[1] == [341, 150]


def test_of_two_faces_on_one_nose_the_nearer_is_taken_and_the_other_is_a_person():
    kps, _ = whole(body(ALICE), faces((156, 70), (151, 70)))
    assert at(kps, "face-30") == [[151, 70], [156, 70]]
    assert np.isnan(kps.xy[1, LIMBS]).all()


def test_what_is_farther_than_half_its_size_belongs_to_nobody():
    kps, _ = whole(body(ALICE), faces((150 + 14, 70)))
    assert len(kps) == 1
    kps, _ = whole(body(ALICE), faces((150 + 17, 70)))
    assert len(kps) == 2


def test_strangers_become_people_of_whom_nothing_else_is_seen():
    kps, _ = whole(body(ALICE), faces((550, 40)), hands((500, 200), (560, 200), labels=["right", "left"]))
    assert len(kps) == 4
    assert seen(kps, "face") == [False, True, False, False]
    assert seen(kps, "left_hand") == [False, False, True, False]
    assert seen(kps, "right_hand") == [False, False, False, True]
    assert np.isnan(kps.xy[1:, LIMBS]).all()
    assert kps.box_scores.tolist() == [0.9, 0.8, 0.8, 0.8]


def test_a_hand_within_somebodys_box_is_no_stranger():
    kps, _ = whole(body(ALICE), hand=hands((150, 200)))
    assert len(kps) == 1


def test_without_bodies_there_are_strangers_only():
    kps, _ = whole(body(), faces((550, 40)))
    assert len(kps) == 1
    assert seen(kps, "face") == [True]


def test_nobody_and_nothing_is_empty():
    kps, _ = whole(body())
    assert (len(kps), kps.skeleton) == (0, ALL)


def test_given_boxes_have_one_row_each_and_no_strangers():
    boxes = body(ALICE, BOB).boxes
    kps, _ = whole(body(ALICE, BOB), faces((550, 40)), hands((500, 280)), boxes=boxes)
    assert kps.boxes.tolist() == boxes.tolist()


@pytest.mark.parametrize("name", ["left_wrist", "right_wrist"])
def test_a_wrist_that_is_missing_attracts_no_hand(name):
    side = name.split("_")[0]
    wrist = {"left": (210, 150), "right": (90, 150)}[side]
    kps, _ = whole(body(ALICE, **{name: (np.nan, np.nan)}), hand=hands(wrist))
    assert not seen(kps, f"{side}_hand")[0]


def test_a_body_that_was_not_seen_gets_nothing():
    nobody = body(ALICE)
    nobody = Keypoints(
        np.full((1, 33, 2), np.nan), np.zeros((1, 33)), BODY, boxes=nobody.boxes, box_scores=[0]
    )
    kps, finders = whole(nobody, boxes=nobody.boxes, reads=True)
    assert np.isnan(kps.xy).all()
    assert finders[0].asked == finders[1].asked == []


def test_heads_and_wrists_say_where_to_look_for_what_is_missing():
    kps, _ = whole(body(ALICE, BOB), faces(NOSES[0]), hands((210, 150)), reads=True)
    assert seen(kps, "face") == [True, True]
    assert seen(kps, "left_hand") == [True, True]
    assert seen(kps, "right_hand") == [True, True]
    assert abs(kps.xy[1, ALL.part_index("face")].mean(axis=0) - NOSES[1]).max() < 12
    for row, side, x in ((1, "left", 460), (0, "right", 90), (1, "right", 340)):
        where = kps.xy[row, ALL.part_index(f"{side}_hand")].mean(axis=0)
        assert abs(where - (x, 130)).max() < 12


def test_only_what_is_missing_is_looked_for():
    _, (face, hand) = whole(body(ALICE, BOB), faces(NOSES[0]), hands((210, 150)), reads=True)
    assert [found.track_ids.tolist() for found in face.asked] == [[1]]
    assert [found.track_ids.tolist() for found in hand.asked] == [[1], [0, 1]]


def test_heads_and_wrists_that_are_hardly_seen_are_not_looked_at():
    hidden = body(ALICE)
    hidden.scores[:] = 0.05
    _, (face, hand) = whole(hidden, reads=True)
    assert face.asked == hand.asked == []


def test_where_both_hands_are_one_the_surer_stays():
    """Both wrists at one place: each of the two finds is given to one of them."""
    together = {"left_wrist": (150, 150), "right_wrist": (153, 150)}
    for scores, stays in (((0.9, 0.6), "left"), ((0.6, 0.9), "right")):
        kps, _ = whole(body(ALICE, **together), hand=hands((150, 150), (153, 150), scores=scores))
        assert (seen(kps, "left_hand")[0], seen(kps, "right_hand")[0]) == (stays == "left", stays == "right")


def test_the_face_says_where_nose_and_eyes_are_and_the_hand_where_the_wrist_is():
    found, _ = whole(body((200, 150)), faces((203, 72)), hands((262, 153)))
    face = found.xy[0, ALL.part_index("face")]
    np.testing.assert_allclose(at(found, "nose")[0], (203, 72))
    np.testing.assert_allclose(at(found, "left_eye")[0], face[42:48].mean(axis=0))
    np.testing.assert_allclose(at(found, "left_wrist")[0], (262, 153))
    np.testing.assert_allclose(at(found, "right_wrist")[0], (140, 150))


@pytest.mark.parametrize(("score", "label", "owned"), [(0.3, "left", 1), (0.9, "left", 0), (0.3, "right", 0)])
def test_a_hand_half_an_arm_away_belongs_to_a_wrist_that_was_hardly_seen(score, label, owned):
    """The shoulder is 60 pixels from the elbow, the hand 50 from the wrist, beyond half its own size."""
    person = body((200, 150), left_elbow=(260, 110), left_shoulder=(260, 50))
    person.scores[0, BODY.index("left_wrist")] = score
    found, _ = whole(person, hand=hands((310, 150), labels=[label]))
    assert sum(seen(found, "left_hand")[:1]) == owned
