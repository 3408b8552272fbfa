"""Two processes do what one does."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

import train_fake
from fake_task import losses
from pinpoint.training.checkpoint import read_checkpoint
from pinpoint.training.loop import BEST, LAST
from train_fake import fake_run, finish

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder with what two processes did in every case of `train_fake.TOGETHER`."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, train_fake.__file__, "together", str(folder)]
    subprocess.run(command, check=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return folder


def ends(folder):
    return json.loads((folder / "ends.json").read_text())


def alone(folder, **changes):
    finish(fake_run(folder, **changes))
    return folder


def weights(folder, name=LAST):
    tensors, _ = read_checkpoint(folder / name)
    return {key: value.double().numpy() for key, value in tensors.items() if "optimizer" not in key}


def test_an_uneven_batch_gives_what_one_process_gives(runs, tmp_path):
    """In double precision, so that nothing but a wrong sum is left; only the loss itself is a float32."""
    one = alone(tmp_path, batch=7, double=True)
    np.testing.assert_allclose(losses(runs / "uneven"), losses(one), rtol=1e-6)
    found, wanted = weights(runs / "uneven"), weights(one)
    for key in wanted:
        np.testing.assert_allclose(found[key], wanted[key], rtol=1e-6, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("case", ["even", "resumed"])
def test_float32_differs_by_the_rounding_of_sums(case, runs, tmp_path):
    """A sum of 8 in another order is off by 1e-7; AdamW divides it by gradients of any size, 24 times."""
    one = alone(tmp_path)
    np.testing.assert_allclose(losses(runs / case), losses(one), rtol=1e-4)
    for name in (BEST, LAST):
        found, wanted = weights(runs / case, name), weights(one, name)
        for key in wanted:
            np.testing.assert_allclose(found[key], wanted[key], rtol=1e-3, atol=1e-4, err_msg=key)


def test_what_one_process_is_asked_stops_both_after_the_same_step(runs):
    stopped = [(runs / f"resumed/stopped{rank}.txt").read_text() for rank in (0, 1)]
    assert stopped == ["stopped after step 3 of 24"] * 2


def test_a_process_with_nothing_labelled_does_not_hold_up_the_other(runs):
    assert ends(runs / "half") == [0, 0]
    assert losses(runs / "half")[-1] < losses(runs / "half")[0]


def test_both_stop_early_though_only_the_first_measures(runs):
    assert ends(runs / "worsening") == [0, 0]
    first, second = ((runs / f"worsening/progress{rank}.txt").read_text() for rank in (0, 1))
    assert first == second == "Progress(step=12, best=-1, best_step=0, waited=2)"


def test_an_error_in_one_process_ends_both(runs):
    assert ends(runs / "failing") == [1, 1]
    assert "ValueError: no such picture" in (runs / "failing/stderr1.txt").read_text()


def test_fewer_samples_than_processes_are_refused(runs):
    assert ends(runs / "few") == [1, 1]
    words = "batch is 1, expected a sample for each of 2 processes"
    assert words in (runs / "few/stderr0.txt").read_text()


def test_batch_norm_sees_the_samples_of_all_processes_even_where_one_has_none(runs):
    """Torch's own over the whole batch, forward, backward and in its statistics."""
    torch.manual_seed(0)
    whole = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    norm = nn.Sequential(nn.BatchNorm2d(3).double())
    wanted = norm(whole)
    (wanted * wanted.detach().exp()).sum().backward()
    for parts in zip(*(torch.load(runs / f"norms/norms{rank}.pt") for rank in (0, 1)), strict=True):
        found, gradients, of_parameters, states = zip(*parts, strict=True)
        torch.testing.assert_close(torch.cat(found), wanted.detach())
        torch.testing.assert_close(torch.cat(gradients), whole.grad)
        for both, parameter in zip(zip(*of_parameters, strict=True), norm.parameters(), strict=True):
            torch.testing.assert_close(sum(both), parameter.grad)
        for state in states:
            torch.testing.assert_close(dict(state), dict(norm.state_dict()))
