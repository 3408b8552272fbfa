import hashlib
import os
import sys
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from pinpoint.hub import ModelFile, ModelSpec, PullError, catalogue, find, pull
from pinpoint.hub.wheel import WHEELS, Wheel

PULL = import_module("pinpoint.hub.pull")
WHEEL = import_module("pinpoint.hub.wheel")
MEMBERS = {"toy/a.tflite": b"a" * 1000, "toy/b.tflite": b"b" * 2000, "toy/code.py": b"raise SystemExit"}
INFO = {
    "toy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
    "toy-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\n"
    "Tag: cp311-cp311-manylinux_2_28_x86_64\n",
    "toy-1.0.dist-info/RECORD": "",
}


def spec_of(name: str) -> ModelSpec:
    body = MEMBERS[f"toy/{name}"]
    file = ModelFile(name, f"wheel:toy==1.0/toy/{name}", hashlib.sha256(body).hexdigest(), len(body))
    return ModelSpec(name=name[0], task="body", pipeline="top-down", input_size=(64, 64), files=(file,))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A wheel for another platform than most, on a package index that is a folder."""
    path = tmp_path / "index" / "toy-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in (MEMBERS | INFO).items():
            archive.writestr(name, body)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    sha256, size = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    monkeypatch.setitem(WHEELS, "toy==1.0", Wheel("3.11", "manylinux_2_28_x86_64", sha256, size))
    monkeypatch.setattr(
        PULL, "shipped_files", lambda: [spec_of(n).files[0] for n in ("a.tflite", "b.tflite")]
    )
    return path


def test_one_download_serves_every_row_and_leaves_nothing_else(index, cache, monkeypatch):
    pull(spec_of("a.tflite"))
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    assert pull(spec_of("b.tflite"))["b.tflite"].read_bytes() == MEMBERS["toy/b.tflite"]
    kept = {file.name for file in cache.rglob("*") if file.suffix not in (".record", ".lock")}
    assert kept == {"models", "a.tflite", "b.tflite"}


def test_the_pip_that_python_carries_will_do(index, monkeypatch):
    carried = find_spec("ensurepip")
    monkeypatch.setattr(WHEEL, "find_spec", lambda name: None if name == "pip" else carried)
    if not list(Path(carried.origin).parent.glob("_bundled/pip-*.whl")):  # Debian's Python has it elsewhere
        pytest.skip("this Python carries no pip")
    assert pull(spec_of("a.tflite"))["a.tflite"].read_bytes() == MEMBERS["toy/a.tflite"]


def test_without_any_pip_the_error_says_so(index, monkeypatch):
    monkeypatch.setattr(WHEEL, "find_spec", lambda name: None)
    with pytest.raises(PullError, match="there is no pip"):
        pull(spec_of("a.tflite"))


def test_another_wheel_of_the_same_name_is_refused(index, cache, monkeypatch):
    monkeypatch.setitem(WHEELS, "toy==1.0", Wheel("3.11", "manylinux_2_28_x86_64", "0" * 64, 1))
    with pytest.raises(PullError, match=rf"toy-1.0.*SHA-256 .* expected {'0' * 64}"):
        pull(spec_of("a.tflite"))
    assert not list(cache.rglob("*.tflite"))


def test_what_pip_says_is_told(index, monkeypatch):
    index.unlink()
    with pytest.raises(PullError, match=r"pip could not fetch toy==1\.0: ERROR.*toy==1\.0"):
        pull(spec_of("a.tflite"))


def test_without_a_network_that_is_what_is_told(index, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # where nobody listens
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_RETRIES", "1")
    index.unlink()
    with pytest.raises(PullError, match=r"no network: pip could not fetch toy==1\.0\. Either"):
        pull(spec_of("a.tflite"))


def test_progress_ends_at_the_size_of_the_wheel(index):
    seen = []
    pull(spec_of("a.tflite"), lambda *step: seen.append(step))
    size = index.stat().st_size
    assert seen[-1] == (size, size, "toy==1.0 (wheel)")


@pytest.mark.network
def test_a_folder_that_pip_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
    def vanishing(folder, pattern):
        (tmp_path / "first.whl").write_bytes(b"1234")
        yield tmp_path / "first.whl"
        raise FileNotFoundError(folder / "pip-unpack")

    monkeypatch.setattr(Path, "rglob", vanishing)
    assert WHEEL._bytes_in(tmp_path) == 4


def test_mediapipe_gives_every_file_that_the_catalogue_names(monkeypatch):
    rows = [find(name) for name in catalogue() if name.startswith("mediapipe-")]
    pull(rows[0])
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    paths = [path for row in rows for path in pull(row, verify=True).values()]
    assert len(paths) >= 13 and all(path.is_file() for path in paths)
    assert "mediapipe" not in sys.modules


@pytest.mark.network
def test_every_network_in_mediapipes_wheel_has_a_row_but_the_one_that_does_not_run(tmp_path):
    """Attention meshes need operators of Google's own that LiteRT lacks."""
    wheel = WHEEL.download_wheel("mediapipe==0.10.21", tmp_path, lambda *step: None)
    with zipfile.ZipFile(wheel) as archive:
        there = {name for name in archive.namelist() if name.endswith(".tflite")}
    sources = [file.source for name in catalogue() for file in find(name).files]
    rows = {source.partition("/")[2] for source in sources if source.startswith("wheel:")}
    assert there - rows == {"mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"}
