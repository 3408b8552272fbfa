import json
from importlib import util

import onnx
import pytest
from onnx import TensorProto, helper

from pinpoint.cli import estimators, training_extra
from pinpoint.hub import PullError, catalogue, find, requirements
from pinpoint.hub.cache import path_of


@pytest.fixture
def pulled(monkeypatch):
    """The names of what is pulled; nothing is fetched."""
    names = []

    def pull(spec, progress, *, verify):
        assert verify, "whoever pulls by hand wants to be sure"
        names.append(spec.name)
        for done in (1_000_000, 2_000_000):
            progress(done, 2_000_000, f"{spec.name}.tflite")

    monkeypatch.setattr(estimators, "pull", pull)
    return names


@pytest.fixture
def own_model(folder):
    """A network of the form of RTMPose-t that computes nothing."""
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 256, 192]) for name in ("input", "out")
    ]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["out"])], "own", tensors[:1], tensors[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.save(model, folder / "Mine.onnx")


def test_the_list_has_every_model_and_its_task(pinpoint):
    lines = pinpoint("models", "list").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [[s.name, s.task] for s in catalogue().values()]


def _comes_along(name):
    """Whether all of a model is part of the package, whoever finds the instances for it."""
    needed = [file.source for spec in requirements(find(name), own_detector=False) for file in spec.files]
    return all(source.startswith("package:") for source in needed)


def test_the_list_is_json_for_programs(pinpoint):
    rows = json.loads(pinpoint("models", "list", "--json").out)
    assert [row["name"] for row in rows] == list(catalogue())
    here = [row["name"] for row in rows if row["here"]]
    assert here == [name for name in catalogue() if _comes_along(name)]


def test_a_composed_model_is_here_when_all_its_parts_are(pinpoint):
    def here(name):
        rows = json.loads(pinpoint("models", "list", "--json").out)
        return next(row["here"] for row in rows if row["name"] == name)

    for part in ("mediapipe-face-mesh", "mediapipe-iris"):
        assert not here("mediapipe-face-iris")
        path = path_of(find(part).files[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"weights")
    assert here("mediapipe-face-iris") and here("mediapipe-face68")


def test_a_card_names_the_licence_and_the_training_data(pinpoint):
    card = pinpoint("models", "info", "mediapipe-pose-full").out
    assert "Apache-2.0" in card
    assert "training data  " in card
    assert json.loads(pinpoint("models", "info", "mediapipe-pose-full", "--json").out)["task"] == "body"


@pytest.mark.parametrize("command", ["info", "pull", "remove"])
def test_a_misspelt_model_is_wrong_usage_and_a_better_name_is_offered(command, pinpoint):
    outcome = pinpoint("models", command, "mediapipe-pose-ful")
    assert outcome.status == 2
    assert "did you mean mediapipe-pose-full" in outcome.err


def test_a_model_is_pulled_with_its_detector_and_each_file_said_once(pinpoint, pulled):
    outcome = pinpoint("models", "pull", "mediapipe-pose-full")
    assert pulled == ["mediapipe-pose-full", "mediapipe-pose-detector"]
    assert outcome.out.splitlines() == ["mediapipe-pose-full is here", "mediapipe-pose-detector is here"]
    assert outcome.err.splitlines() == [f"fetching {name}.tflite (2.0 MB)" for name in pulled]


def test_the_card_of_a_task_is_that_of_its_model(pinpoint):
    outcome = pinpoint("models", "info", "body")
    assert outcome.out == pinpoint("models", "info", "body-s").out
    assert outcome.err == "body is a task; its default model is body-s\n"


def test_a_task_stands_for_its_model(pinpoint, pulled):
    pinpoint("models", "pull", "hand", "face")
    assert {"mediapipe-hand-full", "mediapipe-face-mesh"} < set(pulled)


def test_a_failed_pull_is_status_1_without_a_traceback(pinpoint, monkeypatch):
    def pull(spec, progress, *, verify):
        raise PullError("there is no network")

    monkeypatch.setattr(estimators, "pull", pull)
    outcome = pinpoint("models", "pull", "mediapipe-pose-full")
    assert (outcome.status, outcome.err) == (1, "error: there is no network\n")


def test_a_file_of_ones_own_becomes_a_model_until_it_is_removed(pinpoint, own_model):
    assert pinpoint("models", "add", "Mine.onnx", "--like", "rtmpose-t").status == 0
    assert find("mine").skeleton.name == "coco17"
    assert pinpoint("models", "list").out.splitlines()[1].split()[0] == "mine"
    assert pinpoint("models", "remove", "mine").status == 0
    assert "mine" not in catalogue()


def test_whoever_adds_a_model_is_told_that_its_detector_is_not_here(pinpoint, own_model):
    outcome = pinpoint("models", "add", "Mine.onnx", "--like", "rtmpose-t")
    assert "pinpoint models pull rtmdet-nano" in outcome.out
    path = path_of(find("rtmdet-nano").files[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    assert "rtmdet-nano" not in pinpoint("models", "add", "Mine.onnx", "--like", "rtmpose-t").out


@pytest.mark.parametrize("arguments", [("Mine.onnx",), ("missing.onnx", "--like", "rtmpose-t")], ids=" ".join)
def test_what_cannot_be_added_is_wrong_usage(arguments, pinpoint, own_model):
    outcome = pinpoint("models", "add", *arguments)
    assert outcome.status == 2
    assert outcome.err.startswith("error: ")
    assert ("--like NAME" in outcome.err) == ("--like" not in arguments)


def test_a_misspelt_architecture_is_wrong_usage_and_a_better_name_is_offered(pinpoint):
    outcome = pinpoint("models", "info", "hrnet-w31")
    assert (outcome.status, outcome.out) == (2, "")
    assert "architectures of a name like it: hrnet-w32" in outcome.err


@pytest.mark.parametrize("arguments", [("list", "--architectures"), ("info", "hrnet-w32")], ids=" ".join)
def test_without_torch_the_way_to_architectures_is_named(arguments, pinpoint, monkeypatch):
    found = util.find_spec
    monkeypatch.setattr(training_extra, "find_spec", lambda name: None if name == "torch" else found(name))
    outcome = pinpoint("models", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert 'pip install "pinpoint-keypoints[train]"' in outcome.err


def test_info_counts_what_a_network_costs(pinpoint):
    facts = json.loads(pinpoint("models", "info", "mobile-s", "--json").out)["architecture"]
    assert facts["parameters"] == 2_320_665
    assert facts["outputs"] == [[1, 17, 48, 40]]
    assert 0.19 < facts["gflops"] < 0.21


def test_info_shows_a_row_of_the_catalogue_and_its_network_together(pinpoint):
    lines = dict(line.split(maxsplit=1) for line in pinpoint("models", "info", "rtmpose-m").out.splitlines())
    assert lines["license"].startswith("Apache-2.0")
    assert lines["network"] == "rtmpose-m, top-down"
    assert lines["parameters"].startswith("13.59 M")
    assert (lines["keypoints"], lines["loss"]) == ("17 (coco17)", "simcc-kl")


def test_architectures_are_listed_by_name(pinpoint):
    from pinpoint.models import ARCHITECTURES

    assert pinpoint("models", "list", "--architectures").out.split() == list(ARCHITECTURES)
