"""The lists of COCO-WholeBody are looked at as the body is, and many looks are compared in time."""

import copy
import json

import numpy as np
import pytest

from datasets.doctor.planting import clean
from pinpoint.datasets.doctor.examination import examine, mend
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.parts import CODES, PARTS
from pinpoint.datasets.doctor.pictures import near_hashes
from pinpoint.datasets.doctor.sheet import read_sheet
from pinpoint.io.coco_truth_writer import WHOLE_BODY


def whole(seed=0):
    """A clean file whose people have feet, a face and hands, too, each within a box of its own."""
    document, rng = clean(8, seed), np.random.default_rng(seed)
    for item in document["annotations"]:
        for key, part in PARTS.items():
            xy = rng.uniform([100, 40], [120, 60], (WHOLE_BODY[key], 2)).round(2)
            item[key] = np.column_stack([xy, np.full(len(xy), 0.5)]).ravel().tolist()
            item[f"{part}_box"], item[f"{part}_valid"] = [100.0, 40.0, 20.0, 20.0], True
    return document


def at_all(item, key, x, y):
    item[key] = [x, y, 1.0] * WHOLE_BODY[key]


def scaled(item, key, by):
    item[key] = (np.reshape(item[key], (-1, 3)) * [by[0], by[1], 1]).ravel().tolist()


def nested(item, key):
    item[key] = np.reshape(item[key], (-1, 3)).tolist()


def turned(item, key):
    item[key] = np.reshape(item[key], (-1, 3))[:, [1, 0, 2]].ravel().tolist()


PLANTS = {
    "keypoints-nested": nested,
    "keypoints-without-v": lambda item, key: item.update(
        {key: np.reshape(item[key], (-1, 3))[:, :2].ravel().tolist()}
    ),
    "keypoints-length": lambda item, key: item.update({key: item[key][:-3]}),
    "keypoints-no-numbers": lambda item, key: item[key].__setitem__(0, "12"),
    "keypoints-nan": lambda item, key: item[key].__setitem__(0, float("nan")),
    "keypoints-infinite": lambda item, key: item[key].__setitem__(0, float("inf")),
    "all-at-origin": lambda item, key: at_all(item, key, 0.0, 0.0),
    "some-at-origin": lambda item, key: item[key].__setitem__(slice(0, 2), [0.0, 0.0]),
    "points-collapsed": lambda item, key: at_all(item, key, 110.0, 50.0),
    "points-outside": lambda item, key: item[key].__setitem__(0, 900.0),
    "points-normalised": lambda item, key: scaled(item, key, (1 / 200, 1 / 150)),
    "axes-swapped": turned,
}


def codes(document, tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    return [finding.fault.code for finding in examine(Case(read_sheet(path)))]


def test_every_fault_of_a_part_is_planted():
    assert set(PLANTS) == CODES


def test_nothing_is_found_in_a_clean_whole_body_with_scores_as_v(tmp_path):
    assert codes(whole(), tmp_path) == []


@pytest.mark.parametrize("key", PARTS)
@pytest.mark.parametrize("code", PLANTS)
def test_a_fault_of_a_part_is_found_and_only_it(code, key, tmp_path):
    document = whole()
    PLANTS[code](document["annotations"][3], key)
    assert codes(document, tmp_path) == [f"{code}-{PARTS[key]}"]


def test_a_finding_of_a_part_names_its_points_and_is_left_to_a_person(tmp_path):
    document = whole()
    document["annotations"][3]["face_kpts"][0] = 900.0
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    before = copy.deepcopy(document)
    (finding,) = examine(Case(read_sheet(path)))
    assert finding.place(finding.spots[0]).startswith("annotation 4 image 002.png: face-0 (900, ")
    assert finding.fault.what.endswith("outside their picture, in face_kpts") and finding.fault.fix is None
    mended = mend(Case(read_sheet(path)))
    assert mended.sheet.document == before and [one.fault.code for one in mended.left] == [finding.fault.code]


@pytest.mark.parametrize("few", [0, 1 << 40])
def test_hashes_of_few_differences_are_found_by_bands_as_by_looking_at_all(few, rng):
    """Of each of 300, another that differs in 0 to 12 bits; 8 and fewer are the same look."""
    first = rng.integers(0, 2**64, 300, dtype=np.uint64)
    flips = [rng.choice(64, rng.integers(0, 13), replace=False) for _ in first]
    other = first ^ np.array([sum(1 << int(bit) for bit in bits) for bits in flips], np.uint64)
    rows, columns = near_hashes(first, other, few=few)
    expected = [row for row, bits in enumerate(flips) if len(bits) <= 8]
    assert rows.tolist() == columns.tolist() == expected and 100 < len(expected) < 290
    both = np.concatenate([first, other])
    assert [pair.tolist() for pair in near_hashes(both, few=few)] == [
        expected,
        [300 + row for row in expected],
    ]


@pytest.mark.parametrize("few", [0, 1 << 40])
def test_copies_give_each_pair_once_and_nothing_gives_none(few):
    rows, columns = near_hashes(np.full(4, 7, np.uint64), few=few)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 2),
        (1, 3),
        (2, 3),
    ]
    assert [len(part) for part in near_hashes(np.zeros(0, np.uint64), few=few)] == [0, 0]
