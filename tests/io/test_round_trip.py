"""Every format gives back what its row of the table says it holds, to the decimals that it documents.

`PINPOINT_EXAMPLES=1000 pytest tests/io/test_round_trip.py` draws a thousand sets for each.
"""

import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pinpoint.io.formats import FORMATS, read_records, write
from pinpoint.io.plain import DECIMALS
from pinpoint.io.records import EXTRAS, FIELDS, Record
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

EXAMPLES = int(os.environ.get("PINPOINT_EXAMPLES", "6"))
KITE = Skeleton(
    "kite",
    ("tip", "left_end", "right_end", "tail"),
    (("tip", "left_end"), ("tip", "right_end")),
    (("left_end", "right_end"),),
    (0.05, 0.1, 0.1, 0.2),
)


def same(value):
    return value


@dataclass(frozen=True)
class Case:
    """How a format is tried out.

    Args:
        path: Where it is written to.
        kinds: Skeletons that it may hold.
        fewest: Instances of a picture at the least; 1 where a picture without any leaves no trace.
        most: Instances of a picture at the most.
        name: What becomes of the name of a picture.
        sized: Whether the sizes of pictures come back.
        boxed: Whether every instance has a box.
        expected: What becomes of a record beyond what `holds` and `keeps` say.
        picture: Where a picture lies, for formats that look at it; none for those that do not.
        needs: A package without which it is skipped.
        video: Whether all pictures are frames of one video.
    """

    path: str
    kinds: tuple[Skeleton, ...] = (KITE, skeleton("coco17"))
    fewest: int = 0
    most: int = 3
    name: Callable[[str], str] = same
    sized: bool = True
    boxed: bool = False
    expected: Callable[[Record], Record] = same
    picture: Callable[[Record], str] | None = None
    needs: str = ""
    video: bool = False


def bare(name):
    return name.removesuffix(".png")


def with_points(record):
    there = np.isfinite(record.keypoints.xy).all(axis=2).any(axis=1)
    return replace(record, keypoints=record.keypoints[there])


def among_pictures(record):
    """Pictures of YOLO are named from the folder of the whole, and one class says nothing."""
    return replace(record, image=f"images/{record.split}/{record.image}")


def squared(record):
    """Boxes of MPII are squares around their centre with their longer side."""
    corners = record.keypoints.boxes.reshape(-1, 2, 2)
    half = (corners[:, 1] - corners[:, 0]).max(axis=1, keepdims=True) / 2
    centres = corners.mean(axis=1)
    boxes = np.hstack([centres - half, centres + half])
    return replace(record, keypoints=replace(record.keypoints, boxes=boxes))


def by_track(record):
    """A file of tracks has no other order of the instances of a frame."""
    ids = record.keypoints.track_ids
    return record if ids is None else replace(record, keypoints=record.keypoints[np.argsort(ids)])


def as_jpeg(name):
    return f"{name}.jpg"


CASES = {
    "json": Case("x.json"),
    "jsonl": Case("x.jsonl"),
    "csv": Case("x.csv"),
    "parquet": Case("x.parquet"),
    "crowdpose": Case("x.json", (skeleton("crowdpose14"),)),
    "halpe": Case("x.json", (skeleton("halpe136"), skeleton("halpe26"))),
    "mpii": Case("x.json", (skeleton("mpii16"),), fewest=1, sized=False, boxed=True, expected=squared),
    "aic": Case("x.json", (skeleton("aic14"),), name=as_jpeg, sized=False),
    "pts": Case("x", (skeleton("face68"), skeleton("wflw98")), fewest=1, picture=lambda r: r.image),
    "yolo": Case("x", boxed=True, expected=among_pictures, picture=lambda r: f"images/{r.split}/{r.image}"),
    "labelme": Case("x", boxed=True),
    "label-studio": Case("x.json", boxed=True),
    "cvat": Case("x.xml", boxed=True),
    "cvat-video": Case("x.xml", boxed=True, fewest=1, video=True, expected=by_track),
    "via": Case("x.json", boxed=True),
    "via3": Case("x.json", boxed=True),
    "via-csv": Case("x.csv", boxed=True),
    "deeplabcut": Case("x.csv", sized=False, expected=with_points),
    "sleap": Case("x.slp", sized=False, needs="sleap_io"),
    "coco": Case("x.json", (skeleton("coco17"),), fewest=1, name=bare, sized=False, boxed=True),
    "openpose": Case("x", (skeleton("body25"),), name=bare, sized=False),
    "coco-truth": Case("x.json", (KITE, skeleton("coco17"), skeleton("coco_wholebody133"))),
}


@st.composite
def keypoints(draw, case, kind, holds, size):
    """Labels within a picture; what is optional is there or not, and a keypoint or box may be missing."""
    n = draw(st.integers(case.fewest, case.most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    xy = rng.uniform(0, np.subtract(size, 1), (n, len(kind), 2))
    xy[rng.random((n, len(kind))) < 0.2] = np.nan
    there = np.isfinite(xy[..., 0])
    corners = np.sort(rng.uniform(-0.5, np.subtract(size, 0.5), (n, 2, 2)), axis=1)
    optional = {
        "visible": there & (rng.random(there.shape) < 0.5),
        "boxes": corners.reshape(n, 4),
        "box_scores": rng.uniform(0, 1, n),
        "areas": rng.uniform(0, 1e5, n),
        "track_ids": rng.permutation(100)[:n],
        "xyz": rng.normal(size=(n, len(kind), 3)),
        "labels": rng.choice(["cat", "dog"], n),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(optional)))) & holds
    if case.boxed:
        chosen |= {"boxes"}
    elif "boxes" in chosen:
        optional["boxes"][rng.random(n) < 0.2] = np.nan
    scores = rng.uniform(0.01, 1, there.shape) * there if "scores" in holds else there
    return Keypoints(xy, scores, kind, **{field: optional[field] for field in chosen})


