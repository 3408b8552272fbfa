"""Weights in another network: equal tensors are taken, keypoints go where their names are."""

import copy
import logging
import os
from dataclasses import replace
from functools import cache

import pytest
import torch

from pinpoint.hub import ModelSpec
from pinpoint.models import architecture
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.build import build_task
from pinpoint.training.checkpoint import write_checkpoint
from pinpoint.training.config import config_from_dict
from pinpoint.training.transfer import load_weights, read_weights
from shapes import KEYPOINTS, make_shapes

COCO = skeleton("coco17")
OWN = Skeleton("own", ("handle", "left_knee", "tip", "nose", "edge"))
FAMILIES = ["plain-n", "rtmpose-t", "plain-one-n"]
SIZES = {"plain-n": (48, 64), "rtmpose-t": (64, 64), "plain-one-n": (64, 64)}


def made(name, columns, seed=0, size=None):
    """A network of weights by chance, and its codec."""
    network, codec = _made(name, columns, seed, size)
    return copy.deepcopy(network), codec


@cache
def _made(name, columns, seed, size):
    torch.manual_seed(seed)
    kind = architecture(name)
    codec = kind.codec(size or SIZES[name])
    if name == "plain-one-n":
        codec = replace(codec, keypoints=len(columns))
    network = kind.build(codec, len(columns)).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # heads that start at 0 would agree on everything
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network, codec


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)


def spec_of(name, columns, codec):
    kind = architecture(name)
    task = {"pipeline": kind.pipeline, "task": "body", "skeleton": columns}
    return ModelSpec(name=name, codec=codec, input_size=SIZES[name], **task)


def written(folder, name, columns, seed=0):
    """The best weights of a run."""
    network, codec = made(name, columns, seed)
    facts = {"model": name, "step": 1, "spec": spec_of(name, columns, codec).to_dict()}
    write_checkpoint(folder / "best.safetensors", network.state_dict(), facts)
    return network


def rows_of(network, columns, keypoint):
    """The parameters of one keypoint, as one vector."""
    state, place = network.state_dict(), columns.index(keypoint)
    groups = network.keypoint_parameters.items()
    return torch.cat([state[n][place * rows : (place + 1) * rows].flatten() for n, rows in groups])


@pytest.mark.parametrize("name", FAMILIES)
def test_keypoints_of_both_skeletons_are_carried_by_name(name, tmp_path):
    source = written(tmp_path, name, COCO)
    before, _ = made(name, OWN, seed=1)
    network, _ = made(name, OWN, seed=1)
    transfer = load_weights(network, tmp_path / "best.safetensors", OWN)
    assert transfer.carried == ("left_knee", "nose") and transfer.fresh == ("handle", "tip", "edge")
    assert not transfer.left and not transfer.unused
    for keypoint in OWN.keypoints:
        old = (source, COCO) if keypoint in COCO else (before, OWN)
        assert torch.equal(rows_of(network, OWN, keypoint), rows_of(*old, keypoint))


@pytest.mark.parametrize("name", FAMILIES)
def test_everything_but_the_keypoints_is_taken_as_it_is(name, tmp_path):
    source = written(tmp_path, name, COCO)
    network, _ = made(name, OWN, seed=1)
    transfer = load_weights(network, tmp_path, OWN)
    own = network.state_dict()
    assert set(transfer.taken) == set(own) - set(network.keypoint_parameters)
    assert all(torch.equal(own[tensor], source.state_dict()[tensor]) for tensor in transfer.taken)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_keypoints_in_another_order_are_predicted_the_same(name, tmp_path):
    source, codec = written(tmp_path, name, COCO), made(name, COCO)[1]
    order = torch.randperm(17, generator=torch.Generator().manual_seed(3))
    turned = Skeleton("turned", tuple(COCO.keypoints[i] for i in order))
    network, _ = made(name, turned, seed=1)
    load_weights(network, tmp_path, turned)
    images = torch.randn(2, 3, codec.input_size[1], codec.input_size[0])
    with torch.inference_mode():
        pairs = list(zip(source(images), network(images), strict=True))
    for old, new in pairs:
        axis = old.shape.index(17) if 17 in old.shape else None
        expected = old if axis is None else old.index_select(axis, order)
        torch.testing.assert_close(new, expected, rtol=1e-4, atol=1e-4)  # sums in another order
        assert axis is None or not torch.allclose(old, expected, rtol=1e-3, atol=1e-3)


