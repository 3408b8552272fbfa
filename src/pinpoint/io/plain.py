"""A record as plain numbers, lists and words: the shape that JSON and JSON Lines share.

The keys of a record are the fields of `Keypoints` beside `image`, `size`, `index` and `seconds`, and of `id`,
`instance_ids`, `crowds`, `crowd_areas`, `split` and `group` those that say something. NaN is null.
Text holds `xy`, `boxes` and `areas` to 3 decimals, `scores` and `box_scores` to 4 and `xyz` to 5.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.io.errors import UnreadableError
from pinpoint.io.records import FIELDS, Record, row_shape
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = [
    "DECIMALS",
    "FORMAT",
    "blame",
    "from_plain",
    "header",
    "rounded",
    "skeleton_of_header",
    "to_line",
    "to_lists",
    "to_plain",
]

FORMAT = "pinpoint-keypoints"
VERSION = 1
DECIMALS = {"xy": 3, "boxes": 3, "areas": 3, "scores": 4, "box_scores": 4, "xyz": 5}
_COARSE = 1e12  # from here on a float64 holds fewer decimals than we would keep


def header(skeleton: Skeleton | None) -> dict[str, Any]:
    """What a file says of itself; the skeleton is none only if no record was written."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "pinpoint": _pinpoint_version(),
        "skeleton": None if skeleton is None else skeleton.to_dict(),
    }


def skeleton_of_header(plain: Mapping[str, Any]) -> Skeleton | None:
    """Read the inverse of `header`.

    Raises:
        ValueError: It is not our header, or that of a newer version.
    """
    if plain.get("format") != FORMAT:
        raise ValueError(f"format is {plain.get('format')!r}, expected {FORMAT!r}")
    if plain.get("version") != VERSION:
        raise ValueError(
            f"format version is {plain.get('version')!r}, but this pinpoint reads {VERSION}; update it"
        )
    return None if plain.get("skeleton") is None else Skeleton.from_dict(plain["skeleton"])


def to_plain(record: Record) -> dict[str, Any]:
    """Turn a record into what JSON holds, rounded to `DECIMALS`."""
    plain: dict[str, Any] = {
        "image": record.image,
        "size": record.size and [int(side) for side in record.size],
        "index": int(record.index),
        "seconds": None if record.seconds is None else float(record.seconds),
    }
    extras = {
        "id": record.id,
        "instance_ids": list(record.instance_ids),
        "crowds": to_lists(rounded("boxes", record.crowds)),
        "crowd_areas": None if record.crowd_areas is None else to_lists(rounded("areas", record.crowd_areas)),
        "split": record.split,
        "group": record.group,
    }
    plain |= {key: value for key, value in extras.items() if value not in (None, "", [])}
    arrays = record.keypoints.arrays()
    return plain | {field: to_lists(rounded(field, arrays[field])) for field in FIELDS if field in arrays}


def from_plain(plain: Mapping[str, Any], skeleton: Skeleton) -> Record:
    """Read the inverse of `to_plain`.

    Raises:
        KeyError: There are no `xy` or no `scores`.
        ValueError: A shape does not agree with the skeleton.
    """
    n, k = len(plain["xy"]), len(skeleton)
    given = {
        field: plain[field] for field in FIELDS if plain.get(field) is not None or field in ("xy", "scores")
    }
    arrays: dict[str, Any] = {
        field: _shaped(value, (n, *row_shape(field, k))) for field, value in given.items()
    }
    size = plain.get("size")
    return Record(
        Keypoints(skeleton=skeleton, **arrays),
        image=str(plain.get("image", "")),
        size=size and (int(size[0]), int(size[1])),
        index=int(plain.get("index", 0)),
        seconds=None if plain.get("seconds") is None else float(plain["seconds"]),
        id=plain.get("id"),
        instance_ids=tuple(plain.get("instance_ids", ())),
        crowds=np.array(plain.get("crowds", ()), dtype=np.float64).reshape(-1, 4),
        crowd_areas=np.array(plain["crowd_areas"], np.float64) if "crowd_areas" in plain else None,
        split=str(plain.get("split", "")),
        group=str(plain.get("group", "")),
    )


def to_line(plain: Any) -> str:
    """One line of JSON. ASCII, so that names come through any pipe, and undecodable file names too."""
    return json.dumps(plain, allow_nan=False)


def to_lists(array: NDArray[Any]) -> list[Any]:
    """Nested lists with None for NaN."""
    if array.dtype.kind != "f" or not np.isnan(array).any():
        return array.tolist()
    boxed = array.astype(object)
    boxed[np.isnan(array)] = None
    return boxed.tolist()


def rounded(field: str, array: NDArray[Any]) -> NDArray[Any]:
    """Round a field of `Keypoints` to the decimals that text formats hold."""
    if field not in DECIMALS:
        return array
    fine = np.abs(array) < _COARSE
    array = array.copy()
    array[fine] = np.round(array[fine], DECIMALS[field])
    return array


@contextmanager
def blame(path: str | Path, where: str) -> Iterator[None]:
    """Turn what a damaged value raises into an error that names the file and the place in it.

    Raises:
        UnreadableError: Something inside could not be read as what it should be.
    """
    try:
        yield
    except UnreadableError:
        raise
    except KeyError as error:
        raise UnreadableError(path, f"is damaged or of an unknown form: {where} lacks {error}") from error
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
        raise UnreadableError(path, f"is damaged or of an unknown form: {where}: {error}") from error


def _shaped(value: ArrayLike, shape: tuple[int, ...]) -> ArrayLike:
    """Lists lose their inner shape where they are empty."""
    return np.reshape(value, shape) if np.size(value) == 0 else value


@cache
def _pinpoint_version() -> str:
    from importlib import metadata  # 4 MB that reading does not need

    try:
        return metadata.version("pinpoint-keypoints")
    except metadata.PackageNotFoundError:  # frozen into an application
        return "unknown"
