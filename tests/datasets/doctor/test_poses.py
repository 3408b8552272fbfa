"""Left and right are doubted where the evidence of a part is overwhelming, and single points where it is."""

import numpy as np

from datasets.doctor.planting import clean, points, put
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.poses import side_scores, sides
from pinpoint.datasets.doctor.sheet import Sheet

FLIP = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9]


def _swapped(tmp_path, rows, **said) -> Sheet:
    document = clean()
    for row in rows:
        put(document, points(document, row)[FLIP], row)
        document["annotations"][row].update(said)
    return Sheet(tmp_path / "labels.json", document)


def test_scattered_work_of_one_annotator_is_found_by_name(tmp_path):
    sheet = _swapped(tmp_path, range(0, 240, 8), annotator="eve")
    found = {spot.row for spot in sides(Case(sheet))}
    assert len(found) >= 24 and all(row % 8 == 0 for row in found)


def test_a_few_that_are_scattered_are_not_doubted(tmp_path):
    assert list(sides(Case(_swapped(tmp_path, (3, 90, 170))))) == []


def test_scores_tell_swapped_sides_from_right_ones(tmp_path):
    rows, scores = side_scores(_swapped(tmp_path, range(20, 50)), 0)
    swapped = (rows >= 20) & (rows < 50)
    assert np.mean(scores[swapped] < 0) > 0.8 and np.mean(scores[~swapped] > 0) > 0.95
