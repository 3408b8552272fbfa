"""The labels of CVAT: skeletons with their keypoints and, in the drawing of the label, their edges."""

import html
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

import numpy as np

from pinpoint.io.shapes import skeleton_named
from pinpoint.skeletons import Skeleton

__all__ = ["BOX", "add_labels", "skeletons_of"]

BOX = " box"
"""Ends the label of boxes: a skeleton label cannot have any."""

_LINE = re.compile(r"<line\b[^>]*>")
_CIRCLE = re.compile(r"<circle\b[^>]*>")
_END = re.compile(r'data-node-(from|to)="(\d+)"')


def skeletons_of(root: ET.Element) -> dict[str, Skeleton]:
    """Read the skeleton labels of a file by name; their keypoints are the labels with a `parent`.

    Labels with the same keypoints have the same skeleton, named as the first of them.
    """
    elements = root.findall("./meta//labels/label")
    parts: dict[str, list[str]] = {}
    for element in elements:
        if parent := element.findtext("parent"):
            parts.setdefault(parent, []).append(element.findtext("name", ""))
    svgs = {element.findtext("name", ""): element.findtext("svg") or "" for element in elements}
    kinds: dict[tuple[str, ...], Skeleton] = {}
    for name, keypoints in parts.items():
        edges = _edges(svgs.get(name, ""), keypoints)
        kinds.setdefault(tuple(keypoints), skeleton_named(tuple(keypoints), name, edges))
    return {name: kinds[tuple(keypoints)] for name, keypoints in parts.items()}


def add_labels(labels: ET.Element, names: Sequence[str], kind: Skeleton, *, boxes: bool) -> None:
    """Write each category as a skeleton label and, if there are boxes, as one for them."""
    for name in names:
        element = _add_label(labels, name, "skeleton")
        ET.SubElement(element, "svg").text = _drawing(kind)
        for keypoint in kind.keypoints:
            ET.SubElement(_add_label(labels, keypoint, "points"), "parent").text = name
        if boxes:
            _add_label(labels, name + BOX, "rectangle")


def _add_label(labels: ET.Element, name: str, kind: str) -> ET.Element:
    element = ET.SubElement(labels, "label")
    ET.SubElement(element, "name").text = name
    ET.SubElement(element, "type").text = kind
    ET.SubElement(element, "attributes")
    return element


def _edges(svg: str, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Lines of the drawing join nodes by number; a circle says which name has a number, or else the order."""
    svg = html.unescape(svg) if "&lt;" in svg else svg
    name_of: Mapping[str, str] = {str(number): name for number, name in enumerate(names, 1)} | dict(
        filter(None, map(_node, _CIRCLE.findall(svg)))
    )
    ends = [dict(_END.findall(line)) for line in _LINE.findall(svg)]
    pairs = [(name_of.get(end.get("from", ""), ""), name_of.get(end.get("to", ""), "")) for end in ends]
    return tuple((a, b) for a, b in pairs if a in names and b in names)


def _node(circle: str) -> tuple[str, str] | None:
    number = re.search(r'data-node-id="([^"]*)"', circle)
    name = re.search(r'data-label-name="([^"]*)"', circle)
    return (number[1], html.unescape(name[1])) if number and name else None


def _drawing(kind: Skeleton) -> str:
    """Keypoints on a circle, which is as good as any place to start from in CVAT's editor."""
    angles = np.linspace(0, 2 * np.pi, len(kind), endpoint=False)
    places = np.round(50 + 40 * np.stack([np.sin(angles), -np.cos(angles)], axis=1), 2).tolist()
    lines = [
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in kind.edge_index.tolist()
    ]
    circles = [
        f'<circle r="1.5" cx="{x}" cy="{y}" data-type="element node" data-element-id="{number}" '
        f'data-node-id="{number}" data-label-name="{html.escape(name)}"></circle>'
        for number, ((x, y), name) in enumerate(zip(places, kind.keypoints, strict=True), 1)
    ]
    return "".join([*lines, *circles])
