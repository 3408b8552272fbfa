import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pinpoint.hub import ModelSpec, catalogue, find, requirements
from pinpoint.hub.cache import is_intact, write_text
from pinpoint.hub.catalogue import added_row, shipped_files
from pinpoint.hub.wheel import WHEELS

FAMILIES = sorted((Path(__file__).parents[2] / "src/pinpoint/hub/catalogue").glob("*.toml"))
NAMES = list(catalogue())
FILES = list(shipped_files())
COMPOSED = [name for name in NAMES if find(name).parts]
FOUND_BY = {"body": "person", "wholebody": "person", "face": "face", "hand": "hand"}


@pytest.mark.parametrize("name", NAMES)
def test_a_row_survives_being_written_into_a_file(name):
    assert ModelSpec.from_json(find(name).to_json()) == find(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_a_user_must_know(name):
    spec = find(name)
    assert spec.license and spec.training_data
    assert spec.metrics_source or not spec.metrics
    assert min(spec.input_size) >= 64 and all(size % 8 == 0 for size in spec.input_size)


@pytest.mark.parametrize("name", NAMES)
def test_the_detector_of_a_row_finds_what_the_row_looks_at(name):
    spec = find(name)
    if spec.detector:
        assert find(spec.detector).task == f"{FOUND_BY[spec.task]}-detector"


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_how_its_outputs_are_read(name):
    """All but those made of other rows, and the two kinds whose outputs are no keypoints."""
    spec = find(name)
    assert (
        spec.codec is not None or spec.parts or spec.task == "segmentation" or name == "mediapipe-hand-recrop"
    )


@pytest.mark.parametrize("name", NAMES)
def test_codec_and_skeleton_agree_in_the_number_of_keypoints(name):
    spec = find(name)
    if isinstance(count := getattr(spec.codec, "keypoints", None), int):
        assert count == len(spec.skeleton or ())


@pytest.mark.parametrize("name", NAMES)
def test_a_model_has_a_file_or_is_made_of_parts(name):
    spec = find(name)
    assert spec.files or spec.parts


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_source_is_an_https_address_a_wheel_we_know_or_the_user(file):
    scheme, _, rest = file.source.partition(":")
    assert scheme in ("https", "wheel", "package", "")
    if scheme == "https":
        assert urlsplit(file.source).path.endswith((".onnx", ".tflite", ".zip"))
        assert (".zip" in file.source) == ("#" in file.source)
    if scheme == "wheel":
        assert rest.partition("/")[0] in WHEELS
        assert file.sha256 and file.bytes


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_hash_is_64_hex_digits_or_empty(file):
    assert re.fullmatch(r"([0-9a-f]{64})?", file.sha256)


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.source.startswith("package:")], ids=lambda file: file.name
)
def test_what_the_package_ships_is_the_file_of_its_row_and_small(file):
    assert is_intact(file, verify=True)
    assert 0 < file.bytes <= 6_000_000


def test_no_two_files_share_a_name_in_the_cache():
    assert len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_names_begin_with_the_name_of_their_family(family):
    """So that looking one model up reads one file."""
    declared = re.findall(r'^\[models\.("?)(.+?)\1\]$', family.read_text("utf-8"), flags=re.MULTILINE)
    assert declared and all(name.startswith(family.stem) for _, name in declared)


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(ValueError, match="did you mean mediapipe-hand-full"):
        find("mediapipe-hand-ful")


@pytest.mark.parametrize("name", ["", "../secret", "RTMPose-m", "a/b", "no-such-model"])
def test_what_cannot_be_a_name_is_no_model(name):
    with pytest.raises(ValueError, match="no model"):
        find(name)


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_model_requires_its_parts_and_their_detector(name):
    needed = [spec.name for spec in requirements(find(name))]
    assert needed[0] == name
    assert {*find(name).parts, find(name).detector} <= set(needed)
    assert len(needed) == len(set(needed))


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("rtmpose-m", {"rtmdet-nano"}),
        ("mediapipe-face68", {"mediapipe-face-short", "mediapipe-face-full"}),
        ("mediapipe-wholebody", {"mediapipe-pose-detector"}),
    ],
)
def test_a_detector_that_is_replaced_is_not_required(name, left_out):
    every = {spec.name for spec in requirements(find(name))}
    assert every - {spec.name for spec in requirements(find(name), own_detector=False)} == left_out


def test_a_row_that_the_user_added_comes_before_the_shipped_one():
    mine = replace(find("yunet"), license="mine")
    write_text(added_row("yunet"), mine.to_json())
    assert find("yunet") == mine == catalogue()["yunet"]
    assert list(catalogue()).count("yunet") == 1


def test_an_added_row_that_cannot_be_read_is_named():
    write_text(added_row("mine"), "{}")
    with pytest.raises(ValueError, match=r"mine\.json cannot be read"):
        find("mine")
