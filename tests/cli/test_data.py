"""`pinpoint data check`, `stats` and `split`: what is printed, what is written, and the exit status."""

import json

import numpy as np
import pytest

from datasets.doctor.planting import PLANTS, clean
from pinpoint.io.coco_truth import read_coco_truth
from pinpoint.io.formats import write
from pinpoint.io.images import read_image, write_image


@pytest.fixture
def labels(folder):
    """Writes a clean file, with a fault if one is named."""

    def written(fault: str = "", name: str = "labels.json"):
        document = clean()
        if fault:
            PLANTS[fault](document)
        (folder / name).write_text(json.dumps(document))
        return folder / name

    return written


def test_the_help_of_every_command_fits_a_terminal(pinpoint):
    assert "..." not in pinpoint("data", "--help").out.partition("Commands:")[2]


def test_a_clean_file_is_said_to_be_and_is_no_failure(pinpoint, labels):
    outcome = pinpoint("data", "check", labels(), "--no-images")
    assert (outcome.status, outcome.out.splitlines()[-1]) == (0, "nothing is wrong")


def test_a_fault_is_told_with_its_place_its_reason_and_what_mends_it(pinpoint, labels):
    outcome = pinpoint("data", "check", labels("count-wrong"), "--no-images")
    assert outcome.status == 1
    assert "1 annotations have a wrong num_keypoints [count-wrong]" in outcome.out
    assert "annotation 1 image 001.png: says 1, has 9" in outcome.out
    assert "--fix" in outcome.out and "why: COCO's measures" in outcome.out


def test_pictures_of_val_may_be_in_a_folder_of_their_own(pinpoint, labels, folder):
    """Else what looks like a picture that is learnt from cannot be seen."""
    rng = np.random.default_rng(0)
    for name in ("one", "other"):
        (folder / name).mkdir()
    for number in range(1, 121):
        write_image(folder / f"one/{number:03d}.png", rng.integers(0, 256, (150, 200, 3), np.uint8))
    (folder / "one/005.png").rename(folder / "other/005.png")
    files = (labels(), "--images", folder / "one", "--val", labels(name="val.json"))
    codes = pinpoint("data", "check", *files, "--val-images", folder / "other").out
    assert "labels.json: 1 pictures are not there" in codes
    assert "val.json: 119 pictures are not there" in codes


def test_notes_alone_are_no_failure(pinpoint, labels):
    assert pinpoint("data", "check", labels("image-unlabelled"), "--no-images").status == 0


def test_the_mended_file_is_clean_and_the_first_is_as_it_was(pinpoint, labels, folder):
    path = labels("keypoints-nested")
    before = path.read_bytes()
    outcome = pinpoint("data", "check", path, "--no-images", "--fix", folder / "mended.json")
    assert "mended: 1 x keypoints-nested" in outcome.err
    assert pinpoint("data", "check", folder / "mended.json", "--no-images").status == 0
    assert path.read_bytes() == before


def test_the_mended_file_is_never_the_file_itself(pinpoint, labels):
    path = labels("keypoints-nested")
    outcome = pinpoint("data", "check", path, "--no-images", "--fix", path)
    assert outcome.status == 2 and "name a new one" in outcome.err


def test_json_holds_every_place(pinpoint, labels, folder):
    pinpoint("data", "check", labels("box-normalised"), "--no-images", "--json", folder / "found.json")
    (finding,) = json.loads((folder / "found.json").read_text())["findings"]
    assert finding["code"] == "box-normalised" and finding["count"] == len(finding["spots"]) == 240
    assert finding["spots"][0]["annotation"] == 1 and finding["spots"][0]["image"] == "001.png"


def test_pictures_show_what_is_found(pinpoint, labels, folder):
    path = labels("count-wrong")
    write_image(folder / "001.png", np.full((150, 200, 3), 90, np.uint8))
    pinpoint("data", "check", path, "--no-images", "--pictures", folder / "shown")
    assert read_image(folder / "shown/labels-count-wrong.png").shape == (320, 320, 3)


def test_other_formats_are_read_first(pinpoint, labels, folder):
    write(folder / "labels.parquet", read_coco_truth(labels()))
    outcome = pinpoint("data", "check", folder / "labels.parquet", "--no-images")
    assert "240 annotations" in outcome.out and outcome.status == 0


def test_a_file_that_is_not_there_is_named(pinpoint):
    outcome = pinpoint("data", "check", "nothing.json")
    assert outcome.status == 2 and "nothing.json" in outcome.err


def test_statistics_count_and_measure(pinpoint, labels):
    lines = pinpoint("data", "stats", labels()).out.splitlines()
    assert "annotations                   240" in lines
    (width,) = (line.split() for line in lines if line.startswith("image width"))
    assert width[2:] == ["200"] * 7


def test_statistics_are_drawn(pinpoint, labels, folder):
    pytest.importorskip("matplotlib")
    assert pinpoint("data", "stats", labels(), "--out", folder / "drawn").status == 0
    drawn = sorted(path.name for path in (folder / "drawn").iterdir())
    assert drawn == ["keypoints.png", "places.png", "poses.png", "sizes.png"]


def test_a_split_that_leaves_nothing_to_learn_from_is_refused(pinpoint, labels, folder):
    outcome = pinpoint("data", "split", labels(), "--out", folder / "parts", "--val", ".6", "--test", ".4")
    assert outcome.status == 2 and "--val 0.6 and --test 0.4 leave nothing to learn from" in outcome.err


def test_a_split_is_written_and_told(pinpoint, labels, folder):
    outcome = pinpoint("data", "split", labels(), "--out", folder / "parts", "--val", ".2", "--test", ".1")
    counts = [
        len(json.loads((folder / f"parts/{name}.json").read_text())["images"])
        for name in ("train", "val", "test")
    ]
    assert sum(counts) == 120 and outcome.status == 0 and f"{counts[1]} images" in outcome.out


def test_a_group_that_is_none_is_wrong_usage(pinpoint, labels, folder):
    outcome = pinpoint("data", "split", labels(), "--out", folder / "parts", "--group", "subjekt")
    assert outcome.status == 2 and "subjekt" in outcome.err