@st.composite
def sets(draw, name):
    case, known = CASES[name], FORMATS[name]
    kind = draw(st.sampled_from(case.kinds))
    records, instances, sizes = [], 0, st.tuples(st.integers(2, 5000), st.integers(2, 5000))
    of_all = draw(sizes)
    for index in range(draw(st.integers(0, 4))):
        size = of_all if case.video else draw(sizes)
        kps = draw(keypoints(case, kind, known.holds, size))
        crowds = np.sort(np.random.default_rng(index).uniform(0, 9, (draw(st.integers(0, 2)), 2, 2)), axis=1)
        extras = {
            "seconds": index / 25,
            "id": 1000 - index,
            "instance_ids": tuple(range(instances + 1, instances + 1 + len(kps))),
            "crowds": crowds.reshape(-1, 4),
            "crowd_areas": np.arange(100.0, 100 + len(crowds)) if len(crowds) else None,  # not of the boxes
            "split": draw(st.sampled_from(["train", "val"])),
            "group": f"subject {index % 2}",
        }
        instances += len(kps)
        kept = {key: extras[key] for key in EXTRAS if key in known.keeps}
        records.append(Record(kps, "clip.mp4" if case.video else f"{index + 1}.png", size, index, **kept))
    return records


def png(size):
    """The smallest file that says it is a picture of a size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_reading_inverts_writing_to_the_documented_precision(name, data):
    case, records = CASES[name], data.draw(sets(name))
    if case.needs:
        pytest.importorskip(case.needs)
    with tempfile.TemporaryDirectory() as folder:
        for record in records if case.picture else ():
            file = Path(folder) / case.path / case.picture(record)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(png(record.size))
        write(Path(folder) / case.path, records, format=name)
        back = read_records(Path(folder) / case.path, format=name) if records else []
    expected = [case.expected(replace(record, image=case.name(record.image))) for record in records]
    expected, back = (sorted(each, key=lambda record: record.image) for each in (expected, back))
    assert [record.image for record in back] == [record.image for record in expected]
    words = {str(label) for r in records if r.keypoints.labels is not None for label in r.keypoints.labels}
    for record, again in zip(expected, back, strict=True):
        assert_same(record, again, name, labelled=len(words) > 1)


def assert_same(record, again, name, *, labelled):
    case, known = CASES[name], FORMATS[name]
    assert again.size == (record.size if case.sized else None)
    for extra in known.keeps - {"crowds", "crowd_areas"}:
        assert getattr(again, extra) == getattr(record, extra), extra
    if "crowds" in known.keeps:
        np.testing.assert_allclose(again.crowds, record.crowds, rtol=0, atol=2e-3)
    if "crowd_areas" in known.keeps:
        np.testing.assert_array_equal(again.crowd_areas, record.crowd_areas)
    kps, back = record.keypoints, again.keypoints
    assert len(back) == len(kps)
    assert back.skeleton.keypoints == kps.skeleton.keypoints or not len(kps)
    there = np.isfinite(kps.xy).all(axis=2)
    for field, array in kps.arrays().items() if len(kps) else ():
        if field == "visible" and field in known.holds:
            np.testing.assert_array_equal(back.visible[there], array[there])
        elif field == "labels" and field in known.holds:
            assert not labelled or back.labels.tolist() == array.tolist()
        elif field in known.holds:
            atol = 1.01 * 10.0 ** -DECIMALS.get(field, 9)
            np.testing.assert_allclose(_of(back, field, array.shape), array, rtol=0, atol=atol, err_msg=field)
    if "scores" not in known.holds and len(kps):
        np.testing.assert_array_equal(back.scores, there)


def _of(kps, field, shape):
    """A field; where a format leaves one out that says nothing, NaN."""
    value = getattr(kps, field)
    return np.full(shape, np.nan) if value is None else value


def test_every_format_that_can_be_written_is_tried_out():
    assert set(CASES) == {name for name, known in FORMATS.items() if known.writer is not None}


@pytest.mark.parametrize("name", CASES)
def test_what_a_row_does_not_hold_is_said_once_and_no_more(name, tmp_path, rng, caplog):
    """A user who loses ids, crowds, splits or times shall know."""
    case, known = CASES[name], FORMATS[name]
    if case.needs:
        pytest.importorskip(case.needs)
    kind = case.kinds[0]
    kps = Keypoints(
        rng.uniform(1, 9, (1, len(kind), 2)),
        np.full((1, len(kind)), 0.5),
        kind,
        np.ones((1, len(kind)), bool),
        boxes=[[0, 0, 9, 9]],
        box_scores=[0.5],
        areas=[9],
        track_ids=[3],
        xyz=np.ones((1, len(kind), 3)),
        labels=["left"],
    )
    crowds = {"crowds": np.ones((1, 4)), "crowd_areas": np.array([3.0])}
    extras = {"id": 1, "instance_ids": (1,), **crowds, "split": "val", "group": "her"}
    record = Record(kps, "1.png", (9, 9), 1, 0.5, **extras)
    second = replace(record, image="1.png" if case.video else "2.png", index=2, id=2)
    write(tmp_path / case.path, [record, second], format=name)
    said = [message for message in caplog.messages if "cannot hold" in message and "left out" in message]
    dropped = [*sorted(set(FIELDS) - known.holds), *(EXTRAS[key] for key in EXTRAS if key not in known.keeps)]
    assert [message.split("cannot hold ")[1] for message in said] == (
        [f"{', '.join(dropped)}; left out"] if dropped else []
    )
