"""`pinpoint evaluate`: labelled pictures, a model that is a fake, and the numbers of both."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cli.fake_model import find_one
from pinpoint.cli import estimators
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

COCO = skeleton("coco17")
BOX = [9.5, 9.5, 49.5, 39.5]  # 10 10 40 30 in COCO's numbers


def label(kps, picture=1, **changes):
    """An annotation that says exactly what a model says."""
    flat = np.concatenate([kps.xy[0], np.full((len(kps.skeleton), 1), 2)], axis=1).ravel().tolist()
    basic = {"image_id": picture, "category_id": 1, "bbox": [10, 10, 40, 30], "area": 700, "keypoints": flat}
    return basic | changes


@pytest.fixture
def evaluate(folder, pinpoint, picture, monkeypatch):
    """Writes labels of pictures of 64 x 48 and evaluates the fake, or another model, on them."""

    def run(annotations, *options, model=find_one, columns=COCO, pictures=("1.png",), **stated):
        for name in pictures:
            picture(name)
        images = [
            {"id": number, "file_name": name, "width": 64, "height": 48} | stated
            for number, name in enumerate([*pictures, *stated.pop("gone", ())], 1)
        ]
        category = {"id": 1, "name": columns.name, "keypoints": list(columns.keypoints)}
        parts = {"images": images, "categories": [category], "annotations": annotations}
        (folder / "labels.json").write_text(json.dumps(parts))
        monkeypatch.setattr(estimators, "load_estimator", lambda choice: model)
        outcome = pinpoint(
            "evaluate", "--data", "labels.json", "--model", "fake", "--json", "o.json", *options
        )
        path = folder / "o.json"
        return outcome, json.loads(path.read_text()) if path.exists() else {}

    return run


PERFECT = find_one(np.zeros((48, 64, 3), np.uint8), [BOX])


def test_a_model_that_says_what_is_labelled_is_perfect(evaluate):
    outcome, numbers = evaluate([label(PERFECT)], "--boxes", "truth")
    assert outcome.status == 0
    assert numbers["AP"] == pytest.approx(1) and numbers["PCK@.1"] == 1
    assert (numbers["pictures"], numbers["instances"], numbers["failed"], numbers["missed"]) == (1, 1, 0, 0)
    assert numbers["APm"] is None  # 700 square pixels are small


def test_an_instance_without_box_and_area_does_not_take_those_of_the_others(evaluate):
    bare = label(PERFECT)
    del bare["bbox"], bare["area"]
    _, numbers = evaluate([label(PERFECT), bare], "--boxes", "truth")
    assert numbers["instances"] == 2
    assert "of the box for 1 of 2" in numbers["assumptions"]["areas"]


def test_the_table_shows_numbers_and_what_was_assumed(evaluate):
    bare = label(PERFECT, keypoints=[0] * 51)
    out = evaluate([label(PERFECT), bare], "--boxes", "truth")[0].out
    title, head, row, *notes = out.splitlines()
    assert title == "fake (boxes: truth) on labels.json: 1 pictures, 2 instances"
    shown = dict(zip(head.split(), row.split(), strict=True))
    assert (shown["AP"], shown["APm"], shown["PCK@.1"], shown["missed"]) == ("1.000", "-", "1.000", "0")
    assert "sigmas: those of coco17" in notes
    assert (
        "not labelled: 17 of 34 points do not count; 1 instances without any count neither for nor against"
        in notes
    )


def test_numbers_that_cannot_be_written_are_shown_all_the_same(evaluate, folder):
    (folder / "taken").mkdir()
    outcome, _ = evaluate([label(PERFECT)], "--boxes", "truth", "--json", "taken")
    assert outcome.status == 1 and "error: Is a directory" in outcome.err
    assert "1.000" in outcome.out


def test_without_boxes_the_model_finds_for_itself(evaluate):
    """The fake reads the whole picture: its points are far from those in the box."""
    outcome, numbers = evaluate([label(PERFECT)])
    assert outcome.status == 0 and numbers["boxes"] == "detect"
    assert numbers["AP"] == 0
    whole = find_one(np.zeros((48, 64, 3), np.uint8))
    assert evaluate([label(whole)])[1]["AP"] == pytest.approx(1)


def test_unreadable_pictures_are_named_and_the_rest_is_measured(evaluate):
    outcome, numbers = evaluate([label(PERFECT), label(PERFECT, 2)], "--boxes", "truth", gone=("gone.png",))
    assert outcome.status == 1 and "failed: gone.png" in outcome.err
    assert (numbers["AP"], numbers["failed"], numbers["instances"]) == (pytest.approx(1), 1, 1)


def test_no_readable_picture_at_all_is_said(evaluate):
    outcome, numbers = evaluate([label(PERFECT)], pictures=(), gone=("gone.png",))
    assert outcome.status == 1 and "no picture could be read" in outcome.err and not numbers


def test_labels_of_another_size_are_compared_in_their_own(evaluate):
    """Stated twice as large: the box given to the model and what it finds are scaled there and back."""
    box = (np.array(BOX) + 0.5) * 2 - 0.5
    large = find_one(np.zeros((96, 128, 3), np.uint8), [box])
    _, numbers = evaluate(
        [label(large, bbox=[20, 20, 80, 60], area=2800)], "--boxes", "truth", width=128, height=96
    )
    assert numbers["AP"] == pytest.approx(1) and numbers["PCK@.05"] == 1
    assert numbers["assumptions"]["sizes"].startswith("1 pictures have another")


OWN = Skeleton("own", ("nose", "tip"))


def test_own_keypoints_that_the_model_lacks_are_left_out_and_named(evaluate):
    xy = np.stack([PERFECT.xy[0, 0], [30.0, 30.0]])[None]
    own = Keypoints(xy, np.ones((1, 2)), OWN)
    _, numbers = evaluate([label(own)], "--boxes", "truth", columns=OWN)
    assert numbers["PCK@.1"] == 1 and list(numbers["keypoints"]) == ["nose"]
    assert numbers["assumptions"]["keypoints"] == (
        "only the 1 of 2 that own and coco17 have in common are measured; tip: neither for nor against"
    )
    assert numbers["assumptions"]["sigmas"].startswith("those of the model for nose")


def test_a_model_of_other_keypoints_is_refused(evaluate):
    tip = Skeleton("tip", ("tip",))
    outcome, _ = evaluate([label(Keypoints(np.ones((1, 1, 2)), np.ones((1, 1)), tip))], columns=tip)
    assert outcome.status == 2 and "share no keypoint" in outcome.err


def test_a_detector_is_measured_by_its_boxes(evaluate):
    def detector(image, boxes=None):
        found = Keypoints.empty(skeleton("box"))
        box = {"boxes": np.array([BOX]), "box_scores": np.ones(1)}
        return replace(found, xy=np.zeros((1, 0, 2)), scores=np.zeros((1, 0)), **box)

    outcome, numbers = evaluate([label(PERFECT)], model=detector)
    assert outcome.status == 0 and (numbers["recall"], numbers["AP"]) == (1, pytest.approx(1))
    assert evaluate([label(PERFECT)], "--boxes", "truth", model=detector)[0].status == 2


def test_a_model_that_finds_nothing_scores_nothing(evaluate):
    _, numbers = evaluate([label(PERFECT)], model=lambda image, boxes=None: Keypoints.empty(COCO))
    assert (numbers["AP"], numbers["PCK@.1"], numbers["missed"]) == (0, 0, 1)


def test_a_file_without_labels_is_refused(evaluate):
    outcome, _ = evaluate([])
    assert outcome.status == 2 and "holds no labelled instance" in outcome.err


def test_numbers_that_cannot_be_written_are_an_error(evaluate):
    assert evaluate([label(PERFECT)], "--json", "no/such/folder/o.json")[0].status == 1


def results(folder, name="dt.json", **changes):
    """COCO results that say exactly what is labelled."""
    item = {"image_id": 1, "category_id": 1, "score": 0.9, "keypoints": label(PERFECT)["keypoints"]}
    (folder / name).write_text(json.dumps([item | changes]))
    return name


@pytest.fixture
def compare(evaluate, pinpoint, folder):
    """Evaluates files against perfect labels of one picture, or of several with the same."""

    def run(*options, annotations=None, **images):
        evaluate([label(PERFECT)] if annotations is None else annotations, **images)
        (folder / "o.json").unlink()
        outcome = pinpoint("evaluate", "--data", "labels.json", "--json", "o.json", *options)
        path = folder / "o.json"
        return outcome, json.loads(path.read_text()) if path.exists() else {}

    return run


def test_predictions_from_a_file_need_no_picture(compare, folder):
    results(folder)
    (folder / "1.png").unlink(missing_ok=True)
    outcome, numbers = compare("--predictions", "dt.json")
    assert outcome.status == 0 and numbers["AP"] == pytest.approx(1)
    assert (numbers["run"], numbers["boxes"], numbers["missed"]) == ("dt", "file", 0)
    assert numbers["sigmas"]["nose"] == 0.026


def test_several_runs_are_compared_with_the_first(compare, folder):
    results(folder)
    results(folder, "bad.json", keypoints=[1.0, 1.0, 1] * 17)
    outcome, numbers = compare(
        "--predictions", "good=dt.json", "--predictions", "bad.json", "--model", "fake"
    )
    assert outcome.status == 0 and list(numbers["runs"]) == ["fake", "good", "bad"]
    good, bad = numbers["runs"]["good"], numbers["runs"]["bad"]
    assert good["intervals"]["AP"] == pytest.approx([1, 1]) and bad["differences"]["AP"] == [0, 0]
    assert "differences" not in numbers["runs"]["fake"]
    assert "good - fake" in outcome.out and "95 % of 1,000 draws" in outcome.out


def test_runs_are_measured_in_the_same_pictures(compare, folder):
    """A picture that the model cannot read does not count for the file either, which misses it."""
    results(folder)
    both = [label(PERFECT), label(PERFECT, 2)]
    outcome, numbers = compare("--predictions", "dt.json", annotations=both, gone=("gone.png",))
    assert numbers["PCK@.1"] == 0.5 and outcome.status == 0
    options = ("--predictions", "dt.json", "--model", "fake")
    outcome, numbers = compare(*options, annotations=both, gone=("gone.png",))
    assert numbers["runs"]["dt"]["PCK@.1"] == 1 and numbers["instances"] == 1
    assert outcome.status == 1 and "failed: gone.png" in outcome.err


def test_two_runs_of_one_name_are_refused(compare, folder):
    results(folder)
    outcome, _ = compare("--predictions", "a=dt.json", "--predictions", "a=dt.json")
    assert outcome.status == 2 and "two runs are called a" in outcome.err


def test_nothing_to_measure_is_refused(compare):
    outcome, _ = compare()
    assert outcome.status == 2 and "--predictions FILE" in outcome.err


def test_a_missing_file_of_predictions_is_said(compare):
    outcome, _ = compare("--predictions", "gone.json")
    assert outcome.status and "gone.json" in outcome.err and "Traceback" not in outcome.err


def test_labels_without_areas_and_boxes_say_what_is_assumed(compare, folder):
    results(folder)
    bare = {key: value for key, value in label(PERFECT).items() if key not in ("bbox", "area")}
    _, numbers = compare("--predictions", "dt.json", annotations=[bare])
    assert numbers["assumptions"]["areas"] == "0.53 of the box for all, as none is labelled"
    assert numbers["assumptions"]["boxes"] == "around the points, a tenth wider, for all, as none is labelled"


def test_sigmas_that_are_not_published_put_pck_and_nme_beside_ap(compare, folder):
    results(folder)
    (folder / "own.json").write_text(json.dumps(dict.fromkeys(COCO.keypoints, 0.01)))
    outcome, numbers = compare("--predictions", "dt.json", "--sigmas", "own.json")
    assert set(numbers["sigmas"].values()) == {0.01}
    assert numbers["assumptions"]["sigmas"] == (
        "those of own.json by name for 17 keypoints; read PCK and NME beside AP"
    )
    assert {"AP", "PCK@.1", "NME"} <= set(outcome.out.split())


def test_sigmas_are_refused_where_boxes_are_measured(compare, folder):
    box = [{"image_id": 1, "category_id": 1, "score": 0.9, "bbox": [10, 10, 40, 30]}]
    (folder / "boxes.json").write_text(json.dumps(box))
    outcome, _ = compare("--predictions", "boxes.json", "--sigmas", "coco17")
    assert outcome.status == 2 and "boxes is measured by boxes, which have none" in outcome.err
