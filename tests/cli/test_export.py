"""`pinpoint export`, and what its files are good for afterwards."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch

import pinpoint as pp
from pinpoint.cli import training_extra
from pinpoint.training import export as exporting
from shapes import make_shapes
from trained import chance_network, write_run

SIZE = (64, 64)


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    return chance_network("plain-n", size=SIZE)


@pytest.fixture
def run(network, folder):
    """A run in `run` that was measured on shapes in `data`."""
    return write_run(folder / "run", *network, make_shapes(folder / "data", 4))


@pytest.fixture
def export(pinpoint, run):
    return lambda *arguments: pinpoint("export", run, *arguments)


def test_a_run_becomes_a_file_that_was_compared_on_its_own_data(export, folder):
    outcome = export("--out", "models/mine.onnx")
    assert outcome.status == 0, outcome.err
    table, wrote, hint = outcome.out.rsplit("\n", 3)[:3]
    assert table.startswith("4 samples")
    assert (wrote, hint) == (
        f"wrote models/mine.onnx ({(folder / 'models/mine.onnx').stat().st_size / 1e6:.1f} MB)",
        "pinpoint detect INPUT --model models/mine.onnx",
    )
    assert [file.name for file in (folder / "models").iterdir()] == ["mine.onnx"]


def test_the_file_of_an_own_object_reads_given_boxes_and_whole_pictures(export, network):
    """Points are the same ones as in the box that is the picture, and they are those of the network."""
    export("--out", "mine.onnx", "--no-gate", "--name", "arrows")
    estimate, picture = pp.load("./mine.onnx"), pp.read_image("data/0001.png")
    whole, given = estimate(picture), estimate(picture, [[-0.5, -0.5, 159.5, 119.5], [20, 20, 90, 90]])
    assert (whole.xy.shape, given.xy.shape) == ((1, 4, 2), (2, 4, 2))
    assert whole.skeleton.keypoints == ("tip", "wing", "barb", "tail")
    np.testing.assert_array_equal(whole.xy[0], given.xy[0])
    assert np.abs(given.xy[0] - given.xy[1]).max() > 1


def test_detect_runs_the_file(export, pinpoint):
    export("--out", "mine.onnx", "--no-gate")
    outcome = pinpoint("detect", "data/0001.png", "--model", "mine.onnx", "--no-draw", "--json-lines", "-")
    assert outcome.status == 0, outcome.err
    assert len(json.loads(outcome.out.splitlines()[1])["xy"][0]) == 4  # behind the line that says what it is


def test_a_file_that_says_something_else_fails_with_the_table_and_is_not_written(
    export, folder, network, monkeypatch
):
    other, _ = chance_network("plain-n", size=SIZE, seed=1)
    write = exporting.export_onnx
    monkeypatch.setitem(
        exporting.WRITERS, ".onnx", lambda _, spec, path, half: write(other, spec, path, half=half)
    )
    outcome = export("--out", "models/mine.onnx")
    assert outcome.status == 1
    assert "point error, 95 % below (px)" in outcome.err
    assert "above the limit" in outcome.err
    assert outcome.err.endswith("error: models/mine.onnx does not say what the network says: not written\n")
    assert list((folder / "models").iterdir()) == []


def test_without_data_it_takes_a_word_to_go_without_the_gate(pinpoint, network, folder):
    write_run(folder / "bare", *network)
    outcome = pinpoint("export", "bare/best.safetensors", "--out", "mine.onnx")
    assert outcome.status == 2
    assert "name labelled pictures with --data, or say --no-gate" in outcome.err
    assert not (folder / "mine.onnx").exists()
    outcome = pinpoint("export", "bare/best.safetensors", "--out", "mine.onnx", "--no-gate")
    assert (outcome.status, outcome.out.splitlines()[0][:16]) == (0, "wrote mine.onnx ")


def test_data_may_be_named(pinpoint, network, folder):
    write_run(folder / "bare", *network)
    labels = make_shapes(folder / "other", 3)
    outcome = pinpoint("export", "bare", "--out", "mine.onnx", "--data", labels, "--samples", 2, "--half")
    assert outcome.status == 0, outcome.err
    assert outcome.out.startswith("2 samples")


@pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra `openvino`")
def test_openvino_files_are_written_and_loaded(export, folder):
    outcome = export("--out", "models/mine.xml", "--half")
    assert outcome.status == 0, outcome.err
    assert sorted(file.name for file in (folder / "models").iterdir()) == ["mine.bin", "mine.xml"]
    kps = pp.load("models/mine.xml")(pp.read_image("data/0001.png"))
    assert kps.xy.shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "mine.tflite"], "onnx2tf wants TensorFlow, 645 MB"),
        (["--out", "mine.onnx", "--format", "tflite"], "TFLite is not written"),
        (["--out", "mine.onnx", "--format", "openvino"], "expected a name that ends in .xml"),
        (["--out", "mine.pt"], "expected a name that ends in .onnx or .xml"),
        (["--out", "mine.onnx", "--format", "coreml"], "expected one of onnx, openvino, tflite"),
    ],
)
def test_what_cannot_be_written_is_wrong_usage(arguments, message, export, folder):
    outcome = export(*arguments)
    assert outcome.status == 2
    assert message in outcome.err
    assert not list(folder.glob("mine*"))


def test_a_folder_without_weights_is_a_failure(pinpoint, folder):
    (folder / "empty").mkdir()
    outcome = pinpoint("export", "empty", "--out", "mine.onnx")
    assert outcome.status == 1
    assert "holds neither best.safetensors nor last.safetensors" in outcome.err


def test_without_the_extra_the_way_to_get_it_is_said(export, monkeypatch):
    monkeypatch.setattr(training_extra, "find_spec", lambda name: None)
    outcome = export("--out", "mine.onnx")
    assert outcome.status == 2
    assert "torch and safetensors and onnx" in outcome.err
    assert 'pip install "pinpoint-keypoints[train]"' in outcome.err


def test_labels_of_another_object_are_wrong_usage(pinpoint, network, folder):
    spec = replace(network[1], skeleton=pp.skeleton("palm7"))
    other, _ = chance_network("plain-n", pp.skeleton("palm7"), size=SIZE)
    write_run(folder / "palm", other, spec)
    labels = make_shapes(folder / "data", 1)
    outcome = pinpoint("export", "palm", "--out", "mine.onnx", "--data", labels)
    assert outcome.status == 2
    assert "share no keypoint" in outcome.err
