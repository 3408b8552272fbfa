"""Long lists of numbers in JSON, read without making an object of each: five times as fast, in little memory.

A set of whole bodies holds millions of coordinates, and reading them is what an evaluation would mostly do.
"""

import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float

__all__ = ["Spans", "parse_numbers", "read_lists", "set_apart"]

Spans = NDArray[np.int64]  # start and end of each list, shape (L, 2)

CHARACTERS_AT_ONCE = 1 << 16  # few enough that what is made of them stays in the processor's cache
COMMA, DOT, MINUS, SPACE = b",.- "
MOST_DIGITS = 15  # a number of so many is exact, and so is the power of ten that it is divided by
_POWERS = 10.0 ** np.arange(9)
_LITTLE = sys.byteorder == "little"


def set_apart(data: bytes, key: str) -> tuple[Any, Spans]:
    """Parse JSON, but leave out what the flat lists of numbers under a key hold.

    Args:
        data: The document, in UTF-8.
        key: Of the lists, wherever it stands.

    Returns:
        The document, in which each such list holds nothing but its own number, from 0, and where each list's
        numbers lie in `data`.

    Raises:
        ValueError: It is not JSON.

    >>> set_apart(b'[{"keypoints": [1, 2.5]}, {"keypoints": []}]', "keypoints")
    ([{'keypoints': [0]}, {'keypoints': [1]}], array([[16, 22],
           [41, 41]]))
    """
    # A quote within a string is escaped, so an unescaped key and colon are what they look like.
    lists = re.compile(rb'"%b"\s*:\s*\[([^\]]*)\]' % re.escape(key).encode())
    found = (match.span(1) for match in lists.finditer(data))
    spans = np.array([span for span in found if _is_flat(data, *span)], np.int64).reshape(-1, 2)
    return json.loads(_without(data, spans)), spans


def _without(data: bytes, spans: Spans) -> bytes:
    edges = [0, *spans.ravel().tolist(), len(data)]
    rest = [data[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    numbered = [piece for number, left in enumerate(rest[:-1]) for piece in (left, b"%d" % number)]
    return b"".join([*numbered, rest[-1]])


def _is_flat(data: bytes, start: int, end: int) -> bool:
    return all(data.find(opening, start, end) < 0 for opening in (b'"', b"[", b"{"))


def read_lists(data: bytes, spans: Spans, width: int) -> Iterator[tuple[slice, Float]]:
    """Parse lists of equal length, some at a time.

    Args:
        data: The document.
        spans: Where the lists' numbers lie in it.
        width: Numbers in each list.

    Yields:
        Which rows of `spans` these are, and their numbers, shape (rows, width).

    Raises:
        ValueError: A list is of another length, or holds what is no number.
    """
    total = np.cumsum(spans[:, 1] - spans[:, 0])
    total = np.append(0, total)
    groups = np.unique(np.searchsorted(total, np.arange(0, total[-1], CHARACTERS_AT_ONCE)))
    for first, last in pairwise([*groups.tolist(), len(spans)]):
        rows = slice(first, last)
        if first < last:
            yield rows, _rows(data, spans[rows], width, first)


def _rows(data: bytes, spans: Spans, width: int, first: int) -> Float:
    lists = [data[start:end].strip() for start, end in spans.tolist()]
    for number, text in enumerate(lists, first):
        count = text.count(b",") + 1 if text else 0
        if count != width:
            raise ValueError(f"list {number} holds {count} numbers, expected {width}")
    return parse_numbers(b",".join(lists)).reshape(len(lists), width)


def parse_numbers(text: bytes) -> Float:
    """Parse numbers between commas, as JSON writes them, shape (N,).

    Raises:
        ValueError: Something is no number.

    >>> parse_numbers(b"1, -2.5, 3e2").tolist()
    [1.0, -2.5, 300.0]
    """
    values = _short_decimals(text) if _LITTLE else None
    return np.array(json.loads(b"[%b]" % text), np.float64) if values is None else values


def _short_decimals(text: bytes) -> Float | None:
    """Numbers of up to 8 digits on each side of the dot, or none if there are others among them."""
    if not text or text.translate(None, b"0123456789.,- "):
        return None
    chars = np.frombuffer(b",%b,%b" % (text, bytes(8)), np.uint8)
    marks = np.flatnonzero((chars == COMMA) | (chars == DOT))
    starts, after_dot = marks[:-1] + 1, chars[marks[:-1]] == DOT
    fraction, whole = np.flatnonzero(after_dot), np.flatnonzero(~after_dot)  # of the runs of digits
    space = _skipped(chars, starts, SPACE)
    minus = _skipped(chars, starts, MINUS)
    digits = marks[1:] - starts
    odd = after_dot[space].any() or after_dot[minus].any() or (np.diff(fraction) == 1).any()
    odd |= text.count(b"-") != len(minus) or text.count(b" ") != len(space)
    if odd or digits.min() < 1 or digits.max() > 8:
        return None
    if len(fraction) and (digits[fraction - 1] + digits[fraction]).max() > MOST_DIGITS:
        return None
    values = _of_digits(chars, starts, digits)
    power, before = _POWERS[digits[fraction]], fraction - 1
    values[before] = (values[before] * power + values[fraction]) / power
    values[minus] *= -1
    return values[whole]


def _skipped(chars: NDArray[np.uint8], starts: NDArray[np.intp], char: int) -> NDArray[np.intp]:
    """Which starts are at a character, and have been moved behind it."""
    there = np.flatnonzero(chars[starts] == char)
    starts[there] += 1
    return there


def _of_digits(chars: NDArray[np.uint8], starts: NDArray[np.intp], digits: NDArray[np.intp]) -> Float:
    """Numbers of up to 8 digits each: neighbours are joined to twos, fours and eights within one word.

    A word is loaded where the digits start, and shifted so that they end it and zeros come before them.
    """
    windows = np.ndarray((len(chars) - 7,), np.uint64, chars, strides=(1,))
    words = windows[starts] << (8 * (8 - digits)).astype(np.uint64)
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 10 * 2**8 + 1, 8),
        (0x00FF00FF00FF00FF, 100 * 2**16 + 1, 16),
        (0x0000FFFF0000FFFF, 10000 * 2**32 + 1, 32),
    ):
        words &= np.uint64(mask)
        words *= np.uint64(factor)
        words >>= np.uint64(shift)
    return words.astype(np.float64)
