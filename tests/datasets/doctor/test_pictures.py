"""Faults that show in the pictures, and between what is learnt and what is measured."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.doctor.planting import NAMES, clean
from pinpoint.datasets.doctor.examination import case_of, examine
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.faults import FAULTS
from pinpoint.datasets.doctor.sheet import read_sheet
from pinpoint.io.images import read_image, write_image


class Written:
    """A few clean labels and pictures of clouds, in a folder that a fault is planted in."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        folder.mkdir()
        self.folder, self.document = folder, clean(6, seed)
        for number, image in enumerate(self.document["images"]):
            self.paint(image["file_name"], seed * 100 + number)

    def path(self, number: int) -> Path:
        return self.folder / f"{number:03d}.png"

    def paint(self, name: str, seed: int) -> None:
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
        write_image(self.folder / name, cv2.resize(coarse, (200, 150), interpolation=cv2.INTER_CUBIC))

    def case(self, against: Case | None = None, *, pictures: bool = True) -> Case:
        path = self.folder / "labels.json"
        path.write_text(json.dumps(self.document))
        case = case_of(read_sheet(path), pictures=pictures)
        return Case(case.sheet, case.looks, case.unlisted, against)


def _codes(case: Case) -> list[str]:
    return [finding.fault.code for finding in examine(case)]


def _darker(source: Path, target: Path) -> None:
    write_image(target, (read_image(source) * 0.93).astype(np.uint8))


def _blank(train: Written) -> None:
    write_image(train.path(1), np.full((150, 200, 3), 90, np.uint8))


def _turned(train: Written) -> None:
    write_image(train.path(1), read_image(train.path(1)).swapaxes(0, 1))


def _smaller(train: Written) -> None:
    write_image(train.path(1), cv2.resize(read_image(train.path(1)), (100, 75)))


PLANTS = {
    "picture-missing": lambda train: train.path(1).unlink(),
    "picture-other-case": lambda train: train.path(1).rename(train.folder / "001.PNG"),
    "picture-unreadable": lambda train: train.path(1).write_bytes(train.path(1).read_bytes()[:300]),
    "picture-other-size": _smaller,
    "picture-turned": _turned,
    "picture-blank": _blank,
    "picture-twice": lambda train: train.path(2).write_bytes(train.path(1).read_bytes()),
    "picture-almost-twice": lambda train: _darker(train.path(1), train.path(2)),
    "picture-unlisted": lambda train: train.paint("further.png", 999),
}


def _copied_labels(train: Written, val: Written) -> None:
    val.document["annotations"][0]["keypoints"] = train.document["annotations"][0]["keypoints"]
    for key in ("bbox", "num_keypoints"):
        val.document["annotations"][0][key] = train.document["annotations"][0][key]


def _shared_subject(train: Written, val: Written) -> None:
    train.document["images"][3]["subject"] = val.document["images"][0]["subject"] = 7


LEAKS = {
    "leak-picture": lambda train, val: val.path(1).write_bytes(train.path(4).read_bytes()),
    "leak-look": lambda train, val: _darker(train.path(4), val.path(1)),
    "leak-labels": _copied_labels,
    "leak-group": _shared_subject,
    "val-other-keypoints": lambda train, val: val.document["categories"][0].update(
        keypoints=[*NAMES[:-1], "toe"]
    ),
    "val-never-learnt": lambda train, val: val.document["categories"][0].update(name="ape"),
}


def test_every_other_fault_of_the_table_is_planted():
    assert {fault.code for fault in FAULTS if fault.needs} == {*PLANTS, *LEAKS, "leak-name"}


def test_nothing_is_found_in_clean_pictures(tmp_path):
    train, val = Written(tmp_path / "train"), Written(tmp_path / "val", 1)
    assert _codes(val.case(train.case())) == []


@pytest.mark.parametrize("code", PLANTS)
def test_a_fault_of_pictures_is_found_and_only_it(code, tmp_path):
    train = Written(tmp_path / "train")
    PLANTS[code](train)
    assert _codes(train.case()) == [code]


@pytest.mark.parametrize("code", LEAKS)
def test_a_fault_between_two_files_is_found_and_only_it(code, tmp_path):
    train, val = Written(tmp_path / "train"), Written(tmp_path / "val", 1)
    LEAKS[code](train, val)
    found = _codes(val.case(train.case()))
    assert [one for one in found if one != "side-without-mirror"] == [code]


def test_names_are_compared_where_pictures_are_not(tmp_path):
    train, val = Written(tmp_path / "train"), Written(tmp_path / "val", 1)
    assert _codes(val.case(train.case(pictures=False), pictures=False)) == ["leak-name"]


def test_a_look_survives_half_the_size_and_compression(tmp_path):
    train = Written(tmp_path / "train")
    train.document["images"][1]["file_name"] = "again.jpg"
    image = cv2.resize(read_image(train.path(1)), (100, 75), interpolation=cv2.INTER_AREA)
    train.document["images"][1] |= {"width": 100, "height": 75}
    write_image(train.folder / "again.jpg", image)
    train.path(2).unlink()
    spots = {finding.fault.code: finding.spots for finding in examine(train.case())}
    assert [spot.row for spot in spots["picture-almost-twice"]] == [1]


def test_a_document_is_not_changed_by_looking(tmp_path):
    train = Written(tmp_path / "train")
    before = copy.deepcopy(train.document)
    case = train.case()
    examine(case)
    assert case.sheet.document == before
