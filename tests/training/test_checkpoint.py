import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pinpoint.training.checkpoint import grouped, prefixed, read_checkpoint, read_facts, write_checkpoint

# A limit on the size of files stands for a full disk: the write fails half-way, with an error of the system.
FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from pinpoint.training.checkpoint import write_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
write_checkpoint(Path(sys.argv[1]), {"a": torch.zeros(1_000_000)}, {"step": 2})
"""


@pytest.fixture
def path(tmp_path):
    """A checkpoint that is there already."""
    write_checkpoint(tmp_path / "last.safetensors", {"a": torch.arange(3)}, {"step": 1})
    return tmp_path / "last.safetensors"


def files(path):
    return {file.name for file in path.parent.iterdir()}


def test_what_is_written_is_read(tmp_path):
    """In any layout and type; the folder is made."""
    tensors = {
        "a": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "b": torch.tensor(7),
        "c": torch.randn(3).bfloat16(),
        "d": torch.randn(4, 4).T,
    }
    facts = {"step": 3, "words": "Größe", "list": [1, 2.5, None]}
    write_checkpoint(tmp_path / "new" / "x.safetensors", tensors, facts)
    found, said = read_checkpoint(tmp_path / "new" / "x.safetensors")
    assert said == facts == read_facts(tmp_path / "new" / "x.safetensors")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_facts_stand_beside_it_for_people(path):
    assert json.loads(path.with_suffix(".json").read_text("utf-8")) == {"step": 1}


def test_weights_of_another_origin_have_no_facts(tmp_path):
    save_file({"w": torch.ones(2)}, tmp_path / "other.safetensors", metadata={"format": "pt"})
    tensors, facts = read_checkpoint(tmp_path / "other.safetensors")
    assert facts == {}
    assert tensors["w"].tolist() == [1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_full_disk_is_said_and_leaves_the_old_file(path):
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)
    assert f"OSError: {path} cannot be written, and is left as it was" in done.stderr
    assert read_checkpoint(path)[0]["a"].tolist() == [0, 1, 2]
    assert files(path) == {"last.safetensors", "last.json"}


def test_a_write_that_ends_half_way_leaves_the_old_file(path, monkeypatch):
    """As a kill does: what was begun is not looked at, and gone after the next write."""
    path.with_name(f".{path.name}.part").write_bytes(path.read_bytes()[:40])
    assert read_checkpoint(path)[1] == {"step": 1}
    write_checkpoint(path, {"a": torch.zeros(3)}, {"step": 2})
    assert read_checkpoint(path)[1] == {"step": 2}
    assert files(path) == {"last.safetensors", "last.json"}


def test_the_name_changes_hands_only_once_the_bytes_are_on_the_disk(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    write_checkpoint(path, {"a": torch.zeros(1000)}, {})
    assert synced[0] == path.stat().st_size > 4000


@pytest.mark.parametrize("data", [b"", b"\x08", b"not a checkpoint at all", bytes(100)], ids=len)
def test_a_file_of_another_kind_is_refused(data, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.safetensors is not a safetensors file"):
        read_checkpoint(tmp_path / "x.safetensors")


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_facts(tmp_path / "x.safetensors")


def test_groups_are_taken_apart_as_they_were_put_together(rng):
    one = {"a.b": torch.from_numpy(rng.normal(size=3)), "c": torch.tensor(1)}
    both = {**prefixed("one", one), **prefixed("one2", {"a.b": torch.zeros(1)})}
    found = grouped(both, "one")
    assert found.keys() == one.keys()
    np.testing.assert_array_equal(found["a.b"], one["a.b"])
