"""The container: shapes, choosing instances, joining, being empty."""

import dataclasses

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints, replace_track, stack_track
from pinpoint.skeletons import Skeleton, skeleton

TRI3 = Skeleton("tri3", ("top", "left", "right"), swaps=(("left", "right"),))
SHAPES = {
    "xy": (4, 3, 2),
    "scores": (4, 3),
    "visible": (4, 3),
    "boxes": (4, 4),
    "box_scores": (4,),
    "areas": (4,),
    "track_ids": (4,),
    "xyz": (4, 3, 3),
    "labels": (4,),
}


@pytest.fixture
def kps() -> Keypoints:
    """Four instances with every field set; each value tells its place."""
    arrays = {name: np.arange(np.prod(shape)).reshape(shape) for name, shape in SHAPES.items()}
    return Keypoints(skeleton=TRI3, **arrays)


def test_fields_take_their_type(kps):
    kinds = {name: array.dtype.kind for name, array in kps.arrays().items()}
    floats = dict.fromkeys(("xy", "scores", "boxes", "box_scores", "areas", "xyz"), "f")
    assert kinds == floats | {"visible": "b", "track_ids": "i", "labels": "U"}


def test_lists_become_arrays():
    kps = Keypoints(xy=[[[0, 1], [2, 3], [4, 5]]], scores=[[1, 1, 1]], skeleton=TRI3, labels=["left"])
    np.testing.assert_array_equal(kps.xy[0, 2], [4, 5])
    assert kps.labels[0] == "left"


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "xy"])
def test_a_field_of_another_length_is_refused(kps, name):
    short = getattr(kps, name)[:3]
    with pytest.raises(ValueError, match=rf"{name} has shape \(3.*expected \(4"):
        dataclasses.replace(kps, **{name: short})


@pytest.mark.parametrize("shape", [(3, 2), (4, 2, 2), (4, 3, 3)])
def test_xy_must_fit_the_skeleton(shape):
    with pytest.raises(ValueError, match=r"xy has shape .* expected \("):
        Keypoints(xy=np.zeros(shape), scores=np.zeros(shape[:2]), skeleton=TRI3)


def test_fields_cannot_be_set(kps):
    with pytest.raises(dataclasses.FrozenInstanceError):
        kps.xy = np.zeros((4, 3, 2))


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        (2, [2]),
        (-1, [3]),
        (np.int64(1), [1]),
        (slice(1, 3), [1, 2]),
        (slice(None, None, -1), [3, 2, 1, 0]),
        ([3, 0], [3, 0]),
        ([], []),
        (np.array([True, False, True, False]), [0, 2]),
        (np.zeros(4, dtype=bool), []),
    ],
    ids=str,
)
def test_choosing_keeps_the_rows_of_every_field(kps, chosen, rows):
    picked = kps[chosen]
    assert len(picked) == len(rows)
    for name, array in picked.arrays().items():
        np.testing.assert_array_equal(array, getattr(kps, name)[rows])


@pytest.mark.parametrize("chosen", [4, [0, 7], np.array([True, False])], ids=str)
def test_choosing_what_is_not_there_is_refused(kps, chosen):
    with pytest.raises(IndexError):
        kps[chosen]


def test_iterating_gives_one_instance_at_a_time(kps):
    assert [one.track_ids.tolist() for one in kps] == [[0], [1], [2], [3]]


def test_fields_that_are_not_set_stay_unset():
    kps = Keypoints(np.zeros((2, 3, 2)), np.zeros((2, 3)), TRI3)
    assert set(kps[0].arrays()) == {"xy", "scores"}


def test_parts_joined_are_the_whole(kps):
    joined = Keypoints.concatenate([kps[:1], kps[1:1], kps[1:]])
    for name, array in kps.arrays().items():
        np.testing.assert_array_equal(getattr(joined, name), array)


def test_joining_drops_a_field_that_one_part_lacks(kps):
    joined = Keypoints.concatenate([kps, dataclasses.replace(kps, boxes=None)])
    assert len(joined) == 8
    assert joined.boxes is None
    assert joined.areas is not None


def test_joining_with_nothing_keeps_every_field(kps):
    """Nobody was found in one picture: that must not cost the others their track ids."""
    joined = Keypoints.concatenate([Keypoints.empty(TRI3), kps])
    assert set(joined.arrays()) == set(kps.arrays())


def test_joining_only_empty_parts_is_empty():
    assert len(Keypoints.concatenate([Keypoints.empty(TRI3)] * 2)) == 0


def test_joining_different_skeletons_is_refused(kps):
    with pytest.raises(ValueError, match=r"\['box', 'tri3'\]"):
        Keypoints.concatenate([kps, Keypoints.empty(skeleton("box"))])


def test_joining_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Keypoints.concatenate([])


def test_empty_has_boxes_and_no_instances():
    empty = Keypoints.empty(skeleton("coco17"))
    assert len(empty) == 0
    assert {name: array.shape for name, array in empty.arrays().items()} == {
        "xy": (0, 17, 2),
        "scores": (0, 17),
        "boxes": (0, 4),
        "box_scores": (0,),
    }


def test_a_list_of_boxes_has_no_keypoints():
    found = Keypoints(np.zeros((2, 0, 2)), np.zeros((2, 0)), skeleton("box"), boxes=np.eye(2, 4))
    assert found[1].boxes.tolist() == [[0, 1, 0, 0]]


def test_repr_says_how_many_of_what(kps):
    assert repr(kps) == "Keypoints(4 x tri3)"


def _clip():
    """Track 7 moves by one pixel a frame, second row in the first frame, missing in the second."""
    frames = ([3, 7], [3], [7])
    return [
        Keypoints(np.full((len(ids), 3, 2), float(t)), np.ones((len(ids), 3)), TRI3, track_ids=np.array(ids))
        for t, ids in enumerate(frames)
    ]


def test_a_stacked_track_has_nan_where_the_instance_is_missing():
    stacked = stack_track(_clip(), 7)
    assert stacked.shape == (3, 3, 2)
    assert stacked[:, 0, 0].tolist() == [0.0, pytest.approx(np.nan, nan_ok=True), 2.0]


def test_putting_a_stacked_track_back_changes_nothing():
    for before, after in zip(_clip(), replace_track(_clip(), 7, stack_track(_clip(), 7)), strict=True):
        np.testing.assert_array_equal(after.xy, before.xy)


def test_only_the_instance_asked_for_is_replaced():
    first, second, _ = replace_track(_clip(), 7, np.full((3, 3, 2), 9.0))
    assert first.xy[:, 0, 0].tolist() == [0.0, 9.0]
    assert second.xy[:, 0, 0].tolist() == [1.0]


def test_a_track_of_another_length_is_not_put_back():
    with pytest.raises(ValueError, match="xy has 2 frames, expected 3"):
        replace_track(_clip(), 7, np.zeros((2, 3, 2)))


def test_what_a_clip_does_not_have_is_stacked_as_nan():
    assert np.isnan(stack_track(_clip(), 7, "xyz")).all()


def test_stacking_a_track_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no frame has a track 5"):
        stack_track(_clip(), 5)
