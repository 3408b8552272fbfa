"""VIA 3 projects: files, views, attributes and metadata in one JSON, told in the words of VIA 2 and back.

https://gitlab.com/vgg/via/-/blob/master/via-3.x.y/CodeDoc.md

Images are read; what is drawn in videos and in pairs of files is left out and counted. What attributes mean
is as in VIA 2: see `via`.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["entries_of_project", "is_project", "project_of_entries"]

log = logging.getLogger(__name__)

Item = Mapping[str, Any]

_IMAGE = 2  # type of a file
_LOCAL = 1  # place of a file: on the disk of whoever opens the project
_TEXT, _CHECKBOX, _RADIO, _SELECT = 1, 2, 3, 4  # types of attributes
_OF_FILE, _OF_REGION = "FILE1_Z0_XY0", "FILE1_Z0_XY1"  # what an attribute is of
_SHAPES = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ()),
    4: ("ellipse", ()),
    5: ("line", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
    8: ("extreme rectangle", ()),
    9: ("extreme circle", ()),
}
_NUMBERS = {name: number for number, (name, keys) in _SHAPES.items() if keys}
_CONFIG = {
    "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
    "ui": {
        "file_content_align": "center",
        "file_metadata_editor_visible": True,
        "spatial_metadata_editor_visible": True,
        "temporal_segment_metadata_editor_visible": True,
        "spatial_region_label_attribute_id": "",
        "gtimeline_visible_row_count": "4",
    },
}


def is_project(document: Any) -> bool:
    """Whether a parsed document is a project of VIA 3."""
    parts = ("attribute", "file", "metadata", "view")
    return isinstance(document, dict) and all(isinstance(document.get(part), dict) for part in parts)


def entries_of_project(document: Item) -> dict[str, Any]:
    """Turn a project into the entries of VIA 2, by the number of the view.

    Raises:
        KeyError: A view, file or attribute that is named is not there.
        ValueError: A shape has too few numbers.
    """
    entries: dict[str, Any] = {}
    for number, view in document["view"].items():
        files = [document["file"][str(one)] for one in view["fid_list"]]
        if len(files) == 1 and files[0].get("type", _IMAGE) == _IMAGE:
            name = files[0].get("fname") or files[0]["src"]
            entries[str(number)] = {"filename": name, "file_attributes": {}, "regions": []}
    left = sum(not _add(entries, one, document["attribute"]) for one in document["metadata"].values())
    if left:
        log.warning("%d entries of videos or of several files are left out", left)
    return entries


def project_of_entries(entries: Item) -> dict[str, Any]:
    """Turn entries of VIA 2, whose attributes are texts, into a project."""
    attributes = _Attributes()
    files: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for number, entry in enumerate(entries.values(), 1):
        files[str(number)] = {
            "fid": str(number),
            "fname": entry["filename"],
            "type": _IMAGE,
            "loc": _LOCAL,
            "src": "",
        }
        for place, one in enumerate(_metadata(entry, attributes)):
            metadata[f"{number}_{place}"] = {"vid": str(number), "flg": 0, "z": [], **one}
    return {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": "pinpoint",
            "creator": "Pinpoint",
            "created": 0,
            "vid_list": list(files),
        },
        "config": _CONFIG,
        "attribute": attributes.entries,
        "file": files,
        "metadata": metadata,
        "view": {number: {"fid_list": [number]} for number in files},
    }


def _add(entries: Mapping[str, Any], one: Item, attributes: Item) -> bool:
    """Add a region, or what is said of a file, to its entry; whether there is one."""
    entry = entries.get(str(one["vid"]))
    if entry is None or one.get("z"):
        return False
    said = {attributes[key]["aname"]: _value(attributes[key], value) for key, value in one["av"].items()}
    if one["xy"]:
        entry["regions"].append({"shape_attributes": _shape(one["xy"]), "region_attributes": said})
    else:
        entry["file_attributes"] |= said
    return True


def _shape(xy: list[Any]) -> dict[str, Any]:
    name, keys = _SHAPES.get(int(xy[0]), (f"shape {xy[0]}", ()))
    if keys and len(xy) != 1 + len(keys):
        raise ValueError(f"a {name} has {len(xy) - 1} numbers, expected {len(keys)}")
    return {"name": name, **dict(zip(keys, xy[1:], strict=False))}


def _value(attribute: Item, value: Any) -> Any:
    """What VIA 2 would say: the word of an option, or which are ticked."""
    options = attribute.get("options") or {}
    if attribute.get("type") == _CHECKBOX:
        return {options.get(key, key): True for key in str(value).split(",") if key}
    return options.get(str(value), value) if attribute.get("type") in (_RADIO, _SELECT) else value


class _Attributes:
    """Gives every attribute that occurs a number."""

    def __init__(self) -> None:
        self.entries: dict[str, Any] = {}
        self._numbers: dict[tuple[str, str], str] = {}

    def numbered(self, said: Item, anchor: str) -> dict[str, str]:
        """Values by the number of their attribute."""
        return {self._number(str(name), anchor): str(value) for name, value in said.items()}

    def _number(self, name: str, anchor: str) -> str:
        if (name, anchor) not in self._numbers:
            number = self._numbers[name, anchor] = str(len(self.entries) + 1)
            kinds = {"aname": name, "anchor_id": anchor, "type": _TEXT, "desc": ""}
            self.entries[number] = {**kinds, "options": {}, "default_option_id": ""}
        return self._numbers[name, anchor]


def _metadata(entry: Item, attributes: _Attributes) -> Iterator[dict[str, Any]]:
    if entry["file_attributes"]:
        yield {"xy": [], "av": attributes.numbered(entry["file_attributes"], _OF_FILE)}
    for region in entry["regions"]:
        shape = region["shape_attributes"]
        number = _NUMBERS[shape["name"]]
        xy = [number, *(shape[key] for key in _SHAPES[number][1])]
        yield {"xy": xy, "av": attributes.numbered(region["region_attributes"], _OF_REGION)}
