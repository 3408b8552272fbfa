"""Faces: the eyes' columns, the linear map, and rows that stay."""

import numpy as np
import pytest

from pinpoint.codecs import Extras
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.face import (
    Face68,
    Face68Network,
    FaceIris,
    FaceMesh,
    LinearMap,
    eye_skeleton,
    upright_frame,
)
from pinpoint.skeletons import skeleton
from spots import boxed, lit, spot_network

MESH, IRISES = skeleton("facemesh468"), skeleton("facemesh478")
RIGHT, LEFT = (60, 70), (140, 75)  # where the person's eyes are: her right one on the left


class MeshCodec:
    """A ring around the light, but for the corners of the eyes, 15 crop pixels on either side of it."""

    input_size = (64, 64)

    def decode(self, spots):
        turn = np.linspace(0, 2 * np.pi, 468, endpoint=False)
        xy = spots[:, None] + 20 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        for column, shift in ((33, -15), (133, -9), (362, 9), (263, 15)):
            xy[:, column] = spots + np.array([shift, 0])
        return xy, np.full(xy.shape[:2], 0.9)

    def extras(self, spots):
        return Extras(np.where(np.isnan(spots[:, 0]), 0.1, 0.9))


class EyeCodec:
    """Every point on the light, but the outer corner of a right eye 2 crop pixels to its left."""

    input_size = (64, 64)

    def decode(self, spots):
        xy = np.repeat(spots[:, None], 76, axis=1)
        xy[:, 0, 0] -= 2
        return xy, np.ones((len(xy), 76))


def meshes(image, boxes=None):
    """One face whose eyes are wide open, 24 pixels each, and a box."""
    xy = np.full((1, 468, 2), 1000.0) + np.arange(468)[:, None]
    for outer, inner, (x, y), side in ((33, 133, RIGHT, -12), (263, 362, LEFT, 12)):
        xy[0, outer], xy[0, inner] = (x + side, y), (x - side, y)
    return Keypoints(xy, np.full((1, 468), 0.7), MESH, boxes=[[0, 0, 200, 150]], box_scores=[0.7])


def iris(mesh=meshes):
    return FaceIris(mesh, spot_network(EyeCodec(), eye_skeleton()))


LIT_EYES = np.maximum(lit(62, 71, radius=2), lit(137, 73, radius=2))


def test_each_iris_is_where_its_eye_is_lit():
    kps = iris()(LIT_EYES)
    assert kps.skeleton == IRISES
    for name, place in (("mesh-468", (62, 71)), ("mesh-473", (137, 73))):
        np.testing.assert_allclose(kps.xy[0, IRISES.index(name)], place, atol=0.3)


def test_the_outer_corners_of_both_eyes_lie_outside():
    """The network says 2 crop pixels; a crop is 2.3 * 24 pixels wide and has 64."""
    kps = iris()(LIT_EYES)
    away = 2 * 2.3 * 24 / 64
    np.testing.assert_allclose(kps.xy[0, IRISES.index("mesh-33"), 0], 62 - away, atol=0.3)
    np.testing.assert_allclose(kps.xy[0, IRISES.index("mesh-263"), 0], 137 + away, atol=0.3)


def test_the_rest_of_the_face_is_the_meshs_and_so_is_every_score():
    kps, mesh = iris()(LIT_EYES), meshes(None)
    eyes = eye_skeleton().keypoints
    rest = np.setdiff1d(np.arange(468), [*IRISES.indices(eyes), *IRISES.flip_index[IRISES.indices(eyes)]])
    np.testing.assert_array_equal(kps.xy[0, rest], mesh.xy[0, rest])
    assert (kps.scores == 0.7).all()


def test_no_face_has_no_iris():
    kps = iris(lambda image, boxes: Keypoints.empty(MESH))(LIT_EYES)
    assert (len(kps), kps.skeleton) == (0, IRISES)


def test_the_irises_of_a_face_that_was_not_seen_are_missing():
    def unseen(image, boxes):
        return Keypoints(np.full((1, 468, 2), np.nan), np.zeros((1, 468)), MESH, boxes=[[0, 0, 9, 9]])

    kps = iris(unseen)(LIT_EYES, [[0, 0, 9, 9]])
    assert np.isnan(kps.xy).all()
    assert kps.scores.max() == 0


def mesh_of(detector, looks=1):
    return FaceMesh(detector, spot_network(MeshCodec(), MESH), looks)


@pytest.mark.parametrize("looks", [1, 2])
def test_faces_are_read_where_boxes_are(looks):
    found = mesh_of(lambda image: boxed([90, 50, 130, 90], [10, 10, 20, 20]), looks)(lit(110, 70))
    np.testing.assert_allclose(found.xy[0, [33, 263]].mean(axis=0), (110, 70), atol=0.3)
    assert len(found) == 1  # nothing is in the other box


@pytest.mark.parametrize("looks", [1, 2])
def test_given_boxes_of_faces_are_answered_in_order(looks):
    boxes = [[10, 10, 20, 20], [90, 50, 130, 90], [300, 0, 310, 10]]
    found = mesh_of(None, looks)(lit(110, 70), boxes)
    assert found.boxes.tolist() == boxes
    assert np.isnan(found.xy).all(axis=(1, 2)).tolist() == [True, False, True]


