"""MediaPipe's models on a photograph whose points were read off by eye."""

import json
from threading import Thread

import numpy as np
import pytest

import pinpoint as pp
from pinpoint.geometry import transform_points, warp

pytestmark = pytest.mark.network

PUPILS = {"right": (203.5, 101), "left": (246.5, 103.3)}
FACE68 = {"face-30": (224, 127), "face-48": (203.5, 140), "face-54": (246.5, 140), "face-8": (224, 177)}
BODY = {"nose": (224, 125), "right_eye": (204, 101), "left_eye": (246, 103), "right_ear": (182, 121)}
# of the right and the left eye: its corners, then two pairs of an upper and a lower lid's point
LIDS68 = np.array([[(36, 39), (37, 41), (38, 40)], [(42, 45), (43, 47), (44, 46)]])
LIDS_MESH = np.array([[(33, 133), (160, 144), (158, 153)], [(362, 263), (385, 380), (387, 373)]])
SHOULDERS = {"right_shoulder": (105, 240), "left_shoulder": (310, 258)}


def points(kps, names):
    return kps.xy[0, kps.skeleton.indices(names)]


@pytest.mark.parametrize("name", ["mediapipe-pose-full", "wholebody"])
def test_the_body_lies_on_the_person(loaded, astronaut, name):
    kps = loaded(name)(astronaut)
    assert len(kps) == 1
    np.testing.assert_allclose(points(kps, BODY), [*BODY.values()], atol=17)
    np.testing.assert_allclose(points(kps, SHOULDERS), [*SHOULDERS.values()], atol=25)
    assert kps.box_scores[0] > 0.85


def test_our_own_network_sees_the_person_first(loaded, astronaut):
    """A cell of its heatmaps is 12 pixels of this picture."""
    first = loaded("body")(astronaut)[:1]
    np.testing.assert_allclose(points(first, BODY), [*BODY.values()], atol=17)
    np.testing.assert_allclose(points(first, SHOULDERS), [*SHOULDERS.values()], atol=25)
    assert first.box_scores[0] > 0.4


@pytest.mark.parametrize("name", ["face", "wholebody"])
def test_the_face_lies_on_the_face(loaded, astronaut, name):
    np.testing.assert_allclose(points(loaded(name)(astronaut), FACE68), [*FACE68.values()], atol=4)


@pytest.mark.parametrize("name", ["face", "wholebody"])
def test_the_first_half_of_the_jaw_is_the_persons_right(loaded, astronaut, name):
    kps = loaded(name)(astronaut)
    jaw = points(kps, [f"face-{n}" for n in range(17)])
    assert (np.diff(jaw[:, 0]) > 0)[2:14].all()
    assert (points(kps, ["face-36"]) < points(kps, ["face-45"]))[0, 0]


def test_an_iris_lies_on_its_pupil_within_its_own_eye(loaded, astronaut):
    """The first iris is the person's right one; its eye lies between mesh points 33 and 133."""
    kps = loaded("mediapipe-face-iris")(astronaut)
    for side, center, corners in (("right", 468, (33, 133)), ("left", 473, (362, 263))):
        np.testing.assert_allclose(kps.xy[0, center], PUPILS[side], atol=2)
        low, high = kps.xy[0, list(corners), 0]
        ring = kps.xy[0, center + 1 : center + 5]
        assert low < ring[:, 0].min() < kps.xy[0, center, 0] < ring[:, 0].max() < high
        assert 3 < np.linalg.norm(ring - kps.xy[0, center], axis=1).mean() < 6


def test_irises_change_sides_in_the_mirror(loaded, astronaut):
    iris = loaded("mediapipe-face-iris")
    plain, mirrored = iris(astronaut), iris(np.ascontiguousarray(astronaut[:, ::-1]))
    back = (511, 0) + mirrored.xy[:, plain.skeleton.flip_index] * (-1, 1)
    assert np.linalg.norm(back - plain.xy, axis=2).mean() < 1.5


@pytest.mark.shared
def test_eyes_are_as_open_as_people_labelled_them_and_more_so_with_the_iris_network(loaded, shared_data):
    """Correlation over 60 photographs; measured on all 224: .74, and .66 of the mesh alone."""
    rows = json.loads((shared_data / "face68/test.json").read_text("utf-8"))
    names = {image["id"]: image["file_name"] for image in rows["images"]}
    told = {"mediapipe-face-iris": [], "mediapipe-face-mesh": [], "labels": []}
    for row in rows["annotations"][:60]:
        image = pp.read_image(shared_data / "face68/test" / names[row["image_id"]])
        labels = np.reshape(row["keypoints"], (68, 3))[:, :2]
        told["labels"].append(openness(labels, LIDS68))
        for name in ("mediapipe-face-iris", "mediapipe-face-mesh"):
            faces = loaded(name)(image).xy
            nearest = np.linalg.norm(faces.mean(axis=1) - labels.mean(axis=0), axis=1).argmin()
            told[name].append(openness(faces[nearest], LIDS_MESH))
    iris, mesh, _ = np.corrcoef([*told.values()])[2]
    assert iris > max(mesh, 0.7)


