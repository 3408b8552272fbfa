"""Whatever stands in a file, looking at it, mending it and counting it never stop."""

import copy
import json

import pytest

from datasets.doctor.planting import clean
from pinpoint.datasets.doctor.examination import examine, mend
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.datasets.doctor.statistics import statistics_of

ODD = [None, "x", -1, [], {}, float("nan"), [[1]], [1, [2], "a"], 10**400, True, ["a"] * 11]
ENTRIES = [(table, key) for table in ("images", "annotations", "categories") for key in clean(1)[table][0]]


def _look(document, tmp_path) -> None:
    sheet = Sheet(tmp_path / "labels.json", document)
    found = examine(Case(sheet, against=Case(sheet)))
    json.dumps([finding.to_dict() for finding in found])
    statistics_of(sheet)
    mend(Case(sheet))


@pytest.mark.parametrize(("table", "key"), ENTRIES)
def test_no_value_of_an_entry_stops_it(table, key, tmp_path):
    for value in ODD:
        document = copy.deepcopy(clean(2))
        document[table][0][key] = value
        _look(document, tmp_path)


@pytest.mark.parametrize("table", ["images", "annotations", "categories"])
def test_no_value_of_a_list_stops_it(table, tmp_path):
    for value in (*ODD[:5], [None], [3]):
        _look(clean(2) | {table: value}, tmp_path)
