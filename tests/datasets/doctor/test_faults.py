"""Every kind of fault is found where it is planted, and nothing else is."""

import json

import pytest

from datasets.doctor.planting import PLANTS, clean
from pinpoint.datasets.doctor.examination import examine, mend
from pinpoint.datasets.doctor.fault import Case
from pinpoint.datasets.doctor.faults import FAULTS
from pinpoint.datasets.doctor.sheet import Sheet, read_sheet

FIXABLE = [fault.code for fault in FAULTS if fault.fix is not None]


def _sheet(document, tmp_path) -> Sheet:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    return read_sheet(path)


def _codes(case: Case) -> list[str]:
    return [finding.fault.code for finding in examine(case)]


def test_nothing_is_found_in_a_clean_file(tmp_path):
    assert _codes(Case(_sheet(clean(), tmp_path))) == []


def test_every_fault_of_the_table_that_needs_one_file_is_planted():
    assert {fault.code for fault in FAULTS if not fault.needs} == set(PLANTS)


def test_no_two_rows_of_the_table_have_one_code():
    assert len({fault.code for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("code", PLANTS)
def test_a_planted_fault_is_found_and_only_it(code, tmp_path):
    document = clean()
    PLANTS[code](document)
    assert _codes(Case(_sheet(document, tmp_path))) == [code]


@pytest.mark.parametrize("code", FIXABLE)
def test_what_is_called_fixable_is_gone_once_it_is_mended(code, tmp_path):
    document = clean()
    PLANTS[code](document)
    mended = mend(Case(_sheet(document, tmp_path)))
    assert mended.done[code] > 0
    assert [finding.fault.code for finding in mended.left if finding.fault.level != "note"] == []


def test_mending_a_clean_file_changes_nothing(tmp_path):
    mended = mend(Case(_sheet(clean(), tmp_path)))
    assert (mended.sheet.document, mended.done, mended.left) == (clean(), {}, ())