def openness(xy, eyes):
    """Mean over both eyes: how far the lids are apart, as a share of the eye's width."""
    apart = np.linalg.norm(xy[eyes[..., 0]] - xy[eyes[..., 1]], axis=2)
    return np.mean(apart[:, 1:].mean(axis=1) / apart[:, 0])


def test_metres_have_the_hips_at_their_origin_and_the_head_above(loaded, astronaut):
    pose = loaded("mediapipe-pose-full")(astronaut)
    xyz = dict(zip(pose.skeleton.keypoints, pose.xyz[0], strict=True))
    np.testing.assert_allclose((xyz["left_hip"] + xyz["right_hip"]) / 2, 0, atol=0.02)
    shoulders = (xyz["left_shoulder"] + xyz["right_shoulder"]) / 2
    assert -0.7 < shoulders[1] < -0.3
    assert xyz["nose"][1] < shoulders[1]
    assert xyz["left_shoulder"][0] - xyz["right_shoulder"][0] > 0.2  # her left is on the picture's right


@pytest.mark.parametrize("degrees", [-30, 20, 45])
@pytest.mark.parametrize("name", ["face", "mediapipe-face-iris"])
def test_a_face_that_is_tilted_has_its_points_tilted(loaded, astronaut, name, degrees):
    """The region follows the eyes. Three pixels are a fiftieth of the face's height."""
    angle, middle = np.deg2rad(degrees), np.array([224.0, 130.0])
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    tilt = np.column_stack([linear, [256, 256] - linear @ middle])
    tilted = loaded(name)(warp(astronaut, tilt, (512, 512), None))
    upright = transform_points(loaded(name)(astronaut).xy, tilt)
    assert np.linalg.norm(tilted.xy - upright, axis=2).mean() < 3


@pytest.mark.parametrize("name", ["body", "face", "wholebody"])
def test_where_nobody_is_nobody_is_found(loaded, name):
    assert len(loaded(name)(np.full((240, 320, 3), 90, np.uint8))) == 0


@pytest.mark.parametrize("name", ["body", "face", "hand", "wholebody", "mediapipe-face-iris"])
def test_given_boxes_have_one_row_each(loaded, astronaut, name):
    boxes = [[20, 10, 400, 511], [600, 600, 700, 700], [150, 60, 300, 200]]
    kps = loaded(name)(astronaut, boxes)
    assert kps.boxes.tolist() == boxes
    assert np.isnan(kps.xy[1]).all()
    assert ((kps.scores >= 0) & (kps.scores <= 1)).all()


@pytest.mark.parametrize("name", ["body", "face", "hand", "wholebody"])
@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2), (7, 5)])
def test_a_picture_of_any_shape_does_no_harm(loaded, name, size):
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    kps = loaded(name)(image)
    assert np.isfinite(kps.boxes).all()


def test_two_threads_get_what_one_gets(loaded, astronaut):
    pose = loaded("body")
    pictures = [astronaut, np.ascontiguousarray(astronaut[:, ::-1]), astronaut[:, 40:]]
    expected = [pose(picture).xy for picture in pictures]
    answers: list = [None] * 4

    def work(number):
        answers[number] = [pose(picture).xy for picture in pictures]

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        for one, other in zip(answer, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def large_hands(shared_data):
    """The twelve largest labelled hands: picture, box (4,) and points (21, 2), NaN where not labelled."""
    labels = json.loads((shared_data / "hand21/val.json").read_text("utf-8"))
    names = {image["id"]: image["file_name"] for image in labels["images"]}
    largest = sorted(labels["annotations"], key=lambda a: -a["area"])[:12]
    for annotation in largest:
        x, y, width, height = annotation["bbox"]
        points_ = np.array(annotation["keypoints"], float).reshape(21, 3)
        annotation["xy"] = np.where(points_[:, 2:] > 0, points_[:, :2], np.nan)
        annotation["box"] = [x, y, x + width, y + height]
        annotation["image"] = pp.read_image(shared_data / "coco_person/val" / names[annotation["image_id"]])
    return [(a["image"], np.array(a["box"]), a["xy"]) for a in largest]


@pytest.mark.shared
def test_hands_in_given_boxes_lie_on_their_labels(loaded, large_hands):
    """By the longer side of the box; fingers in another order would be half of it away."""
    errors = []
    for image, box, truth in large_hands:
        found = loaded("hand")(image, [box])
        errors.append(np.nanmean(np.linalg.norm(found.xy[0] - truth, axis=1)) / (box[2:] - box[:2]).max())
    assert np.median(errors) < 0.12


@pytest.mark.shared
def test_a_hand_is_of_the_side_of_the_wrist_it_hangs_on(loaded, large_hands):
    agree = []
    for image, _, _ in large_hands:
        body, hands = loaded("mediapipe-pose-full")(image), loaded("hand")(image)
        for side in ("left", "right"):
            wrists = body.xy[:, body.skeleton.index(f"{side}_wrist")]
            away = np.linalg.norm(hands.xy[:, None, 0] - wrists, axis=2)
            near = (away < np.ptp(hands.xy, axis=1).max(axis=1)[:, None] / 3).any(axis=1)
            agree += [*(hands.labels[near] == side)] if near.any() else []
    assert len(agree) >= 4
    assert np.mean(agree) > 0.75
