import cv2
import numpy as np
import pytest

from pinpoint.geometry import boxes_of_points
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.viz import Style, draw
from pinpoint.viz.detail import detail_of
from pinpoint.viz.palette import look_of

GREY = np.full((240, 240, 3), 128, np.uint8)


def arc(center, radius, start, stop, count):
    """Points on an ellipse, angles in degrees clockwise from the right, both ends included."""
    angles = np.radians(np.linspace(start, stop, count))
    return np.array(center) + np.array(radius) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def face(extent, at=(120.0, 120.0)):
    """The 68 points of a face from the front, as wide and high as an extent in pixels."""
    eyes = [arc((x, 0.35), (0.09, 0.04), 180, 480, 6) for x in (0.29, 0.71)]
    brows = [arc((x, 0.24), (0.13, 0.06), 190, 350, 5) for x in (0.29, 0.71)]
    nose = [
        np.stack([np.full(4, 0.5), np.linspace(0.35, 0.58, 4)], 1),
        arc((0.5, 0.6), (0.1, 0.05), 170, 10, 5),
    ]
    lips = [arc((0.5, 0.76), (0.17, 0.08), 180, 510, 12), arc((0.5, 0.76), (0.12, 0.03), 180, 495, 8)]
    unit = np.concatenate([arc((0.5, 0.2), (0.5, 0.8), 180, 0, 17), *brows, *nose, *eyes, *lips])
    xy = (unit - unit.min(axis=0)) / np.ptp(unit, axis=0) * extent + np.array(at) - extent / 2
    return Keypoints(xy=xy[None], scores=np.ones((1, 68)), skeleton=skeleton("face68"))


def hand(extent):
    """A spread hand: the wrist below, five fingers of four points."""
    fingers = [
        arc((0.5, 1.0), (r, r), a, a, 1) for a in (215, 245, 270, 295, 320) for r in (0.4, 0.6, 0.8, 1.0)
    ]
    unit = np.concatenate([[[0.5, 1.0]], *fingers])
    xy = (unit - unit.min(axis=0)) / np.ptp(unit, axis=0).max() * extent + 60
    return Keypoints(xy=xy[None], scores=np.ones((1, 21)), skeleton=skeleton("hand21"))


def covered(kps):
    """How much of the picture inside the hull of the points is lost, 1 where all of it is painted opaque."""
    inside = cv2.fillConvexPoly(
        np.zeros(GREY.shape[:2], np.uint8), cv2.convexHull(np.rint(kps.xy[0]).astype(np.int32)), 1
    )
    black, white = (draw(GREY * 0 + value, kps)[inside > 0].astype(float) for value in (0, 255))
    return 1 - (white - black).mean() / 255


def detail(kps):
    look = look_of(kps.skeleton)
    boxes = np.stack([boxes_of_points(kps.xy[:, group]) for group in look.groups], axis=1)
    return detail_of(look, kps.skeleton, (boxes[..., 2:] - boxes[..., :2]).max(axis=-1))


@pytest.mark.parametrize(("extent", "most"), [(15, 0.2), (20, 0.2), (30, 0.25), (40, 0.3), (60, 0.25)])
def test_a_small_face_stays_visible(extent, most):
    assert covered(face(extent)) < most


@pytest.mark.parametrize(("extent", "most"), [(15, 0.5), (25, 0.4), (40, 0.35)])
def test_a_small_hand_stays_visible(extent, most):
    assert covered(hand(extent)) < most


@pytest.mark.parametrize("make", [face, hand])
def test_large_faces_and_hands_are_drawn_in_full(make):
    full = detail(make(72))
    assert full.opacity.min() == full.edge_rims.min() == full.radii.min() == 1


def test_a_mesh_is_drawn_in_full_at_twice_the_size():
    look, mesh = look_of(skeleton("facemesh478")), skeleton("facemesh478")
    assert detail_of(look, mesh, np.array([[144.0]])).radii.min() == 1
    assert detail_of(look, mesh, np.array([[96.0]])).radii.max() == 0


@pytest.mark.parametrize("make", [face, hand])
def test_a_small_face_or_hand_has_no_points(make):
    small = make(45)
    larger = draw(GREY, small, style=Style(point_radius=3.0))
    np.testing.assert_array_equal(draw(GREY, small), larger)


def test_lips_and_eyes_of_a_small_face_can_be_told_from_its_skin():
    kps = face(30)
    out = draw(GREY * 0, kps).max(axis=2)
    x, y = np.rint(kps.xy[0, [36, 39, 42, 45, 48, 54]]).astype(int).T
    assert out[y, x].min() > 60


def test_the_smallest_face_is_its_outline():
    sizes, jaw = detail(face(16)), skeleton("face68").edge_index.max(axis=1) < 17
    assert (sizes.opacity[0, jaw] > 0).all() and not sizes.opacity[0, ~jaw].any()


def test_the_head_of_a_body_gives_way_to_the_small_face_over_it():
    whole = skeleton("coco_wholebody133")
    xy = np.full((1, 133, 2), np.nan)
    xy[0, 23:91] = face(30).xy[0]
    xy[0, whole.indices(["nose", "left_eye", "right_eye"])] = [120, 120], [127, 113], [113, 113]
    kps = Keypoints(xy=xy, scores=np.ones((1, 133)), skeleton=whole)
    alone = Keypoints(xy=xy[:, 23:91], scores=np.ones((1, 68)), skeleton=skeleton("face68"))
    np.testing.assert_array_equal(draw(GREY, kps), draw(GREY, alone))


def test_a_body_without_a_face_is_drawn_in_full_however_small():
    look, coco = look_of(skeleton("coco17")), skeleton("coco17")
    tiny = detail_of(look, coco, np.array([[8.0]]))
    assert tiny.opacity.min() == tiny.radii.min() == tiny.edge_rims.min() == 1


def test_five_points_of_a_face_are_five_dots():
    xy = np.array([[[60.0, 60], [180, 60], [120, 120], [70, 180], [170, 180]]])
    lit = (draw(GREY, Keypoints(xy, np.ones((1, 5)), skeleton("face5"))) != GREY).any(axis=2)
    assert cv2.connectedComponents(lit.astype(np.uint8))[0] - 1 == 5
