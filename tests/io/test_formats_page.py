"""The table of the documentation says of every format what its row in the program says."""

from pathlib import Path

import pytest

from pinpoint.io.formats import FORMATS
from pinpoint.io.records import EXTRAS, FIELDS

PAGE = Path(__file__).parents[2] / "docs/formats.md"


def _table():
    lines = PAGE.read_text("utf-8").split("## What each one holds")[1].strip().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    end = next(number for number, line in enumerate(lines) if not line)
    return rows[0][1:], {row[0].strip("`"): row[1:] for row in rows[2:end]}


def test_the_page_names_every_format():
    text = PAGE.read_text("utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("what", [*FIELDS, *EXTRAS])
def test_the_table_of_the_page_is_that_of_the_program(what):
    columns, rows = _table()
    for names, cell in zip(columns, rows.get(what, ["yes"] * len(columns)), strict=True):
        for name in names.split(", "):
            assert (what in FORMATS[name].holds | FORMATS[name].keeps) == (cell == "yes"), name
