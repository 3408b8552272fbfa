"""A run that is killed, again and again, ends as one that never was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train_fake
from fake_task import told
from pinpoint.training.checkpoint import read_checkpoint
from pinpoint.training.loop import BEST, LAST
from train_fake import KILLED, finish

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")


@pytest.fixture(scope="module", params=KILLED)
def pair(request, tmp_path_factory):
    """Folders of a run that was killed eight times and of one that was not."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, train_fake.__file__, "killed", request.param, str(folder / "killed"), "8"]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"})
    finish(KILLED[request.param](folder / "whole"))
    return folder / "killed", folder / "whole"


def test_it_was_killed_on_the_way(pair):
    lines = (pair[0] / "log.txt").read_text().splitlines()
    assert sum(line.startswith("rewind") and line != "rewind 0" for line in lines) >= 4


def test_losses_and_measures_are_those_of_a_whole_run_to_the_last_bit(pair):
    """Also of the steps that were done again."""
    assert told(pair[0]) == told(pair[1])


@pytest.mark.parametrize("name", [BEST, LAST])
def test_checkpoints_are_those_of_a_whole_run_to_the_last_bit(name, pair):
    (found, facts), (wanted, wanted_facts) = (read_checkpoint(folder / name) for folder in pair)
    assert facts == wanted_facts
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_nothing_half_written_is_left(pair):
    assert {path.name for path in Path(pair[0]).glob(".*")} == set()