def test_heads_that_depend_on_the_input_size_are_left_and_it_is_said(tmp_path):
    written(tmp_path, "rtmpose-t", COCO)
    network, _ = made("rtmpose-t", COCO, seed=1, size=(64, 96))
    transfer = load_weights(network, tmp_path, COCO)
    assert transfer.carried == COCO.keypoints
    assert transfer.left["head.mlp.1.weight"] == "256x4 there, 256x6 here"
    assert set(transfer.left) == {"head.mlp.0.g", "head.mlp.1.weight", "head.cls_y.weight"} - {"head.mlp.0.g"}


def test_a_fully_convolutional_network_takes_another_input_size(tmp_path):
    written(tmp_path, "plain-n", COCO)
    network, _ = made("plain-n", COCO, seed=1, size=(96, 128))
    assert not load_weights(network, tmp_path, COCO).left


@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_other_programs_are_read(wrap, prefix, tmp_path):
    """Without names 17 rows are those of COCO."""
    source, _ = made("plain-n", COCO)
    state = {prefix + tensor: value for tensor, value in source.state_dict().items()}
    torch.save(wrap(state), tmp_path / "foreign.pth")
    network, _ = made("plain-n", OWN, seed=1)
    assert load_weights(network, tmp_path / "foreign.pth", OWN).carried == ("left_knee", "nose")


def test_names_that_are_said_are_those_of_the_source():
    source, _ = made("plain-n", OWN)
    network, _ = made("plain-n", COCO, seed=1)
    names = ("a", "b", "c", "d", "left_wrist")
    transfer = load_weights(network, source.state_dict(), COCO, names)
    assert transfer.carried == ("left_wrist",)
    assert torch.equal(rows_of(network, COCO, "left_wrist"), rows_of(source, OWN, "edge"))


def test_keypoints_that_nobody_names_are_not_guessed():
    """No skeleton of the package has eight keypoints."""
    eight = Skeleton("eight", tuple("abcdefgh"))
    network, _ = made("plain-n", eight, seed=1)
    transfer = load_weights(network, made("plain-n", eight)[0].state_dict(), eight)
    assert transfer.left["head.weight"] == "the names of its keypoints are not known"
    assert transfer.fresh == eight.keypoints


def test_the_running_mean_of_a_whole_state_is_preferred():
    source, _ = made("plain-n", COCO)
    state = source.state_dict()
    both = {f"network.{n}": v + 1 for n, v in state.items()} | {f"average.{n}": v for n, v in state.items()}
    network, _ = made("plain-n", COCO, seed=1)
    load_weights(network, both, COCO)
    assert torch.equal(network.head.weight, source.head.weight)


def test_the_backbone_of_a_detector_starts_a_one_stage_network():
    detector = architecture("plain-det-n")
    source = detector.build(detector.codec((64, 64)), 0)
    network, _ = made("plain-one-n", OWN, seed=1)
    transfer = load_weights(network, source.state_dict(), OWN)
    assert "backbone.stages.0.0.0.weight" in transfer.taken
    assert transfer.carried == () and transfer.left["heads.0.points.1.weight"] == "not there"


def test_weights_of_another_network_are_refused_with_what_differs():
    source, _ = made("rtmpose-t", COCO)
    network, _ = made("plain-n", OWN)
    with pytest.raises(
        ValueError, match=r"no weights of tensors fit .*\(not there\).*; it is offered backbone"
    ):
        load_weights(network, source.state_dict(), OWN)


def test_weights_of_another_width_are_refused_with_the_shapes():
    network, _ = made("plain-n", COCO)
    wide, _ = made("plain-n", COCO)
    state = {
        name: torch.cat([value, value]) if value.ndim else value for name, value in wide.state_dict().items()
    }
    with pytest.raises(
        ValueError, match=r"backbone\.stages\.0\.0\.0\.weight \(32x3x3x3 there, 16x3x3x3 here\)"
    ):
        load_weights(network, {n: v for n, v in state.items() if not n.startswith("head")}, COCO)


def test_the_table_says_what_became_of_everything(tmp_path):
    written(tmp_path, "rtmpose-t", COCO)
    network, _ = made("rtmpose-t", OWN, seed=1, size=(64, 96))
    table = str(load_weights(network, tmp_path / "best.safetensors", OWN))
    assert f"weights     {tmp_path / 'best.safetensors'}" in table
    assert "by name     left_knee, nose" in table and "from chance handle, tip, edge" in table
    assert "left        head.mlp.1.weight (256x4 there, 256x6 here)" in table


