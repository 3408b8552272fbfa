"""From one skeleton to another: by name, by middles, or not at all."""

import dataclasses

import numpy as np
import pytest

from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names
from pinpoint.skeletons.mapping import SUBSTITUTES, sources

THERE_AND_BACK = [
    *(("coco17", name) for name in ("openpose18", "body25", "halpe26", "halpe136", "blazepose33")),
    ("coco17", "coco_wholebody133"),
    ("openpose18", "body25"),
    ("body25", "halpe26"),
    ("halpe26", "halpe136"),
    ("coco_wholebody133", "halpe136"),
    ("face68", "coco_wholebody133"),
    ("interhand42", "halpe136"),
    ("facemesh468", "facemesh478"),
]
IMPOSSIBLE = [
    ("facemesh478", "face68"),
    ("coco17", "face68"),
    ("coco17", "hand21"),
    ("hand21", "coco_wholebody133"),
    ("hand21", "facemesh468"),
    ("wflw98", "face68"),
    ("coco17", "box"),
    ("box", "coco17"),
]


def example(name: str, count: int = 3) -> Keypoints:
    rng = np.random.default_rng(0)
    sk = skeleton(name)
    return Keypoints(
        xy=rng.uniform(0, 640, (count, len(sk), 2)),
        scores=rng.uniform(0.1, 1, (count, len(sk))),
        skeleton=sk,
        visible=rng.uniform(size=(count, len(sk))) < 0.5,
        boxes=rng.uniform(0, 640, (count, 4)),
        box_scores=rng.uniform(size=count),
        areas=rng.uniform(size=count),
        track_ids=np.arange(count),
        xyz=rng.uniform(-1, 1, (count, len(sk), 3)),
        labels=np.array(["left"] * count),
    )


def column(kps: Keypoints, name: str, field: str = "xy") -> np.ndarray:
    return getattr(kps, field)[:, kps.skeleton.index(name)]


@pytest.mark.parametrize(("here", "there"), THERE_AND_BACK)
def test_there_and_back_changes_nothing(here, there):
    kps = example(here)
    back = convert(convert(kps, there), here)
    for name, array in kps.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array)


@pytest.mark.parametrize(("here", "there"), IMPOSSIBLE)
def test_an_impossible_conversion_is_refused(here, there):
    with pytest.raises(ValueError, match=f"cannot convert '{here}' to '{there}'"):
        convert(example(here), there)


@pytest.mark.parametrize("name", skeleton_names())
def test_the_same_skeleton_is_left_alone(name):
    kps = Keypoints.empty(skeleton(name))
    assert convert(kps, name) is kps


def test_an_unknown_skeleton_is_named():
    with pytest.raises(ValueError, match="no skeleton 'coco18'"):
        convert(example("coco17"), "coco18")


@pytest.mark.parametrize(
    ("source", "target", "name", "parts"),
    [
        ("coco17", "openpose18", "neck", ["left_shoulder", "right_shoulder"]),
        ("coco17", "body25", "pelvis", ["left_hip", "right_hip"]),
        ("coco17", "mpii16", "thorax", ["left_shoulder", "right_shoulder"]),
        ("coco17", "h36m17", "spine", ["left_shoulder", "right_shoulder", "left_hip", "right_hip"]),
        ("mpii16", "h36m17", "spine", ["thorax", "pelvis"]),
        ("coco17", "h36m17", "head", ["left_eye", "right_eye"]),
        ("halpe26", "h36m17", "head", ["head_top"]),
        ("coco17", "h36m17", "neck_base", ["nose"]),
        ("blazepose33", "body25", "left_big_toe", ["left_foot_index"]),
        ("blazepose33", "face6", "mouth", ["left_mouth_corner", "right_mouth_corner"]),
        ("face68", "face5", "left_eye", [f"face-{i}" for i in range(42, 48)]),
        ("face68", "face5", "right_mouth_corner", ["face-48"]),
    ],
)
def test_a_middle_is_the_mean_of_its_sources_with_the_lowest_score(source, target, name, parts):
    kps = example(source)
    made = convert(kps, target)
    for field in ("xy", "xyz"):
        mean = np.mean([column(kps, part, field) for part in parts], axis=0)
        np.testing.assert_allclose(column(made, name, field), mean, rtol=1e-12)
    lowest = np.min([column(kps, part, "scores") for part in parts], axis=0)
    np.testing.assert_array_equal(column(made, name, "scores"), lowest)
    everything = np.all([column(kps, part, "visible") for part in parts], axis=0)
    np.testing.assert_array_equal(column(made, name, "visible"), everything)


