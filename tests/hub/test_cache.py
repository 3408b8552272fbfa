import hashlib
import os
from pathlib import Path

import pytest

from pinpoint.hub import ModelFile, cache_dir
from pinpoint.hub.cache import install, is_intact, path_of, record_of

BODY = b"weights" * 100
KNOWN = ModelFile("known.onnx", "https://example.org/known.onnx", hashlib.sha256(BODY).hexdigest(), len(BODY))
UNKNOWN = ModelFile("unknown.onnx", "https://example.org/unknown.onnx")


def put(file: ModelFile, body: bytes = BODY) -> Path:
    path = path_of(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def later(path: Path) -> None:
    """Clocks of file systems are coarse; a test must not depend on it."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def test_the_environment_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here"
    monkeypatch.setenv("PINPOINT_CACHE", "~/there")
    assert cache_dir() == Path.home() / "there"


def test_without_it_the_system_chooses(monkeypatch):
    monkeypatch.delenv("PINPOINT_CACHE")
    assert cache_dir().name == "pinpoint" and cache_dir().is_absolute()


@pytest.mark.parametrize("file", [KNOWN, UNKNOWN], ids=["hash known", "hash unknown"])
def test_a_file_put_there_by_hand_is_taken(file):
    assert not is_intact(file)
    put(file)
    assert is_intact(file)


@pytest.mark.parametrize("file", [KNOWN, UNKNOWN], ids=["hash known", "hash unknown"])
@pytest.mark.parametrize("damage", [BODY[:-1], BODY[:-1] + b"!", b""], ids=["cut", "changed", "emptied"])
def test_a_file_that_changed_is_not_taken_any_more(file, damage):
    put(file)
    assert is_intact(file)
    later(put(file, damage))
    assert not is_intact(file)


def test_a_wrong_file_put_there_by_hand_is_not_taken():
    put(KNOWN, BODY[::-1])
    assert not is_intact(KNOWN)


def test_a_file_is_hashed_once(monkeypatch):
    put(KNOWN)
    assert is_intact(KNOWN)
    monkeypatch.setattr("pinpoint.hub.cache.sha256_of", lambda path: pytest.fail("hashed again"))
    assert is_intact(KNOWN)


def test_a_hidden_change_is_found_when_asked_to_verify():
    path = put(KNOWN)
    assert is_intact(KNOWN)
    stat = path.stat()
    path.write_bytes(BODY[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert is_intact(KNOWN)
    assert not is_intact(KNOWN, verify=True)


def test_a_new_version_in_the_catalogue_replaces_the_file_of_the_same_name():
    put(KNOWN)
    assert is_intact(KNOWN)
    assert not is_intact(ModelFile(KNOWN.name, KNOWN.source, "0" * 64, KNOWN.bytes))


def test_the_first_file_seen_is_noted_where_nobody_published_a_hash():
    record = record_of(put(UNKNOWN))
    assert record is None and is_intact(UNKNOWN)
    record = record_of(path_of(UNKNOWN))
    assert record is not None and record.sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_damaged_note_costs_a_hash_and_no_more():
    path = put(KNOWN)
    assert is_intact(KNOWN)
    path.with_name("known.onnx.record").write_text("{")
    assert is_intact(KNOWN)


def test_installing_refuses_another_file_and_leaves_the_old_one(tmp_path):
    put(KNOWN)
    (tmp_path / "new").write_bytes(b"not it")
    with pytest.raises(ValueError, match=r"known\.onnx has SHA-256 .* expected"):
        install(KNOWN, tmp_path / "new")
    assert is_intact(KNOWN) and not (tmp_path / "new").exists()
