"""Every format gives back what it says it holds, whatever the keypoints are."""

import logging
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import FORMATS, format_of, open_writer, read, read_records, write
from pinpoint.io.plain import DECIMALS, rounded
from pinpoint.io.records import FIELDS, Record, row_shape
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton

STREAMS = [name for name, known in FORMATS.items() if known.streams]
FULL = [name for name in STREAMS if FORMATS[name].holds == frozenset(FIELDS)]
TARGET = {"coco": "x.json", "openpose": "x", **{name: "x" + FORMATS[name].suffixes[0] for name in FULL}}

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
finite = st.floats(allow_infinity=False)
numbers = {"visible": st.booleans(), "track_ids": st.integers(-1, 2**62), "labels": words}
dtypes = {"visible": np.bool_, "track_ids": np.int64, "labels": np.dtype("<U8")}


@st.composite
def skeletons(draw):
    names = draw(st.lists(words.filter(bool), unique=True, max_size=4))
    edges = tuple(pairwise(names))
    return Skeleton(draw(words.filter(bool)), tuple(names), edges, parts={"all": tuple(names)})


@st.composite
def records(draw, kind):
    n, k = draw(st.integers(0, 3)), len(kind)
    chosen = {"xy", "scores", *draw(st.sets(st.sampled_from(FIELDS)))}
    values = {
        field: draw(
            arrays(
                dtypes.get(field, np.float64), (n, *row_shape(field, k)), elements=numbers.get(field, finite)
            )
        )
        for field in FIELDS
        if field in chosen
    }
    size = draw(st.none() | st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)))
    seconds = draw(st.none() | st.floats(0, 1e6))
    return Record(Keypoints(skeleton=kind, **values), draw(words), size, draw(st.integers(0, 2**40)), seconds)


clips = skeletons().flatmap(lambda kind: st.lists(records(kind), max_size=4))


@pytest.mark.parametrize("name", FULL)
@settings(max_examples=60, deadline=None)
@given(clip=clips)
def test_reading_inverts_writing(name, clip):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / TARGET[name]
        write(path, clip)
        back = read_records(path)
    assert len(back) == len(clip)
    for record, again in zip(clip, back, strict=True):
        assert_same(expected(name, record), again)


def expected(name: str, record: Record) -> Record:
    """What the format documents: rounded text; tables forget fields of which nothing is left to say."""
    kps = record.keypoints
    values = {
        field: rounded(field, array) if name != "parquet" else array for field, array in kps.arrays().items()
    }
    gone = [field for field, array in values.items() if is_gone(name, field, array)]
    return replace(record, keypoints=replace(kps, **values | dict.fromkeys(gone)))


def is_gone(name: str, field: str, array: np.ndarray) -> bool:
    if field in ("xy", "scores") or name in ("json", "jsonl"):
        return False
    blank = (
        array == ""
        if field == "labels"
        else np.isnan(array)
        if array.dtype.kind == "f"
        else np.zeros(array.shape)
    )
    return array.size == 0 or (name == "csv" and bool(blank.all()))


def assert_same(record: Record, again: Record) -> None:
    assert (again.image, again.size, again.index, again.seconds) == (
        record.image,
        record.size,
        record.index,
        record.seconds,
    )
    assert again.keypoints.skeleton.keypoints == record.keypoints.skeleton.keypoints
    theirs, ours = again.keypoints.arrays(), record.keypoints.arrays()
    assert sorted(theirs) == sorted(ours)
    for field, array in ours.items():
        np.testing.assert_array_equal(theirs[field], array, err_msg=field)


@pytest.mark.parametrize("name", ["json", "jsonl", "parquet"])
def test_a_skeleton_of_ones_own_comes_back_whole(name, tmp_path):
    own = Skeleton(
        "kite",
        ("tip", "left", "right"),
        (("tip", "left"),),
        (("left", "right"),),
        (0.1, 0.2, 0.2),
        {"t": ("tip",)},
    )
    write(tmp_path / TARGET[name], people(own))
    assert read(tmp_path / TARGET[name])[0].skeleton == own


@pytest.mark.parametrize("name", ["json", "jsonl", "csv"])
@pytest.mark.parametrize("field", DECIMALS)
def test_text_errs_by_half_its_last_decimal_at_most(name, field, tmp_path, rng):
    kps = people(skeleton("coco17"), rng, n=20)
    write(tmp_path / TARGET[name], kps)
    error = np.abs(getattr(read(tmp_path / TARGET[name])[0], field) - getattr(kps, field)).max()
    half = 0.5 * 10.0 ** -DECIMALS[field]
    assert half / 10 < error <= half * (1 + 1e-9)