def test_a_keypoint_of_that_name_goes_before_a_middle():
    kps = example("halpe26")
    np.testing.assert_array_equal(column(convert(kps, "openpose18"), "neck"), column(kps, "neck"))


def test_what_cannot_be_had_is_nan_with_score_0():
    made = convert(example("coco17"), "halpe26")
    for name in ("head_top", "left_big_toe", "right_heel"):
        assert np.isnan(column(made, name)).all()
        assert np.isnan(column(made, name, "xyz")).all()
        assert (column(made, name, "scores") == 0).all()
        assert not column(made, name, "visible").any()


def test_a_middle_of_a_missing_keypoint_is_missing():
    kps = example("coco17")
    xy = kps.xy.copy()
    xy[1, kps.skeleton.index("left_shoulder")] = np.nan
    made = convert(dataclasses.replace(kps, xy=xy), "openpose18")
    assert np.isnan(column(made, "neck")).all(axis=1).tolist() == [False, True, False]


def test_a_missing_keypoint_spoils_no_other():
    kps = example("coco17")
    xy = kps.xy.copy()
    xy[:, 0] = np.nan
    made = convert(dataclasses.replace(kps, xy=xy), "openpose18")
    assert np.isnan(made.xy).any(axis=(0, 2)).tolist() == [name == "nose" for name in made.skeleton.keypoints]


def test_everything_about_the_instances_is_kept():
    kps = example("coco17")
    made = convert(kps, "body25")
    for name in ("boxes", "box_scores", "areas", "track_ids", "labels"):
        np.testing.assert_array_equal(getattr(made, name), getattr(kps, name))


def test_fields_that_are_not_set_stay_unset():
    kps = Keypoints(np.ones((2, 17, 2)), np.ones((2, 17)), skeleton("coco17"))
    assert set(convert(kps, "openpose18").arrays()) == {"xy", "scores"}


def test_no_instances_convert_to_none():
    assert convert(Keypoints.empty(skeleton("coco17")), "body25").xy.shape == (0, 25, 2)


def test_a_users_skeleton_is_a_target_like_any_other():
    bust = Skeleton("bust", ("neck", "nose", "hat"))
    made = convert(example("coco17"), bust)
    assert made.skeleton is bust
    assert np.isfinite(made.xy[:, :, 0]).all(axis=0).tolist() == [True, True, False]


def test_converting_and_mirroring_can_be_swapped():
    """Left stays left: mirroring coco17 and then converting is converting and then mirroring."""
    kps, flip = example("coco17"), skeleton("coco17").flip_index
    flipped = dataclasses.replace(kps, xy=kps.xy[:, flip], scores=kps.scores[:, flip])
    for name in ("openpose18", "body25", "halpe26", "h36m17", "mpii16", "lsp14", "blazepose33"):
        there = skeleton(name).flip_index
        one, other = convert(flipped, name), convert(kps, name)
        np.testing.assert_allclose(one.xy, other.xy[:, there], rtol=1e-12)
        np.testing.assert_array_equal(one.scores, other.scores[:, there])


def test_rules_speak_of_keypoints_that_some_skeleton_has():
    known = {point for name in skeleton_names() for point in skeleton(name).keypoints}
    assert set(SUBSTITUTES) <= known
    assert {point for groups in SUBSTITUTES.values() for group in groups for point in group} <= known


def test_sources_are_empty_where_nothing_is():
    assert sources(skeleton("face6"), skeleton("coco17"))[3:] == ((), ("right_ear",), ("left_ear",))
