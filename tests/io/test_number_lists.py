"""Long lists of numbers in JSON are what the standard library reads."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinpoint.io import number_lists
from pinpoint.io.number_lists import parse_numbers, read_lists, set_apart

DECIMALS = st.decimals(-99999999, 99999999, places=3).map(str)
NUMBERS = st.one_of(
    DECIMALS, st.integers(-(10**12), 10**12).map(str), st.floats(allow_nan=False).map(json.dumps)
)


@given(st.lists(NUMBERS.filter(lambda text: "Inf" not in text), min_size=1))
def test_numbers_are_to_the_last_bit_what_json_reads(texts):
    joined = ", ".join(texts)
    np.testing.assert_array_equal(parse_numbers(joined.encode()), json.loads(f"[{joined}]"))


@given(st.lists(st.decimals(-9999999, 9999999, places=5).map(str), min_size=1))
def test_short_decimals_take_the_short_way_and_are_exact(texts):
    values = number_lists._short_decimals(",".join(texts).encode())
    np.testing.assert_array_equal(values, [float(text) for text in texts])


@pytest.mark.parametrize(
    "text",
    ["1.2.3", "1,,2", "1-2", "1.-2", "--1", "1.", ".5", "-", "nose", "1e", "1 2x", "1 2", "1. 5", "- 1"],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"Expecting|Extra data|Invalid|delimiter"):
        parse_numbers(text.encode())


@pytest.mark.parametrize(
    "text", ["0", "-0.0", "0.1", "99999999.1234567", "123456789", "1e-5", "12345678.12345678"]
)
def test_a_number_by_itself_is_what_python_says(text):
    (value,) = parse_numbers(text.encode())
    assert value == float(text) and np.signbit(value) == text.startswith("-")


TRICKY = {
    "note": 'a list, "keypoints": [1, 2], within words',
    "keypoints": [1, 2.5, 2],
    "categories": [{"keypoints": ["nose", "tail"]}, {"keypoints": [[1], [2]]}, {"keypoints": []}],
    "more": {"keypoints": [-3, 4, 0.125], "other": [7, 8]},
}


@pytest.mark.parametrize("indent", [None, 1])
def test_only_flat_lists_under_the_key_are_set_apart(indent):
    data = json.dumps(TRICKY, indent=indent).encode()
    document, spans = set_apart(data, "keypoints")
    assert (document["keypoints"], document["more"]["keypoints"]) == ([0], [2])
    assert document["categories"] == [*TRICKY["categories"][:2], {"keypoints": [1]}]
    assert (document["note"], document["more"]["other"]) == (TRICKY["note"], [7, 8])
    ((rows, numbers),) = read_lists(data, spans[[0, 2]], 3)
    assert numbers.tolist() == [[1, 2.5, 2], [-3, 4, 0.125]] and rows == slice(0, 2)


@pytest.mark.parametrize("at_once", [1, 50, 1 << 16])
def test_parts_of_any_size_give_every_list_once(at_once, monkeypatch, rng):
    monkeypatch.setattr(number_lists, "CHARACTERS_AT_ONCE", at_once)
    lists = rng.normal(size=(40, 6)).round(3)
    data = json.dumps([{"keypoints": row} for row in lists.tolist()]).encode()
    read = np.full(lists.shape, np.nan)
    for rows, numbers in read_lists(data, set_apart(data, "keypoints")[1], 6):
        assert np.isnan(read[rows]).all()
        read[rows] = numbers
    np.testing.assert_array_equal(read, lists)


def test_a_list_of_another_length_is_named():
    data = json.dumps([{"keypoints": [1, 2]}, {"keypoints": [1, 2, 3]}]).encode()
    with pytest.raises(ValueError, match="list 1 holds 3 numbers, expected 2"):
        list(read_lists(data, set_apart(data, "keypoints")[1], 2))
