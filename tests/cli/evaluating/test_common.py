"""Only keypoints that labels and predictions both have are measured, and the output says which."""

import json

import numpy as np
import pytest

from pinpoint.skeletons import skeleton

WHOLE, COCO = skeleton("coco_wholebody133"), skeleton("coco17")
LISTS = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")


@pytest.fixture
def evaluate(folder, pinpoint, shared_data):
    """Evaluates results made from the labels of COCO-WholeBody's sample against these labels."""
    path = shared_data / "samples/coco/test_coco_wholebody.json"
    people = json.loads(path.read_text())["annotations"]

    def run(**files):
        options = []
        for name, make in files.items():
            shared = [{"image_id": one["image_id"], "category_id": 1, "score": 0.9} for one in people]
            found = [one | {"keypoints": make(person)} for one, person in zip(shared, people, strict=True)]
            (folder / f"{name}.json").write_text(json.dumps(found))
            options += ["--predictions", f"{name}.json"]
        done = pinpoint("evaluate", "--data", str(path), "--json", "o.json", *options)
        assert done.status == 0, done.err
        return done.out, json.loads((folder / "o.json").read_text())

    return run


def body(person):
    return person["keypoints"]


def whole(person):
    return [number for key in LISTS for number in person[key]]


def no_hands(person):
    return [*whole(person)[: 91 * 3], *[0] * (42 * 3)]


@pytest.mark.shared
def test_17_points_are_judged_by_the_17_of_a_whole_body(evaluate):
    out, numbers = evaluate(body=body)
    assert numbers["AP"] == pytest.approx(1) and numbers["PCK@.1"] == 1
    assert list(numbers["keypoints"]) == list(COCO.keypoints) == list(numbers["sigmas"])
    assert not [name for name in numbers if name.startswith("AP face")]
    note = (
        "only the 17 of 133 that coco_wholebody133 and coco17 have in common are measured; "
        "116 others, such as left_big_toe and right_pinky_tip: neither for nor against"
    )
    assert numbers["assumptions"]["keypoints"] == note and f"keypoints: {note}" in out


@pytest.mark.shared
def test_133_points_are_judged_by_all_and_missing_ones_are_wrong(evaluate):
    """Whoever has hands among the keypoints but finds none is wrong there."""
    _, full = evaluate(whole=whole)
    _, less = evaluate(less=no_hands)
    assert full["AP"] == full["AP left_hand"] == pytest.approx(1) and len(full["keypoints"]) == 133
    assert less["AP left_hand"] == 0 and less["AP face"] == pytest.approx(1)
    assert less["keypoints"]["left_hand_root"]["missing"] == 1
    assert "keypoints" not in less["assumptions"]


@pytest.mark.shared
def test_runs_of_different_keypoints_are_compared_by_those_they_share(evaluate):
    _, numbers = evaluate(whole=whole, body=body)
    one, other = (numbers["runs"][name] for name in ("whole", "body"))
    assert one["AP"] == other["AP"] and list(one["keypoints"]) == list(COCO.keypoints)
    np.testing.assert_array_equal(other["differences"]["AP"], 0)
