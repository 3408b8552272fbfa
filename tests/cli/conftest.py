"""A command line whose model is a fake: one instance in every picture, or one in each box that is given."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.fake_model import PROGRAM, find_one
from pinpoint.cli import estimators
from pinpoint.cli.app import app
from pinpoint.io.images import write_image


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, empty, with a cache of its own that nothing is fetched into."""
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PINPOINT_OFFLINE", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def pinpoint(folder) -> Callable[..., Outcome]:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Outcome:
        result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def detect(pinpoint, monkeypatch) -> Callable[..., Outcome]:
    """Runs `pinpoint detect` with the fake."""
    monkeypatch.setattr(estimators, "load_estimator", lambda choice: find_one)
    return lambda *arguments: pinpoint("detect", *arguments)


@pytest.fixture
def picture(folder) -> Callable[[str], Path]:
    """Writes a grey picture of 64 x 48 to a path below the current folder."""

    def write(name: str, level: int = 128) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.full((48, 64, 3), level, np.uint8))
        return path

    return write


@pytest.fixture
def start(folder) -> Callable[..., subprocess.Popen]:
    """Starts the command line in a process of its own, with a fake that takes its time."""
    running = []

    def run(arguments: Sequence[object], *, seconds: float = 0.0, **options: object) -> subprocess.Popen:
        code = PROGRAM.format(folder=str(Path(__file__).parents[1]), seconds=seconds)
        command = [sys.executable, "-c", code, *map(str, arguments)]
        environment = {**os.environ, "CI": "", "TERM": "xterm", **options.pop("env", {})}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        running.append(subprocess.Popen(command, env=environment, **pipes))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()
