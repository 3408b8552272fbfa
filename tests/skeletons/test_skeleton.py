"""What a user may build, what is refused, and what COCO categories give."""

import copy
import pickle

import numpy as np
import pytest

from pinpoint.skeletons import Skeleton, skeleton, skeleton_names, swaps_by_name

CATEGORY = {
    "name": "cat",
    "keypoints": ["nose", "left_ear", "right_ear"],
    "skeleton": [[1, 2], [1, 3]],
}


@pytest.fixture
def arrow() -> Skeleton:
    return Skeleton(
        name="arrow",
        keypoints=("tip", "left_barb", "right_barb", "tail"),
        edges=(("tip", "tail"), ("tip", "left_barb"), ("tip", "right_barb")),
        swaps=(("left_barb", "right_barb"),),
        sigmas=(0.02, 0.05, 0.05, 0.1),
        parts={"head": ("tip", "left_barb", "right_barb")},
    )


def test_indices_are_derived_from_names(arrow):
    assert arrow.index("tail") == 3
    np.testing.assert_array_equal(arrow.indices(["tail", "tip"]), [3, 0])
    np.testing.assert_array_equal(arrow.edge_index, [[0, 3], [0, 1], [0, 2]])
    np.testing.assert_array_equal(arrow.flip_index, [0, 2, 1, 3])
    np.testing.assert_array_equal(arrow.part_index("head"), [0, 1, 2])


def test_a_name_is_in_the_skeleton_or_not(arrow):
    assert "tip" in arrow
    assert "nock" not in arrow
    assert len(arrow) == 4


def test_lists_are_as_good_as_tuples(arrow):
    built = Skeleton.from_dict(arrow.to_dict())
    listed = Skeleton(**{**arrow.to_dict(), "keypoints": list(arrow.keypoints)})
    assert built == listed == arrow
    assert len({built, listed, arrow}) == 1


def test_a_skeleton_survives_pickle_and_copy(arrow):
    arrow.flip_index  # noqa: B018  (a derived array must not break it)
    assert pickle.loads(pickle.dumps(arrow)) == arrow == copy.deepcopy(arrow)


def test_no_edges_have_shape_0_by_2():
    assert skeleton("box").edge_index.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keypoints": ("tip", "tip")}, "'tip' is given twice"),
        ({"edges": (("tip", "nock"),)}, "nock"),
        ({"edges": (("tip", "tail", "tip"),)}, "pairs of names"),
        ({"swaps": (("left_barb", "right_barb"), ("tip", "left_barb"))}, "'left_barb' is given twice"),
        ({"swaps": (("left_barb", "left_barb"),)}, "'left_barb' is given twice"),
        ({"parts": {"head": ("nock",)}}, "nock"),
        ({"sigmas": (0.1, 0.1)}, "2 sigmas, expected 4"),
        ({"sigmas": (0.1, 0.1, 0.1, 0.0)}, "above 0, not 0.0"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_reason(arrow, change, complaint):
    with pytest.raises(ValueError, match=f"skeleton 'arrow'.*{complaint}"):
        Skeleton(**{**arrow.to_dict(), **change})


@pytest.mark.parametrize("change", [{"colour": "red"}, {"sigma": [1]}])
def test_a_misspelt_key_is_refused(arrow, change):
    with pytest.raises(ValueError, match="unknown keys"):
        Skeleton.from_dict(arrow.to_dict() | change)


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match=r"lacks \['keypoints'\]"):
        Skeleton.from_dict({"name": "arrow"})


def test_unknown_keypoints_and_parts_are_named(arrow):
    with pytest.raises(KeyError, match="no keypoint 'nock'"):
        arrow.index("nock")
    with pytest.raises(KeyError, match=r"no part 'shaft', only \['head'\]"):
        arrow.part_index("shaft")


def test_an_unknown_skeleton_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no skeleton 'coco18'; there are aic14, .*coco17"):
        skeleton("coco18")


def test_names_are_sorted():
    assert list(skeleton_names()) == sorted(skeleton_names())


def test_a_coco_category_counts_edges_from_1_and_pairs_sides_by_name():
    cat = Skeleton.from_coco(CATEGORY)
    assert cat.edges == (("nose", "left_ear"), ("nose", "right_ear"))
    assert cat.swaps == (("left_ear", "right_ear"),)
    assert cat.sigmas is None


def test_a_coco_category_may_bring_sigmas():
    assert Skeleton.from_coco(CATEGORY | {"sigmas": [0.1, 0.2, 0.2]}).sigmas == (0.1, 0.2, 0.2)


@pytest.mark.parametrize("edges", [[[0, 1]], [[1, 4]], [[1, 2, 3]]], ids=str)
def test_a_coco_edge_outside_the_keypoints_is_refused(edges):
    with pytest.raises(ValueError, match=r"'cat'.*not pairs of 1 to 3"):
        Skeleton.from_coco(CATEGORY | {"skeleton": edges})


@pytest.mark.parametrize("names", [None, []])
def test_a_coco_category_without_keypoints_is_refused(names):
    with pytest.raises(ValueError, match="'cat' has no keypoints"):
        Skeleton.from_coco(CATEGORY | {"keypoints": names})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_eye", "right_eye"),
        ("Left Shoulder", "Right Shoulder"),
        ("LEFT_HIP", "RIGHT_HIP"),
        ("eye_left", "eye_right"),
        ("L_F_Paw", "R_F_Paw"),
        ("LBigToe", "RBigToe"),
        ("lWrist", "rWrist"),
        ("wing.l", "wing.r"),
    ],
)
def test_sides_are_read_in_any_common_spelling(left, right):
    assert swaps_by_name(["nose", right, left]) == ((left, right),)


@pytest.mark.parametrize("names", [["cleft", "lip"], ["left_eye"], ["Lip", "Rip_current"], ["L1", "R2"]])
def test_names_without_a_twin_are_not_paired(names):
    assert swaps_by_name(names) == ()