def test_a_run_starts_from_the_weights_that_its_configuration_names(tmp_path, caplog):
    source = written(tmp_path / "first", "plain-n", Skeleton("first", ("tail", "tip")))
    make_shapes(tmp_path, 4)
    plain = {"model": "plain-n", "data": [{"annotations": "shapes.json"}], "input_size": [48, 64]}
    config = config_from_dict(plain | {"weights": str(tmp_path / "first")})
    caplog.set_level(logging.INFO, "pinpoint")
    task = build_task(config, tmp_path, tmp_path / "cache")
    assert "by name     tip, tail" in caplog.text
    arrow = Skeleton("arrow", KEYPOINTS)
    assert torch.equal(
        rows_of(task.network, arrow, "tip"), rows_of(source, Skeleton("a", ("tail", "tip")), "tip")
    )


class Sly:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_a_file_that_holds_more_than_tensors_is_refused(tmp_path, capsys):
    torch.save({"state_dict": {}, "more": Sly()}, tmp_path / "sly.pth")
    with pytest.raises(ValueError, match=r"sly\.pth is damaged, or holds more than tensors"):
        load_weights(made("plain-n", OWN)[0], tmp_path / "sly.pth", OWN)
    assert capsys.readouterr().out == ""


def test_what_a_file_holds_beside_tensors_is_named_without_advice_to_run_it(tmp_path):
    torch.save({"state_dict": {}, "more": Sly()}, tmp_path / "sly.pth")
    with pytest.raises(ValueError, match=r"\(.*print.*\): fetch it again, or save") as refused:
        load_weights(made("plain-n", OWN)[0], tmp_path / "sly.pth", OWN)
    assert "weights_only" not in str(refused.value)


def spoilt(path, way):
    torch.save({"a": torch.ones(40, 40)}, path, _use_new_zipfile_serialization=way != "old")
    whole = path.read_bytes()
    return {"empty": b"", "text": b"hello\n", "cut": whole[:3000], "old": whole[:30]}.get(way, way.encode())


@pytest.mark.parametrize("way", ["empty", "text", "cut", "old", "abc", "Gabc", "<!DOCTYPE html>", "name,x,y"])
def test_a_spoilt_file_is_refused_by_name(way, tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(spoilt(path, way))
    with pytest.raises(ValueError, match=r"a\.pth is damaged.*fetch it again"):
        load_weights(made("plain-n", OWN)[0], path, OWN)


@pytest.mark.parametrize(("name", "stored"), [("a.pth", [1, 2]), ("a.pth", {}), ("a.pt", {"x": 3})])
def test_a_file_without_tensors_is_refused(name, stored, tmp_path):
    torch.save(stored, tmp_path / name)
    with pytest.raises(ValueError, match="holds no tensors by name"):
        load_weights(made("plain-n", OWN)[0], tmp_path / name, OWN)


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.onnx is no file of weights, expected \.safetensors"):
        load_weights(made("plain-n", OWN)[0], tmp_path / "a.onnx", OWN)


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.pth.tar", "pytorch_model.bin", "a.ckpt", "A.PTH"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_weights_are_read_whatever_their_makers_called_them(name, zipped, tmp_path):
    stored = {"state_dict": {"head.weight": torch.arange(6.0).reshape(2, 3)}}
    torch.save(stored, tmp_path / name, _use_new_zipfile_serialization=zipped)
    tensors, names = read_weights(tmp_path / name)
    assert names is None and torch.equal(tensors["head.weight"], stored["state_dict"]["head.weight"])


@pytest.mark.parametrize("name", ["a.pth.tar", "a.bin"])
def test_code_in_weights_is_never_run_whatever_they_are_called(name, tmp_path, capsys):
    torch.save({"state_dict": {}, "more": Sly()}, tmp_path / name)
    with pytest.raises(ValueError, match="holds more than tensors"):
        read_weights(tmp_path / name)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", ""])
def test_a_file_that_is_not_there_is_an_error(name, tmp_path):
    with pytest.raises(OSError, match=name or "best.safetensors"):
        load_weights(made("plain-n", OWN)[0], tmp_path / name, OWN)
