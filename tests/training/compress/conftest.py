"""A small network that learnt a little while, and the pictures that it learnt from."""

from pathlib import Path

import pytest
import torch

from pinpoint.training import train
from pinpoint.training.config import config_from_dict
from shapes import make_shapes

SIZE = (48, 48)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Plain values of a configuration that takes seconds."""
    folder = tmp_path_factory.mktemp("shapes")
    train_file = make_shapes(folder / "train", 32, size=(96, 72))
    val_file = make_shapes(folder / "val", 12, seed=1, size=(96, 72))
    return {
        "model": "plain-n",
        "data": [{"annotations": str(train_file)}],
        "val": [{"annotations": str(val_file)}],
        "input_size": list(SIZE),
        "sigmas": [0.1],
        "samples": 64,
        "batch": 8,
        "lr": 4e-3,
        "warmup": 2,
        "ema": 0.8,
        "val_every": 1000,
        "precision": "float32",
        "propose": False,
    }


@pytest.fixture(scope="session")
def run(plain, tmp_path_factory) -> Path:
    """Folder of a run."""
    out = tmp_path_factory.mktemp("run")
    train(config_from_dict(plain), out, cache=out / "cache")
    return out
