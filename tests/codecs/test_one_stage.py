"""YOLO-pose and RTMO on outputs made by hand, where the answer is known."""

import numpy as np
import pytest

from pinpoint.codecs.rtmo import Rtmo
from pinpoint.codecs.yolo_pose import YoloPose


def person(rng, keypoints=17):
    """A box x1 y1 x2 y2 measured from the edge, its score, and keypoints x, y, score."""
    low = rng.uniform(50, 200, 2)
    points = np.column_stack([rng.uniform(50, 500, (keypoints, 2)), rng.uniform(0.1, 1, keypoints)])
    return np.concatenate([low, low + rng.uniform(60, 200, 2)]), rng.uniform(0.4, 0.95), points


def anchors(people, classes=1, n=500):
    """Write people as YOLOv8 does: one column per anchor, middle and size, one score per class."""
    output = np.zeros((1, 4 + classes + people[0][2].size, n))
    for column, (box, score, points) in enumerate(people):
        middle, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        scores = np.zeros(classes)
        scores[column % classes] = score
        output[0, :, 5 * column] = [*middle, *size, *scores, *points.ravel()]
    return output


def rows(people, n=300):
    """Write people as the end-to-end exports do."""
    output = np.zeros((1, n, 6 + people[0][2].size))
    for row, (box, score, points) in enumerate(people):
        output[0, 2 * row] = [*box, score, 0, *points.ravel()]
    return output


@pytest.mark.parametrize("keypoints", [1, 4, 17, 133])
@pytest.mark.parametrize("write", [anchors, rows])
def test_yolo_pose_reads_back_a_person(write, keypoints, rng):
    box, score, points = person(rng, keypoints)
    found = YoloPose((640, 640), keypoints=keypoints).decode(write([(box, score, points)]))
    np.testing.assert_allclose(found.boxes, [box - 0.5])
    np.testing.assert_allclose(found.box_scores, [score])
    np.testing.assert_allclose(found.xy, [points[:, :2]])
    np.testing.assert_allclose(found.scores, [points[:, 2]])


def test_both_forms_of_yolo_pose_give_the_same_people_best_first(rng):
    people = [person(rng) for _ in range(4)]
    codec = YoloPose((640, 640), max_iou=1.0)
    first, second = codec.decode(anchors(people)), codec.decode(rows(people))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b)
    assert (np.diff(first.box_scores) <= 0).all()


def test_yolo_pose_takes_the_best_of_several_classes(rng):
    people = [person(rng) for _ in range(3)]
    found = YoloPose((640, 640), max_iou=1.0).decode(anchors(people, classes=3))
    np.testing.assert_allclose(found.box_scores, sorted((score for _, score, _ in people), reverse=True))


def test_without_scores_of_their_own_points_have_the_score_of_the_box(rng):
    box, score, points = person(rng)
    found = YoloPose((640, 640), values=2).decode(anchors([(box, score, points[:, :2])]))
    np.testing.assert_allclose(found.xy, [points[:, :2]])
    np.testing.assert_allclose(found.scores, np.full((1, 17), score))


def test_yolo_pose_keeps_the_best_of_people_that_overlap(rng):
    box, _, points = person(rng)
    found = YoloPose((640, 640)).decode(
        anchors([(box, 0.6, points), (box + 1, 0.9, points), (box + 400, 0.5, points)])
    )
    np.testing.assert_allclose(found.box_scores, [0.9, 0.5])


@pytest.mark.parametrize("write", [anchors, rows])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_yolo_pose_drops_what_is_not_a_number(write, value, rng):
    """The first person has a spoilt box, the second a spoilt point, the third is whole."""
    codec = YoloPose((640, 640), max_iou=1.0)
    people = [person(rng) for _ in range(3)]
    people[0][0][1] = value
    people[1][2][4, 0] = value
    with np.errstate(invalid="ignore"):
        output = write(people)
    found = codec.decode(output)
    assert len(found.boxes) == 2
    assert np.isnan(found.xy).all(axis=2).sum() == 1
    assert (found.scores == 0).sum() == 1


@pytest.mark.parametrize("shape", [(1, 50, 8400), (2, 56, 8400), (1, 8400, 56), (56, 8400)])
def test_yolo_pose_of_another_form_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(1, 56 or more, n\) or \(1, n, 57\) for 17 keypoints"):
        YoloPose((640, 640)).decode(np.zeros(shape, dtype=np.uint8))


def rtmo_outputs(people):
    dets = np.array([[[*box, score] for box, score, _ in people]])
    return dets, np.array([[points for *_, points in people]])


def test_rtmo_reads_back_people_best_first(rng):
    people = [person(rng) for _ in range(3)]
    found = Rtmo((640, 640), max_iou=1.0).decode(*rtmo_outputs(people))
    people.sort(key=lambda one: -one[1])
    np.testing.assert_allclose(found.boxes, [box - 0.5 for box, _, _ in people])
    np.testing.assert_allclose(found.xy, [points[:, :2] for *_, points in people])
    np.testing.assert_allclose(found.scores, [points[:, 2] for *_, points in people])


def test_rtmo_removes_overlaps_and_a_second_time_changes_nothing(rng):
    box, _, points = person(rng)
    people = [(box, 0.6, points), (box + 1, 0.9, points), (box + 400, 0.5, points)]
    codec = Rtmo((640, 640))
    found = codec.decode(*rtmo_outputs(people))
    np.testing.assert_allclose(found.box_scores, [0.9, 0.5])
    again = codec.decode(*rtmo_outputs([people[1], people[2]]))
    for a, b in zip(found, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_rtmo_with_points_of_other_people_is_refused():
    with pytest.raises(ValueError, match=r"keypoints have shape \(1, 3, 17, 3\), expected \(1, 2, 'K', 3\)"):
        Rtmo((640, 640)).decode(np.zeros((1, 2, 5)), np.zeros((1, 3, 17, 3)))


@pytest.mark.parametrize(
    ("codec", "outputs"),
    [
        (YoloPose((640, 640)), [np.zeros((1, 56, 8400))]),
        (YoloPose((640, 640)), [np.zeros((1, 300, 57))]),
        (Rtmo((640, 640)), [np.zeros((1, 0, 5)), np.zeros((1, 0, 17, 3))]),
    ],
    ids=["anchors", "rows", "rtmo"],
)
def test_an_empty_picture_has_no_people(codec, outputs):
    assert [array.shape for array in codec.decode(*outputs)] == [(0, 4), (0,), (0, 17, 2), (0, 17)]