@pytest.mark.parametrize("name", STREAMS)
def test_a_field_comes_back_or_is_said_to_be_dropped_once(name, tmp_path, rng, caplog):
    kps = people(skeleton("body25"), rng)
    write(tmp_path / TARGET[name], [kps, kps], format=name)
    back = read(tmp_path / TARGET[name], skeleton("body25"))[0]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    dropped = sorted(set(FIELDS) - FORMATS[name].holds)
    assert set(back.arrays()) == FORMATS[name].holds
    assert [message.split("hold ")[1] for message in said] == (
        [", ".join(dropped) + "; left out"] if dropped else []
    )


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("field", ["xy", "scores", "boxes", "xyz"])
def test_an_infinite_number_is_refused_by_name(name, field, tmp_path, rng):
    kps = people(skeleton("body25"), rng)
    getattr(kps, field)[1, 1] = np.inf
    with pytest.raises(ValueError, match=rf"{field} of instance 1 in frame 7 of 'a.jpg' is infinite"):
        write(tmp_path / TARGET[name], [Record(kps, "a.jpg", index=7)], format=name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_second_skeleton_in_one_file_is_refused(name, tmp_path, rng):
    two = [people(skeleton("coco17"), rng), people(skeleton("body25"), rng)]
    with pytest.raises(ValueError, match=r"has Skeleton\('body25'.*the file holds Skeleton\('coco17'"):
        write(tmp_path / TARGET[name], two, format=name)


@pytest.mark.parametrize("name", STREAMS)
def test_what_was_written_before_an_error_is_kept(name, tmp_path, rng):
    kps = people(skeleton("body25"), rng)
    with pytest.raises(KeyError), open_writer(tmp_path / TARGET[name], format=name) as writer:
        writer.write(Record(kps, "1.jpg"))
        raise KeyError
    np.testing.assert_allclose(read(tmp_path / TARGET[name], skeleton("body25"))[0].xy, kps.xy, atol=5e-4)


@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "coco", "openpose"])
def test_records_are_in_the_file_as_soon_as_they_are_written(name, tmp_path, rng):
    kps = people(skeleton("body25"), rng)
    with open_writer(tmp_path / TARGET[name], format=name) as writer:
        for count in range(1, 4):
            writer.write(Record(kps, f"{count}.jpg"))
            assert len(read(tmp_path / TARGET[name], skeleton("body25"))) == count


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "openpose"])
def test_a_file_of_no_records_is_valid(name, tmp_path):
    write(tmp_path / TARGET[name], [], format=name)
    assert read(tmp_path / TARGET[name]) == []


@pytest.mark.parametrize("name", ["json", "jsonl", "csv"])
def test_a_file_name_that_is_not_unicode_comes_back(name, tmp_path):
    record = Record(people(skeleton("box")), "f\udcff.jpg")
    write(tmp_path / TARGET[name], [record])
    assert read_records(tmp_path / TARGET[name])[0].image == record.image


def test_a_file_of_another_skeleton_than_asked_for_is_refused(tmp_path):
    write(tmp_path / "x.json", people(skeleton("coco17")))
    with pytest.raises(ValueError, match="read it as it is and convert"):
        read(tmp_path / "x.json", skeleton("body25"))


def test_only_jsonl_can_be_continued(tmp_path):
    with pytest.raises(ValueError, match="csv files cannot be continued"):
        open_writer(tmp_path / "x.csv", append=True)


@pytest.mark.parametrize(("path", "name"), [("a.JSON", "json"), ("b/c.ndjson", "jsonl"), ("d.pq", "parquet")])
def test_a_suffix_names_a_format(path, name):
    assert format_of(path) == name


def test_an_unknown_suffix_is_an_error_that_lists_the_known(tmp_path):
    (tmp_path / "x.odd").touch()
    with pytest.raises(ValueError, match=r"x\.odd' ends in none of \.json, \.jsonl"):
        read(tmp_path / "x.odd")


def test_an_unknown_format_is_an_error_that_lists_the_known(tmp_path):
    with pytest.raises(ValueError, match="no format 'yaml'; there are json, jsonl"):
        write(tmp_path / "x", people(skeleton("box")), format="yaml")


