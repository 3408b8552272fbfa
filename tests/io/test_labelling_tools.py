"""Real labels go through the file of every tool and come back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pinpoint.io.formats import FORMATS, read_records, write
from pinpoint.keypoints import Keypoints

DATA = Path(__file__).parents[2] / "../shared/data"
SAMPLES = {
    "coco_person": "coco_person/val.json",
    "whole body": "samples/coco/test_coco_wholebody.json",
    "macaque": "samples/macaque/test_macaque.json",
    "wflw": "samples/wflw/test_wflw.json",
    "ap10k": "samples/ap10k/test_ap10k.json",
}
TOOLS = {
    "labelme": "x",
    "label-studio": "x.json",
    "cvat": "x.xml",
    "via": "x.json",
    "via-csv": "x.csv",
    "deeplabcut": "x.h5",
    "sleap": "x.slp",
}

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there"),
]


def held(record, name):
    """What a tool has something to hold on to: points and, but in tables, boxes; SLEAP holds all."""
    if name == "sleap":
        return record
    kps = record.keypoints
    there = np.isfinite(kps.xy).all(axis=2).any(axis=1)
    if kps.boxes is not None and "boxes" in FORMATS[name].holds:
        there |= np.isfinite(kps.boxes).all(axis=1)
    return replace(record, keypoints=kps[there])


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_real_labels_come_back(sample, tool, tmp_path):
    if tool == "sleap":
        pytest.importorskip("sleap_io")
    records = [r for r in read_records(DATA / SAMPLES[sample]) if len(r.keypoints)][:25]
    write(tmp_path / TOOLS[tool], records, format=tool)
    back = {record.image: record for record in read_records(tmp_path / TOOLS[tool])}
    for record in records:
        one, again = held(record, tool).keypoints, back[record.image].keypoints
        assert again.skeleton.keypoints == one.skeleton.keypoints and len(again) == len(one)
        assert_same_points(one, again, FORMATS[tool].holds)


def assert_same_points(one: Keypoints, again: Keypoints, holds: frozenset[str]) -> None:
    """To half the last decimal of files that have 3."""
    np.testing.assert_allclose(again.xy, one.xy, rtol=0, atol=5.01e-4)
    if "visible" in holds:
        there = np.isfinite(one.xy).all(axis=2)
        np.testing.assert_array_equal(again.visible[there], one.visible[there])
    if "boxes" in holds:
        np.testing.assert_allclose(again.boxes, one.boxes, rtol=0, atol=1.01e-3)
