"""Splits tear nothing apart, are alike, and are the same every time."""

import json
from collections import defaultdict

import numpy as np
import pytest

from datasets.doctor.planting import clean
from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.datasets.doctor.splitting import grouped, parted, split, traits_of

SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}


def _sheet(tmp_path, **subjects) -> Sheet:
    document = clean()
    for number, image in enumerate(document["images"]):
        image.update({key: value(number) for key, value in subjects.items()})
    return Sheet(tmp_path / "labels.json", document)


def test_no_subject_is_in_two_parts(tmp_path):
    sheet = _sheet(tmp_path, subject=lambda number: number % 17)
    parts = split(grouped(sheet, "subject"), traits_of(sheet), SHARES)
    found = defaultdict(set)
    for image, part in zip(sheet.images, parts, strict=True):
        found[image["subject"]].add(part)
    assert {len(held) for held in found.values()} == {1}


def test_parts_are_as_large_as_asked_for(tmp_path):
    sheet = _sheet(tmp_path)
    parts = split(grouped(sheet, ""), traits_of(sheet), SHARES)
    for part, share in SHARES.items():
        assert abs(parts.count(part) / len(parts) - share) < 0.03


def test_a_rare_category_is_in_every_part_by_its_share(tmp_path):
    sheet = _sheet(tmp_path)
    sheet.document["categories"].append({"id": 2, "name": "rare"})
    for item in sheet.annotations[:40:2]:
        item["category_id"] = 2
    parts = split(grouped(sheet, ""), traits_of(sheet), {"train": 0.5, "val": 0.5})
    rare = [parts[row] for row, kind in zip(sheet.image, sheet.category, strict=True) if kind == 1]
    assert 8 <= rare.count("val") <= 12


def test_a_split_is_the_same_every_time_and_another_with_another_seed(tmp_path):
    sheet = _sheet(tmp_path)
    first, again, other = (split(grouped(sheet, ""), traits_of(sheet), SHARES, seed) for seed in (0, 0, 1))
    assert first == again != other


def test_an_expression_groups_by_what_it_finds_in_names(tmp_path):
    sheet = _sheet(tmp_path)
    groups = grouped(sheet, r"^(\d\d)")
    assert groups[0] == groups[8] != groups[9]


def test_linked_pictures_are_of_one_group_through_others(tmp_path):
    groups = grouped(_sheet(tmp_path), "", [(3, 50), (50, 80)])
    assert groups[3] == groups[80] and len(np.unique(groups)) == 118


def test_entries_and_ids_are_kept_and_none_is_lost(tmp_path):
    sheet = _sheet(tmp_path)
    documents = parted(sheet, split(grouped(sheet, ""), traits_of(sheet), SHARES))
    for key in ("images", "annotations"):
        joined = sorted(
            (item for part in documents.values() for item in part[key]), key=lambda item: item["id"]
        )
        assert json.dumps(joined) == json.dumps(sheet.document[key])


@pytest.mark.parametrize("shares", [{"train": 1.1, "val": -0.1}, {"train": 0.5, "val": 0.2}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        split(np.arange(9), np.zeros((9, 0)), shares)


def test_fewer_groups_than_parts_are_refused():
    with pytest.raises(ValueError, match="1 groups for 3 parts"):
        split(np.zeros(9, np.intp), np.zeros((9, 0)), SHARES)


def test_a_key_that_no_image_has_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no image has a key 'subjekt'"):
        grouped(_sheet(tmp_path), "subjekt")