DAMAGED = {
    "missing.json": (None, "does not exist"),
    "empty.json": (b"", "empty"),
    "text.json": (b"hello", "not JSON"),
    "cut.json": (b'[{"image_id": 1, "bbox": [1, 2', "line 1 column"),
    "middle.json": (b'[\n{"image_id": 1},\n{"image_id": },\n{"image_id": 3}\n]', "line 3 column"),
    "deep.json": (b"[" * 100_000, "not JSON"),
    "latin.json": (b'{"image": "\xe9"}', "not text in UTF-8.*byte 11"),
    "other.json": (b'{"forms": []}', "of none of these formats: json, "),
    "number.json": (b"3", "of none of these formats: json, "),
    "newer.json": (b'{"format": "pinpoint-keypoints", "version": 99, "records": []}', "version is 99"),
    "headless.json": (b'{"format": "pinpoint-keypoints", "version": 1}', "the header lacks 'records'"),
    "noimage.json": (b'[{"bbox": [1, 2, 3, 4]}]', "result 1 lacks 'image_id'"),
    "pairs.json": (b'[{"image_id": 1, "keypoints": [1, 2]}]', "result 1"),
    "box.json": (b'[{"image_id": 1, "bbox": [1, 2], "score": 1}]', "results 1 to 1"),
    "people.json": (b'{"people": [{"pose_keypoints_2d": [1, 2]}]}', "its people"),
    "dim.json": (
        b'{"images": [], "annotations": [{"image_id": 5}]}',
        "annotation 1: image_id 5 is not among",
    ),
    "empty.jsonl": (b"", "empty"),
    "headless.jsonl": (b'{"image": "a"}\n', "line 1: a record comes before"),
    "list.jsonl": (b"[1]\n", "line 1: it holds"),
    "cut.jsonl": (b'{"format": "pinpoint-\n{}\n', "line 1 is not JSON"),
    "empty.csv": (b"", "empty"),
    "other.csv": (b"a,b\n1,2\n", "no column.*'image'"),
    "scoreless.csv": (b"image,width,height,index,seconds,instance,nose_x,nose_y\n", "no column.*nose_score"),
    "short.csv": (b"image,width,height,index,seconds,instance\na,1,1\nb,1,1,0,,\n", "line 2 has 3 cells"),
    "word.csv": (
        b"image,width,height,index,seconds,instance,area\na,,,0,,0,big\n",
        "line 2: could not convert.*'big'",
    ),
    "empty.parquet": (b"", "empty"),
    "other.parquet": (b"PAR1 and no more", "not a whole Parquet file"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_with_the_place_in_it(name, tmp_path):
    content, reason = DAMAGED[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=reason) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def people(kind: Skeleton, rng=None, n: int = 2) -> Keypoints:
    """Return n instances with every field."""
    rng = rng or np.random.default_rng(0)
    k = len(kind)
    corners = rng.uniform(0, 500, (n, 4)) + np.array([0, 0, 600, 600])
    return Keypoints(
        xy=rng.uniform(1, 1000, (n, k, 2)),
        scores=rng.uniform(0.1, 1, (n, k)),
        skeleton=kind,
        visible=rng.random((n, k)) < 0.5,
        boxes=corners,
        box_scores=rng.uniform(0, 1, n),
        areas=rng.uniform(1, 1e5, n),
        track_ids=np.arange(n),
        xyz=rng.normal(size=(n, k, 3)),
        labels=np.array([f"Zoë, {i}" for i in range(n)]),
    )


@pytest.mark.parametrize("name", ["gone", "gone.csv", "gone.parquet", "gone/keypoints.jsonl"])
def test_what_is_not_there_is_said_to_be_missing_whatever_its_suffix(name, tmp_path):
    with pytest.raises(UnreadableError, match="it does not exist"):
        read(tmp_path / name)


def test_of_a_folder_of_results_the_file_in_it_is_named(tmp_path):
    write(tmp_path / "keypoints.csv", Keypoints.empty(skeleton("coco17")))
    with pytest.raises(UnreadableError, match=r"it is a folder of results: read '.*keypoints\.csv' in it"):
        read(tmp_path)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_a_missing_folder_is_named_as_it_is_for_pictures(suffix, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"cannot write .*: the folder .*nowhere' does not exist"):
        write(tmp_path / "nowhere" / f"a.{suffix}", Keypoints.empty(skeleton("coco17")))
