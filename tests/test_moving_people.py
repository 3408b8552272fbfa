"""The videos that tracking and streams are held against say the truth."""

import cv2
import numpy as np
import pytest

from moving_people import (
    Mover,
    astronaut_cut,
    moving,
    plain_background,
    standing_at,
    straight,
    write_moments,
)
from pinpoint.geometry import compose, identity, transform_points
from pinpoint.io.video import read_video

SIZE = (320, 240)
GREY = np.full((240, 320, 3), 128, np.uint8)
CUT = astronaut_cut(120)


def walker(start, end, seconds=1.0, cut=CUT):
    return Mover(cut, standing_at(cut, straight(start, end, seconds)))


def only(movers, **more):
    return next(iter(moving(movers, GREY, [0.0], **more)))


def test_a_person_is_where_the_map_says():
    """What the frame shows through the map, turned and half as large, is the cut."""
    turned = np.array([[0.45, -0.2, 110.0], [0.2, 0.45, 60.0]])
    moment = only([Mover(CUT, lambda _: turned)])
    back = cv2.warpAffine(moment.frame.image, turned, CUT.size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inner = cv2.erode(CUT.cover, np.ones((9, 9))) == 255
    soft = cv2.GaussianBlur(CUT.image, (0, 0), 1.2)
    assert np.abs(back[inner].astype(int) - soft[inner]).mean() < 6  # 40 if it lies 4 pixels beside
    np.testing.assert_allclose(moment.truth.xy[0], transform_points(CUT.keypoints.xy[0], turned))


def test_the_box_is_around_what_was_pasted():
    moment = only([walker((160, 200), (160, 200))])
    rows, columns = np.nonzero(np.abs(moment.frame.image.astype(int) - 128).max(axis=2) > 64)
    around = [columns.min(), rows.min(), columns.max(), rows.max()]
    np.testing.assert_allclose(moment.truth.boxes[0], around, atol=2.5)  # the edge fades over as much


def test_whoever_is_behind_is_hidden():
    back, front = walker((160, 200), (160, 200)), walker((160, 200), (200, 200))
    moments = list(moving([back, front], GREY, [0.0, 0.2, 1.0, 2.0]))
    shares = [moment.seen[moment.truth.track_ids == 0].sum() for moment in moments]
    assert shares[0] == 0 and np.all(np.diff(shares) > 0) and shares[-1] > 0.5
    assert all(moment.seen[moment.truth.track_ids == 1] > 0.98 for moment in moments)
    nose = [moment.truth.visible[0, 0] for moment in moments[1:]]
    assert nose == [False, True, True]


def test_who_leaves_the_picture_leaves_the_truth():
    ids = [
        moment.truth.track_ids.tolist()
        for moment in moving([walker((160, 200), (500, 200))], GREY, [0.0, 0.5, 1.0])
    ]
    assert ids == [[0], [0], []]


def test_a_camera_moves_people_and_background_alike():
    bare = plain_background((640, 240))
    pan = np.array([[1.0, 0, -70], [0, 1, 0]])
    still = only([walker((160, 200), (160, 200))])
    (panned,) = moving([walker((230, 200), (230, 200))], bare, [0.0], lambda _: pan, SIZE)
    np.testing.assert_allclose(panned.truth.xy, still.truth.xy)
    np.testing.assert_array_equal(panned.frame.image[:100, :60], bare[:100, 70:130])
    np.testing.assert_allclose(
        panned.maps[0], compose(pan, compose(identity(), panned.maps[0] - pan + identity()))
    )


def test_a_written_video_has_the_times_and_people_of_its_truth(tmp_path):
    times = [0.0, 0.04, 0.2, 0.24]  # frames were dropped
    moments = list(moving([walker((60, 200), (260, 200))], plain_background(SIZE), times))
    truths = write_moments(tmp_path / "walk.mp4", moments, fps=25)
    with read_video(tmp_path / "walk.mp4") as frames:
        read = list(frames)
    assert [frame.seconds for frame in read] == pytest.approx(times, abs=1e-3)
    assert len(truths) == len(read)
    for frame, moment in zip(read, moments, strict=True):
        assert np.abs(frame.image.astype(int) - moment.frame.image).mean() < 6  # lossy
