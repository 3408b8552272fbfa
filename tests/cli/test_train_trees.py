"""`pinpoint train-trees`, from labels to a file that the other commands run."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import pinpoint as pp
from pinpoint.cli.app import app

OPTIONS = ("--levels", "2", "--trees", "5", "--starts", "2")


@pytest.fixture
def labels(tmp_path):
    """Twelve white squares, labelled by two corners."""
    rng = np.random.default_rng(0)
    document = {"images": [], "annotations": []}
    document["categories"] = [{"id": 1, "name": "square", "keypoints": ["first", "last"]}]
    for number in range(1, 13):
        picture = rng.integers(0, 90, (80, 80, 3)).astype(np.uint8)
        x, y = rng.integers(15, 35, 2).tolist()
        picture[y : y + 30, x : x + 30] = 240
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        document["images"].append({"id": number, "file_name": f"{number}.png"})
        keypoints = [x, y, 2, x + 29, y + 29, 2]
        label = {"id": number, "image_id": number, "category_id": 1, "bbox": [x, y, 30, 30]}
        document["annotations"].append(label | {"keypoints": keypoints})
    (tmp_path / "train.json").write_text(json.dumps(document))
    return tmp_path / "train.json"


def run(*arguments):
    return CliRunner().invoke(app, ["train-trees", *map(str, arguments)])


def test_it_writes_a_file_that_load_runs_and_says_how_it_goes(labels, tmp_path):
    out = tmp_path / "squares.npz"
    done = run(labels, "--out", out, *OPTIONS, "--cache", tmp_path / "cache")
    assert done.exit_code == 0
    assert "level 2 of 2: mean error" in done.output
    assert "learnt from 12 instances of train.json" in done.output
    kps = pp.load(out)(pp.read_image(tmp_path / "1.png"))
    assert kps.skeleton.keypoints == ("first", "last") and np.isfinite(kps.xy).all()


@pytest.mark.parametrize(
    ("file", "out", "status", "message"),
    [
        ("gone.json", "mine.npz", 1, "gone.json"),
        ("train.json", "mine.onnx", 2, "does not end in .npz"),
        ("train.json", "no/folder/mine.npz", 1, "does not exist"),
    ],
)
def test_what_cannot_be_done_ends_with_its_status_and_the_reason(
    file, out, status, message, labels, tmp_path
):
    done = run(tmp_path / file, "--out", tmp_path / out, *OPTIONS, "--cache", tmp_path / "cache")
    assert done.exit_code == status
    assert message in done.output


def test_an_interrupted_run_writes_nothing(labels, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pinpoint.training.tree_run.grow_forest", interrupted)
    done = run(labels, "--out", tmp_path / "mine.npz", *OPTIONS, "--cache", tmp_path / "cache")
    assert (done.exit_code, (tmp_path / "mine.npz").exists()) == (130, False)