@pytest.fixture
def random_map(rng):
    return LinearMap(rng.normal(0, 1, (2 * 7 + 1, 2 * 4)), (1, 5))


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0, 3.1])
def test_a_linear_map_turns_grows_and_moves_with_its_points(angle, random_map, rng):
    xy = rng.normal(0, 20, (3, 7, 2))
    cos, sin = 2.5 * np.cos(angle), 2.5 * np.sin(angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    np.testing.assert_allclose(
        random_map(xy @ turn.T + [30, -8]), random_map(xy) @ turn.T + [30, -8], atol=1e-9
    )


def test_a_linear_map_can_choose_points(rng):
    """Weights that take points 2 and 4 as they are: the frame that it looks through leaves no trace."""
    weights = np.zeros((15, 4))
    weights[[4, 5, 8, 9], [0, 1, 2, 3]] = 1
    xy = rng.normal(0, 20, (3, 7, 2))
    np.testing.assert_allclose(LinearMap(weights, (0, 1))(xy), xy[:, [2, 4]])


def test_a_frame_is_upright_centred_and_of_unit_spread(rng):
    xy = rng.normal(5, 20, (3, 7, 2))
    middle, turn, spread = upright_frame(xy, (0, 1))
    seen = np.einsum("nij,nkj->nki", turn, xy - middle) / spread
    np.testing.assert_allclose(seen.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((seen**2).sum(axis=2).mean(axis=1), 1)
    np.testing.assert_allclose(seen[:, 0, 1], seen[:, 1, 1])
    assert (seen[:, 1, 0] > seen[:, 0, 0]).all()


def test_points_that_coincide_are_mapped_to_where_they_are(random_map):
    np.testing.assert_allclose(random_map(np.full((1, 7, 2), 30.0)), np.full((1, 4, 2), 30.0), atol=1e-6)


def test_points_that_are_missing_are_mapped_to_missing_ones(random_map):
    assert np.isnan(random_map(np.full((1, 7, 2), np.nan))).all()


def test_68_points_come_from_the_mesh_with_its_score_and_rows(rng):
    chosen = rng.permutation(468)[:68]
    weights = np.zeros((937, 136))
    for column, point in enumerate(chosen):
        weights[2 * point, 2 * column] = weights[2 * point + 1, 2 * column + 1] = 1
    face = Face68(mesh_of(None), LinearMap(weights, (33, 263)))
    boxes = [[300, 0, 310, 10], [90, 50, 130, 90]]
    found = face(lit(110, 70), boxes)
    mesh = face.mesh(lit(110, 70), boxes)
    np.testing.assert_allclose(found.xy[1], mesh.xy[1, chosen], atol=1e-6)
    np.testing.assert_allclose(found.scores, [[0] * 68, [0.9] * 68])
    assert found.boxes.tolist() == boxes


def test_no_face_has_68_columns_all_the_same():
    face = Face68(mesh_of(lambda image: boxed()), LinearMap(np.zeros((937, 136)), (33, 263)))
    assert face(lit(1, 1)).xy.shape == (0, 68, 2)


class RingCodec:
    """The 68 points on a ring around the light, but for the outer corners of the eyes beside it."""

    input_size = (64, 64)

    def decode(self, spots):
        turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        xy = spots[:, None] + 18 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        for column, shift in ((36, -18), (45, 18)):
            xy[:, column] = spots + np.array([shift, 0])
        return xy, np.full(xy.shape[:2], 0.9)


def faces_by_network(found, looks):
    return Face68Network(lambda image: found, spot_network(RingCodec(), skeleton("face68")), looks=looks)


@pytest.mark.parametrize("looks", [1, 2])
@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_a_face_is_read_upright_around_the_detected_one(looks, angle):
    """The eyes of the found face turn the crop; the second look follows the points of the first."""
    along = np.array([np.cos(angle), np.sin(angle)])
    eyes = np.array([100.0, 80.0]) + np.outer([-15, 15], along)
    xy = np.concatenate([eyes, np.full((4, 2), np.nan)])[None]
    found = Keypoints(xy, np.ones((1, 6)), skeleton("face6"), boxes=[[70, 50, 130, 110]], box_scores=[0.9])
    kps = faces_by_network(found, looks)(lit(100, 80))
    level = kps.xy[0, 45] - kps.xy[0, 36]
    np.testing.assert_allclose(level / np.linalg.norm(level), along, atol=0.02)
    np.testing.assert_allclose(kps.xy[0].mean(axis=0), [100, 80], atol=1.5)
    np.testing.assert_allclose(kps.boxes[0, :2], kps.xy[0].min(axis=0))


def test_a_face_in_a_given_box_keeps_its_row_and_box():
    kps = faces_by_network(Keypoints.empty(skeleton("face6")), 2)(lit(100, 80), [[70, 50, 130, 110]])
    assert kps.boxes.tolist() == [[70, 50, 130, 110]]
    np.testing.assert_allclose(kps.xy[0].mean(axis=0), [100, 80], atol=1.5)


def test_a_doubtful_detection_is_no_face():
    found = boxed([70, 50, 130, 110])
    doubtful = Keypoints(found.xy, found.scores, found.skeleton, boxes=found.boxes, box_scores=[0.4])
    assert not len(faces_by_network(doubtful, 1)(lit(100, 80)))
