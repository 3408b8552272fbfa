"""What only shows from outside: pipes, signals, terminals, and what a start loads."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from cli.fake_model import PROGRAM
from odd_inputs import make_video, picture
from pinpoint.io.formats import read
from pinpoint.io.images import write_image

LOADED = """
import sys
sys.argv = {argv!r}
try:
    from pinpoint.cli import main
    main()
except SystemExit:
    print(sorted(sys.modules), file=sys.stderr)
"""
HEAVY = ("torch", "onnxruntime", "ai_edge_litert", "av", "pyarrow", "matplotlib", "PIL", "rich")


def in_process(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True
    )


def wait_for_lines(path, count, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not get {count} lines")


@pytest.mark.parametrize("module", [*HEAVY, "numpy"])
def test_help_does_not_load(module, help_modules):
    assert f"'{module}'" not in help_modules


@pytest.fixture(scope="module")
def help_modules():
    code = LOADED.format(argv=["pinpoint", "--help"])
    return in_process(code, ".").stderr


@pytest.mark.parametrize("module", HEAVY)
def test_detecting_in_a_picture_does_not_load(module, picture_modules):
    assert f"'{module}'" not in picture_modules


@pytest.fixture(scope="module")
def picture_modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("light")
    write_image(folder / "people.jpg", picture())
    code = PROGRAM.format(folder=str(Path(__file__).parents[1]), seconds=0).replace("main()", "")
    code += LOADED.format(argv=["pinpoint", "detect", "people.jpg"])
    return in_process(code, folder).stderr


def test_the_package_is_a_program_too():
    done = subprocess.run(
        [sys.executable, "-m", "pinpoint", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("pinpoint ")


def test_a_closed_pipe_ends_quietly(start, folder):
    make_video(folder / "clip.mp4")
    process = start(["detect", "clip.mp4", "--no-draw", "--json-lines", "-"], seconds=0.01)
    assert json.loads(process.stdout.readline())["format"] == "pinpoint-keypoints"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(30)) == (b"", 0)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_finishes_files_and_says_so(number, status, start, folder):
    make_video(folder / "clip.mp4")
    process = start(["detect", "clip.mp4", "--out", "out", "--json-lines", "k.jsonl"], seconds=0.2)
    wait_for_lines(folder / "k.jsonl", 3)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    count = len(read(folder / "k.jsonl"))
    assert process.returncode == status
    assert f"stopped: {count} frames".encode() in err
    assert b"Traceback" not in err
    with av.open(str(folder / "out/clip.mp4")) as drawn:
        assert sum(1 for _ in drawn.decode(video=0)) == count < 50


def test_a_killed_run_leaves_whole_lines(start, folder):
    make_video(folder / "clip.mp4")
    process = start(["detect", "clip.mp4", "--no-draw", "--json-lines", "k.jsonl"], seconds=0.01)
    wait_for_lines(folder / "k.jsonl", 3)
    process.kill()
    process.communicate()
    lines = (folder / "k.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) - 1 == len(read(folder / "k.jsonl")) >= 2


@pytest.mark.parametrize(
    ("terminal", "ci", "shown"), [(True, "", True), (True, "true", False), (False, "", False)]
)
def test_a_bar_is_shown_to_whoever_watches(terminal, ci, shown, start, folder):
    make_video(folder / "clip.mp4")
    leader, follower = pty.openpty()
    options = {"stderr": follower} if terminal else {}
    process = start(["detect", "clip.mp4", "--no-draw"], seconds=0.03, env={"CI": ci}, **options)
    os.close(follower)
    output = b"".join(read_terminal(leader)) if terminal else process.stderr.read()
    os.close(leader)
    assert process.wait(30) == 0
    assert (b"/50" in output) == shown
    assert b"50 frames, 50 people" in output


def read_terminal(leader):
    while True:
        try:
            yield os.read(leader, 4096)
        except OSError:  # what Linux says when the other side is closed
            return


@pytest.mark.parametrize("command", [(), ("models",)], ids=str)
def test_the_help_of_commands_fits_a_terminal_and_promises_what_there_is(command, pinpoint):
    text = pinpoint(*command, "--help").out
    assert "..." not in text.partition("Commands:")[2]
    assert "animals" not in text
