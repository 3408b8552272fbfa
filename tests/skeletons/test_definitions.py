"""Claims that hold for every skeleton that ships, and what single ones promise to the rest of the package."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pinpoint import skeletons
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names, swaps_by_name

ALL = skeleton_names()
ONE_PIECE = [
    *("coco17", "halpe26", "body25", "openpose18", "mpii16", "lsp14", "aic14", "crowdpose14", "h36m17"),
    *("hand21", "palm7", "face6", "ap10k17", "animalpose20", "blazepose_align4"),
]


def mirrored(sk: Skeleton) -> dict[str, str]:
    return {name: sk.keypoints[column] for name, column in zip(sk.keypoints, sk.flip_index, strict=True)}


def test_every_skeleton_that_is_promised_ships():
    promised = {
        *("coco17", "coco_wholebody133", "halpe26", "halpe136", "body25", "openpose18", "mpii16", "lsp14"),
        *("aic14", "crowdpose14", "h36m17", "blazepose33", "face5", "face68", "facemesh478", "wflw98"),
        *("hand21", "interhand42", "ap10k17", "animalpose20"),
    }
    of_detectors_and_meshes = {"box", "face6", "palm7", "blazepose_align4", "facemesh468"}
    assert promised | of_detectors_and_meshes <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_number_in_the_name_is_the_number_of_keypoints(name):
    digits = re.search(r"\d+$", name)
    assert len(skeleton(name)) == (int(digits[0]) if digits else 0)
    assert skeleton(name).name == name


@pytest.mark.parametrize("name", ALL)
def test_plain_form_gives_the_same_skeleton_back(name):
    assert Skeleton.from_dict(skeleton(name).to_dict()) == skeleton(name)


@pytest.mark.parametrize("name", ALL)
def test_mirroring_twice_changes_nothing(name):
    flip = skeleton(name).flip_index
    np.testing.assert_array_equal(flip[flip], np.arange(len(flip)))


@pytest.mark.parametrize("name", ALL)
def test_left_and_right_in_the_names_agree_with_the_swaps(name):
    sk = skeleton(name)
    assert set(swaps_by_name(sk.keypoints)) <= set(sk.swaps)
    sided = {point for point in sk.keypoints if "left" in point or "right" in point}
    assert sided <= {point for pair in sk.swaps for point in pair}


@pytest.mark.parametrize("name", ALL)
def test_edges_join_two_different_keypoints_once(name):
    edges = [frozenset(edge) for edge in skeleton(name).edges]
    assert all(len(edge) == 2 for edge in edges)
    assert max(Counter(edges).values(), default=1) == 1


@pytest.mark.parametrize("name", ALL)
def test_the_mirror_of_an_edge_is_an_edge(name):
    sk = skeleton(name)
    other = mirrored(sk)
    edges = {frozenset(edge) for edge in sk.edges}
    assert {frozenset(other[end] for end in edge) for edge in edges} == edges


@pytest.mark.parametrize("name", ONE_PIECE)
def test_edges_hold_the_skeleton_together(name):
    sk = skeleton(name)
    joined = np.eye(len(sk), dtype=int)
    joined[sk.edge_index[:, 0], sk.edge_index[:, 1]] = joined[sk.edge_index[:, 1], sk.edge_index[:, 0]] = 1
    assert (np.linalg.matrix_power(joined.astype(float), len(sk)) > 0).all()


@pytest.mark.parametrize("name", ALL)
def test_the_mirror_of_a_left_part_is_the_right_part(name):
    sk = skeleton(name)
    other = mirrored(sk)
    swap = {"left": "right", "right": "left"}
    for part, names in sk.parts.items():
        twin = re.sub("left|right", lambda side: swap[side[0]], part)
        assert {other[point] for point in names} == set(sk.parts[twin])


@pytest.mark.parametrize("name", [name for name in ALL if len(skeleton(name))])
def test_sigmas_have_a_named_source_or_the_file_says_that_nobody_published_any(name):
    text = (Path(skeletons.__file__).parent / f"{name}.toml").read_text("utf-8")
    heading = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    _, source = re.split("[Ss]igmas: ", heading, maxsplit=1)
    unpublished = source.startswith("nobody published any")
    assert unpublished == (skeleton(name).sigmas is None)
    assert unpublished or re.search(r"https://|\.py|see ", source)


@pytest.mark.parametrize("name", ["coco17", "halpe26", "halpe136", "openpose18", "crowdpose14", "ap10k17"])
def test_sigmas_are_the_same_left_and_right(name):
    """Those of the other sets differ from side to side as published."""
    sigmas = np.array(skeleton(name).sigmas)
    np.testing.assert_array_equal(sigmas[skeleton(name).flip_index], sigmas)


def test_coco17_sigmas_are_those_of_cocos_evaluation():
    params = pytest.importorskip("pycocotools.cocoeval").Params("keypoints")
    np.testing.assert_allclose(skeleton("coco17").sigmas, params.kpt_oks_sigmas)


@pytest.mark.parametrize(
    ("point", "sigma"),
    [
        ("nose", 0.026),
        ("left_hip", 0.107),
        ("left_big_toe", 0.068),
        ("right_heel", 0.094),
        ("face-0", 0.042),
        ("face-8", 0.02),
        ("face-47", 0.034),
        ("left_hand_root", 0.029),
        ("right_thumb_tip", 0.047),
        ("right_pinky_tip", 0.031),
    ],
)
def test_wholebody_sigmas_are_those_of_its_evaluation_code(point, sigma):
    """Source: evaluation/myeval_wholebody.py of github.com/jin-s13/COCO-WholeBody."""
    sk = skeleton("coco_wholebody133")
    assert sk.sigmas[sk.index(point)] == sigma


@pytest.mark.parametrize("name", ["openpose18", "body25", "halpe26", "halpe136", "coco_wholebody133"])
def test_points_of_coco_keep_cocos_sigmas_in_any_order(name):
    sk, coco = skeleton(name), skeleton("coco17")
    shared = [point for point in coco.keypoints if point in sk]
    assert [sk.sigmas[sk.index(p)] for p in shared] == [coco.sigmas[coco.index(p)] for p in shared]


@pytest.mark.parametrize("name", ["coco_wholebody133", "halpe136"])
def test_whole_bodies_hold_the_smaller_skeletons_in_their_order(name):
    sk, hand = skeleton(name), skeleton("hand21").keypoints
    assert sk.parts["face"] == skeleton("face68").keypoints
    for side in ("left", "right"):
        assert sk.parts[f"{side}_hand"] == (f"{side}_hand_root", *(f"{side}_{point}" for point in hand[1:]))
    assert sk.keypoints[:17] == skeleton("coco17").keypoints == sk.parts["body"][:17]
    ordered = [
        point for part in ("body", "feet", "face", "left_hand", "right_hand") for point in sk.parts[part]
    ]
    assert tuple(ordered) == sk.keypoints


def test_the_mesh_with_irises_begins_with_the_mesh():
    mesh, irises = skeleton("facemesh468"), skeleton("facemesh478")
    assert irises.keypoints[:468] == mesh.keypoints
    np.testing.assert_array_equal(irises.flip_index[:468], mesh.flip_index)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (263, 33),
        (362, 133),
        (291, 61),
        (454, 234),
        (386, 159),
        (336, 107),
        (473, 468),
        (474, 471),
        (475, 470),
    ],
)
def test_mesh_pairs_are_those_of_the_canonical_face(left, right):
    """Corners of eyes and mouth, ears, lids, brows; both irises run right, top, left, bottom."""
    assert (f"mesh-{left}", f"mesh-{right}") in skeleton("facemesh478").swaps


def test_the_mesh_has_28_points_on_its_middle_line():
    flip = skeleton("facemesh468").flip_index
    middle = np.flatnonzero(flip == np.arange(468))
    assert len(middle) == 28
    assert {1, 4, 10, 13, 14, 152, 168} <= set(middle.tolist())


def test_interhand_runs_from_the_tips_to_the_root():
    sk = skeleton("interhand42")
    assert sk.keypoints[:4] == ("right_thumb_tip", "right_thumb_ip", "right_thumb_mcp", "right_thumb_cmc")
    assert (sk.keypoints[20], sk.keypoints[41]) == ("right_hand_root", "left_hand_root")


def test_the_page_lists_every_skeleton_with_its_size_and_sigmas():
    page = (Path(__file__).parents[2] / "docs/skeletons.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \|", page, flags=re.MULTILINE)
    listed = {name: (int(count), sigmas == "none published") for name, count, sigmas in rows}
    assert listed == {name: (len(skeleton(name)), skeleton(name).sigmas is None) for name in ALL}


def test_derived_indices_cannot_be_changed():
    """They are kept and shared by everyone who asks."""
    for index in (skeleton("coco17").flip_index, skeleton("coco17").edge_index):
        with pytest.raises(ValueError, match="read-only"):
            index[0] = 1
