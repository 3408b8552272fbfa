import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib import util
from pathlib import Path

import pytest
import torch

from pinpoint.cli import train_report, training_extra
from pinpoint.cli.train_report import Telling
from pinpoint.training import train
from pinpoint.training.config import config_from_dict
from shapes import make_shapes

torch.set_num_threads(1)
QUICK = ("--model", "plain-n", "--batch", 4, "--epochs", 2, "--set", "input_size=[96, 96]")
DATA = ("--data", "shapes/shapes.json", *QUICK)


@pytest.fixture
def shapes(folder):
    """Five labelled pictures in the folder `shapes` of the current one."""
    return make_shapes(folder / "shapes", 5)


@pytest.fixture
def run(pinpoint, shapes):
    """Runs `pinpoint train` on the shapes."""
    return lambda *arguments: pinpoint("train", *arguments)


def listing(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def config_of(folder):
    return config_from_dict(tomllib.loads((folder / "config.toml").read_text()))


def test_a_run_leaves_weights_logs_pictures_and_what_is_needed_to_repeat_it(run, folder):
    outcome = run(*DATA, "--out", "a")
    assert outcome.status == 0, outcome.err
    names = ("best.safetensors", "best.json", "last.safetensors", "log.csv", "measures.csv", "run.json")
    assert {*names, "config.toml", "pictures/step-000000.jpg", "pictures/step-000002.jpg"} <= listing(
        folder / "a"
    )
    facts = json.loads((folder / "a/run.json").read_text())
    assert facts["versions"].keys() == {"pinpoint", "python", "torch", "numpy", "opencv"}
    assert facts["data"].keys() == {"shapes/shapes.json", "kept back for validation"}
    assert "see a/best.safetensors" in outcome.err


def test_the_configuration_of_a_run_gives_the_same_run(run, folder):
    assert run(*DATA, "--out", "a").status == 0
    assert run("a/config.toml", "--out", "b").status == 0
    assert config_of(folder / "a") == config_of(folder / "b")
    for name in ("log.csv", "measures.csv"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


def test_the_command_and_the_function_are_the_same_thing(run, folder):
    assert run(*DATA, "--out", "a", "--set", "augmentation.flip=0.25", "--lr", 0.001).status == 0
    source = {"annotations": "shapes/shapes.json", "pictures": ""}
    said = {"model": "plain-n", "data": [source], "batch": 4, "epochs": 2, "samples": 0, "lr": 1e-3}
    train(said | {"input_size": [96, 96], "augmentation": {"flip": 0.25}}, "b")
    assert config_of(folder / "a") == config_of(folder / "b")
    assert (folder / "a/log.csv").read_bytes() == (folder / "b/log.csv").read_bytes()


def test_what_was_not_said_is_shown_with_its_reason_and_used(run, folder):
    outcome = run(*DATA, "--out", "a")
    assert "no keypoint is called left or right" in outcome.err
    assert "input_size" not in outcome.err
    assert config_of(folder / "a").augmentation.flip == 0
    assert config_of(folder / "a").sigmas == (0.05,)


def test_a_dry_run_checks_the_data_and_writes_nothing(run, folder):
    (folder / "shapes/0002.png").unlink()
    outcome = run("--data", "shapes/shapes.json", "--out", "a", "--dry-run")
    assert outcome.status == 0
    assert "warning: shapes.json: 1 of 5 pictures are missing: 0002.png" in outcome.err
    assert "the usual box is" in outcome.err
    assert not (folder / "a").exists()


def pictures_of(folder):
    return config_of(folder).data[0].pictures, config_of(folder).val[0].pictures


@pytest.mark.parametrize("clash", [True, False])
def test_one_folder_for_all_is_not_taken_for_others_of_the_same_names(clash, run, folder):
    """The folder named holds other pictures of these names, or none of them."""
    make_shapes(folder / "other", 3, seed=1)
    if not clash:
        document = json.loads((folder / "other/shapes.json").read_text())
        for image in document["images"]:
            name = image["file_name"]
            image["file_name"] = f"other-{name}"
            (folder / "other" / name).rename(folder / "other" / f"other-{name}")
        (folder / "other/shapes.json").write_text(json.dumps(document))
    outcome = run(*DATA, "--val", "other/shapes.json", "--pictures", "shapes", "--out", "a")
    assert outcome.status == 0, outcome.err
    assert "warning: other/shapes.json has pictures beside it" in outcome.err
    assert "learnt from too" not in outcome.err
    assert pictures_of(folder / "a") == ("shapes", "")


def test_pictures_in_the_folder_that_was_named_come_before_those_beside(run, folder):
    """Nothing else is called as they are, so they are what was meant."""
    document = json.loads((folder / "shapes/shapes.json").read_text())
    for name, part in (("train", slice(0, 3)), ("val", slice(3, 5))):
        (folder / f"{name}.json").write_text(json.dumps(document | _some(document, part)))
    (folder / "0004.png").write_bytes(b"not the one")
    outcome = run("--data", "train.json", *QUICK, "--val", "val.json", "--pictures", "shapes", "--out", "a")
    assert outcome.status == 0, outcome.err
    assert "warning" not in outcome.err
    assert pictures_of(folder / "a") == ("shapes", "shapes")


def _some(document, part):
    return {key: document[key][part] for key in ("images", "annotations")}


def test_pictures_that_are_learnt_from_and_measured_on_are_named(run, folder):
    shutil.copytree(folder / "shapes", folder / "copy")
    for val in ("shapes/shapes.json", "copy/shapes.json"):
        outcome = run(*DATA, "--val", val, "--out", "a", "--dry-run")
        assert "warning: 5 of 5 pictures to measure on are learnt from too" in outcome.err
        assert "0001.png, 0002.png" in outcome.err


def test_a_folder_with_a_run_is_left_alone(run, folder):
    assert run(*DATA, "--out", "a").status == 0
    before = (folder / "a/last.safetensors").read_bytes()
    outcome = run(*DATA, "--out", "a")
    assert outcome.status == 2
    assert "a holds a run already: go on with it (--resume)" in outcome.err
    assert (folder / "a/last.safetensors").read_bytes() == before


def test_a_run_that_is_resumed_refuses_to_be_told_something_else(run, folder):
    assert run(*DATA, "--out", "a").status == 0
    assert run("--out", "a", "--resume").status == 0
    assert run(*DATA, "--out", "a", "--resume").status == 0
    for option, key in (("--lr=0.5", "lr"), ("--set=augmentation.flip=1", "augmentation.flip")):
        outcome = run("--out", "a", "--resume", option)
        assert outcome.status == 2
        assert f"error: {key} is" in outcome.err
    assert len(json.loads((folder / "a/run.json").read_text())["resumed"]) == 2


def test_a_run_goes_on_without_the_weights_that_it_once_started_from(run, folder):
    assert run(*DATA, "--out", "a").status == 0
    weights = (folder / "a/best.safetensors").rename(folder / "w.safetensors")
    assert run(*DATA, "--out", "b", "--weights", weights.name).status == 0
    weights.unlink()
    outcome = run("--out", "b", "--resume")
    assert outcome.status == 0, outcome.err


def test_a_run_whose_data_changed_is_not_resumed(run, folder, shapes):
    assert run(*DATA, "--out", "a").status == 0
    document = json.loads(shapes.read_text())
    for annotation in document["annotations"]:
        annotation["keypoints"][0] += 1
    shapes.write_text(json.dumps(document))
    outcome = run("--out", "a", "--resume")
    assert outcome.status == 2
    assert "shapes/shapes.json" in outcome.err
    assert "changed since the run in a began" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--data", "none.json"), 1, "cannot read"),
        ((), 2, "missing key data: name annotations with --data FILE"),
        (("body-q",), 2, "no recipe 'body-q'"),
        (("none.toml",), 1, "none.toml"),
        (("--out", "a", "--resume"), 2, "a holds no run to go on with"),
        ((*DATA, "--out", "shapes/shapes.json"), 2, "is a file, expected a folder"),
        ((*DATA, "--set", "input_size=[150, 200]"), 2, "an input of 150 x 200 pixels does not fit"),
        (
            (*DATA, "--set", "small_size=[50, 50]", "--set", "small_share=0.5"),
            2,
            "an input of 50 x 50 pixels does not fit, expected multiples of 4",
        ),
        ((*DATA, "--model", "plain-z"), 2, "no architecture 'plain-z'"),
        ((*DATA, "--set", "epoch=3"), 2, "unknown key epoch, did you mean epochs"),
        ((*DATA, "--set", "lr=fast"), 2, "lr is 'fast', expected a number"),
        ((*DATA, "--set", "lr"), 2, "--set lr has no value, expected KEY=VALUE"),
        ((*DATA, "--set", "lr.high=3"), 2, "lr is"),
        ((*DATA, "--pictures", "a", "--pictures", "b"), 2, "--pictures is given 2 times, expected 1"),
        ((*DATA, "--set", "best_by='APP'"), 2, "best_by is 'APP', but the measures are AP"),
    ],
    ids=lambda value: " ".join(map(str, value))[-40:] if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_one_line_and_a_status(arguments, status, message, run):
    outcome = run(*arguments)
    assert message in outcome.err
    assert outcome.status == status
    assert outcome.err.splitlines()[-1].startswith("error: ")


def test_a_run_that_diverges_says_so_and_keeps_what_was(run, folder):
    outcome = run(*DATA, "--out", "a", "--lr", 1e12, "--set", "clip=0", "--set", "warmup=0")
    assert outcome.status == 1
    assert "error: the loss is " in outcome.err
    assert "try a lower lr" in outcome.err
    assert (folder / "a/last.safetensors").exists()


def test_without_torch_the_way_to_it_is_named(run, monkeypatch):
    found = util.find_spec
    monkeypatch.setattr(training_extra, "find_spec", lambda name: None if name == "torch" else found(name))
    outcome = run(*DATA)
    assert outcome.status == 2
    assert 'torch, which are not installed: pip install "pinpoint-keypoints[train]"' in outcome.err


def test_ctrl_c_keeps_everything_and_resume_ends_as_if_nothing_had_happened(run, folder):
    arguments = ["train", *map(str, DATA), "--threads", "1"]
    command = [sys.executable, "-m", "pinpoint", *arguments, "--out", "a"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(folder / "a/log.csv")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (130, 0)  # 0 where the last step was done before the signal came
    assert b"Traceback" not in err
    assert process.returncode == 0 or b"`pinpoint train --out a --resume` goes on from there" in err
    assert run("--out", "a", "--resume").status == 0
    assert run(*DATA, "--out", "b").status == 0
    assert (folder / "a/log.csv").read_bytes() == (folder / "b/log.csv").read_bytes()
    assert (folder / "a/measures.csv").read_bytes() == (folder / "b/measures.csv").read_bytes()


def wait_for(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_measurement_is_one_line_with_loss_rate_and_what_is_left(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(train_report, "say", said.append)
    now = [0.0]
    telling = Telling(batch=8, clock=lambda: now[0])
    telling.begin(steps=100, done=0)
    now[0] = 10.0
    for step, loss in ((1, 2.0), (2, 4.0)):
        telling.step(step, {"loss": loss})
    telling.measured(2, {"AP": 0.5}, [])
    assert said == ["step   2/100  loss 3.0000  2 samples/s  AP 0.500  0:08:10 left"]
