"""MediaPipe's point networks: their outputs made by hand, and the refinement against a loop over points."""

import numpy as np
import pytest

from pinpoint.codecs import make_codec
from pinpoint.codecs.mediapipe import EYE_POINTS, IRIS_POINTS
from pinpoint.skeletons import skeleton

SIDE, CELLS = 256, 64


def blazepose_outputs(rng, batch=2):
    """Points, presence, metres and heatmaps as the network puts them out, 39 points in each."""
    landmarks = rng.uniform(0, SIDE, (batch, 39, 5)).astype(np.float32)
    presence = rng.random((batch, 1)).astype(np.float32)
    world = rng.normal(0, 1, (batch, 117)).astype(np.float32)
    heatmaps = rng.normal(-1, 2, (batch, CELLS, CELLS, 39)).astype(np.float32)
    return [landmarks.reshape(batch, 195), presence, world, heatmaps]


def slowly_refined(x, y, heat):
    """MediaPipe's loop for one point (refine_landmarks_from_heatmap_calculator.cc)."""
    column, row = int(np.floor(x / SIDE * CELLS)), int(np.floor(y / SIDE * CELLS))
    if not (0 <= column < CELLS and 0 <= row < CELLS):
        return x, y
    total = sum_x = sum_y = best = 0.0
    for r in range(max(0, row - 3), min(CELLS, row + 4)):
        for c in range(max(0, column - 3), min(CELLS, column + 4)):
            weight = 1 / (1 + np.exp(-float(heat[r, c])))
            total, sum_x, sum_y = total + weight, sum_x + c * weight, sum_y + r * weight
            best = max(best, weight)
    return (x, y) if best < 0.5 else (sum_x / total * SIDE / CELLS, sum_y / total * SIDE / CELLS)


def put(outputs, point, x, y):
    outputs[0].reshape(-1, 39, 5)[:, point, :2] = x, y


def test_refinement_is_mediapipes_for_every_point(rng):
    outputs = blazepose_outputs(rng)
    corners = [(0, 0), (255.9, 255.9), (3, 130), (130, 254), (-7, 40), (40, 300), (256, 40), (1e9, -1e9)]
    for point, (x, y) in enumerate(corners):  # windows cut by the border, and points outside
        put(outputs, point, x, y)
    outputs[3][:, :, :, 9] = -4  # nowhere sure
    xy, _ = make_codec("blazepose", (SIDE, SIDE)).decode(*outputs)
    table = outputs[0].reshape(-1, 39, 5).astype(float)
    for crop, point in np.ndindex(2, 35):
        expected = slowly_refined(*table[crop, point, :2], outputs[3][crop, :, :, point])
        np.testing.assert_allclose(xy[crop, point], np.array(expected) - 0.5, rtol=1e-9)


def test_without_refinement_the_points_are_the_networks_half_a_pixel_on(rng):
    outputs = blazepose_outputs(rng)
    xy, _ = make_codec("blazepose", (SIDE, SIDE), refine=False).decode(*outputs)
    np.testing.assert_allclose(xy, outputs[0].reshape(-1, 39, 5)[:, :35, :2] - 0.5, rtol=1e-6)


def test_the_score_of_a_body_point_is_how_visible_it_is(rng):
    outputs = blazepose_outputs(rng)
    outputs[0].reshape(-1, 39, 5)[:, :, 3] = np.linspace(-6, 6, 39)
    _, scores = make_codec("blazepose", (SIDE, SIDE)).decode(*outputs)
    np.testing.assert_allclose(scores[0], 1 / (1 + np.exp(-np.linspace(-6, 6, 39)[:35])), rtol=1e-6)


def test_presence_of_a_body_is_taken_as_it_is_and_metres_are_cut_to_the_points(rng):
    outputs = blazepose_outputs(rng)
    extras = make_codec("blazepose", (SIDE, SIDE)).extras(*outputs)
    np.testing.assert_allclose(extras.presence, outputs[1][:, 0])
    np.testing.assert_allclose(extras.xyz, outputs[2].reshape(2, 39, 3)[:, :35])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_a_point_that_is_not_a_number_spoils_no_other(rng, value):
    outputs = blazepose_outputs(rng)
    codec = make_codec("blazepose", (SIDE, SIDE))
    expected, _ = codec.decode(*outputs)
    put(outputs, 4, value, 10)
    xy, _ = codec.decode(*outputs)
    others = np.arange(35) != 4
    np.testing.assert_array_equal(xy[:, others], expected[:, others])


def test_presence_of_a_face_is_a_logit_and_the_score_of_all_its_points():
    landmarks, presence = np.full((2, 1, 1, 1404), 8.0), np.array([0.0, 2.0]).reshape(2, 1, 1, 1)
    codec = make_codec("facemesh", (192, 192))
    xy, scores = codec.decode(landmarks, presence)
    assert xy.shape == (2, 468, 2)
    assert np.unique(xy).tolist() == [7.5]
    np.testing.assert_allclose(scores, np.repeat(1 / (1 + np.exp([[-0.0], [-2.0]])), 468, axis=1))
    np.testing.assert_allclose(codec.extras(landmarks, presence).presence, scores[:, 0])


def test_presence_of_a_hand_is_taken_as_it_is():
    outputs = [np.full((2, 63), 8.0), np.array([[0.25], [0.75]]), np.array([[0.1], [0.9]]), np.ones((2, 63))]
    codec = make_codec("mediapipe-hand", (224, 224))
    xy, scores = codec.decode(*outputs)
    assert np.unique(xy).tolist() == [7.5]
    np.testing.assert_allclose(scores, np.repeat([[0.25], [0.75]], 21, axis=1))
    assert codec.extras(*outputs).presence.tolist() == [0.25, 0.75]
    assert codec.extras(*outputs).xyz.shape == (2, 21, 3)


def test_the_networks_right_hand_is_the_persons_own():
    """51 of 54 hands found on COCO pictures agree with the wrist they hang on."""
    outputs = [np.zeros((2, 63)), np.ones((2, 1)), np.array([[0.1], [0.9]]), np.zeros((2, 63))]
    assert make_codec("mediapipe-hand", (224, 224)).extras(*outputs).labels.tolist() == ["left", "right"]


def test_an_eye_has_its_contour_first_and_its_iris_last():
    contour, iris = np.arange(213.0).reshape(1, 213), 1000 + np.arange(15.0).reshape(1, 15)
    xy, scores = make_codec("iris", (64, 64)).decode(contour, iris)
    np.testing.assert_allclose(xy[0, :2], [[-0.5, 0.5], [2.5, 3.5]])
    np.testing.assert_allclose(xy[0, 71], [999.5, 1000.5])
    assert xy.shape == (1, 76, 2)
    assert scores.min() == 1


def test_the_points_of_an_eye_are_on_the_persons_right():
    """Its mirror image, the left eye, shares none of them; both irises have five."""
    mesh = skeleton("facemesh478")
    right = [*EYE_POINTS, *IRIS_POINTS]
    assert len(set(right)) == 76
    assert not set(right) & set(mesh.flip_index[right].tolist())
    assert sorted(mesh.flip_index[list(IRIS_POINTS)].tolist()) == [473, 474, 475, 476, 477]
