"""What an exported file says is what its network says, in one piece and without a word on the terminal."""

import copy
from dataclasses import replace
from functools import cache
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
import torch

from pinpoint.hub import spec_of_file
from pinpoint.runtime import open_session
from pinpoint.skeletons import skeleton
from pinpoint.training.checkpoint import prefixed, write_checkpoint
from pinpoint.training.export import WRITERS, Readable, export_onnx, load_trained
from trained import chance_network, write_run

NAMES = ("plain-n", "rtmpose-t", "plain-one-n")
SIZE = (96, 128)
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra `openvino`")
FILES = [(name, ".onnx", half) for name in NAMES for half in (False, True)]
FILES += [pytest.param("plain-n", ".xml", half, marks=needs_openvino) for half in (False, True)]


@cache
def made(name):
    torch.set_num_threads(1)
    return chance_network(name, size=SIZE)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports each file once."""

    @cache
    def export(name, suffix, half):
        path = tmp_path_factory.mktemp(name) / f"mine{suffix}"
        WRITERS[suffix](*made(name), path, half=half)
        return path

    return lambda name, suffix=".onnx", half=False: export(name, suffix, half)


def said(network, images):
    with torch.no_grad():
        return [output.numpy() for output in Readable(network)(images)]


def pictures(spec, count):
    torch.manual_seed(1)
    width, height = spec.input_size
    return torch.randn(count, 3, height, width)


@pytest.mark.parametrize(("name", "suffix", "half"), FILES)
def test_a_file_puts_out_what_its_network_does_for_any_batch(name, suffix, half, exported, capfd):
    """To a share of the largest number: in 32 bits, or in the 11 digits of 16 bits over many layers."""
    network, spec = made(name)
    path = exported(name, suffix, half)
    session = open_session(path, threads=1)
    for count in (1, 8):
        images = pictures(spec, count)
        for ours, theirs in zip(said(network, images), session.run(images.numpy()), strict=True):
            np.testing.assert_allclose(theirs, ours, atol=(3e-3 if half else 1e-5) * np.abs(ours).max())
    assert spec_of_file(path) == spec
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "outputs"), [("plain-n", ["heatmaps"]), ("rtmpose-t", ["x", "y"]), ("plain-one-n", ["output"])]
)
def test_norms_are_folded_and_arrays_have_the_names_that_the_codec_gives_them(name, outputs, exported):
    graph = onnx.load(exported(name)).graph
    assert "BatchNormalization" not in {node.op_type for node in graph.node}
    session = open_session(exported(name))
    assert (session.input.name, [output.name for output in session.outputs]) == ("images", outputs)
    network, spec = made(name)
    sizes = [(None, *array.shape[1:]) for array in said(network, pictures(spec, 1))]
    assert [output.shape for output in session.outputs] == sizes


@pytest.mark.parametrize("name", NAMES)
def test_sixteen_bits_take_half_the_space(name, exported):
    full, less = (exported(name, half=half).stat().st_size for half in (False, True))
    assert 0.48 < less / full < 0.56


def test_a_weight_that_sixteen_bits_do_not_hold_stays_as_it_is(tmp_path):
    network, spec = chance_network("plain-n", size=SIZE)
    network.head.weight[0, 0] = 70_000.0
    network.head.weight[1:] = 0
    export_onnx(network, spec, tmp_path / "mine.onnx", half=True)
    weights = {array.name: array for array in onnx.load(tmp_path / "mine.onnx").graph.initializer}
    assert onnx.numpy_helper.to_array(weights["network.head.weight"]).max() == 70_000.0


def test_exporting_leaves_the_network_as_it_is(tmp_path):
    network, spec = chance_network("plain-n", size=SIZE)
    network.train()
    before = copy.deepcopy(network.state_dict())
    export_onnx(network, spec, tmp_path / "mine.onnx")
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_detector_without_keypoints_is_exported(tmp_path):
    network, spec = chance_network("plain-det-n", skeleton("box"), size=(64, 64))
    export_onnx(network, spec, tmp_path / "mine.onnx")
    images = pictures(spec, 3)
    (theirs,) = open_session(tmp_path / "mine.onnx").run(images.numpy())
    np.testing.assert_allclose(theirs, said(network, images)[0], atol=1e-3)


def test_a_network_is_loaded_from_its_folder_and_its_file(tmp_path):
    network, spec = chance_network("plain-n", size=SIZE)
    write_run(tmp_path, network, spec)
    for path in (tmp_path, str(tmp_path / "best.safetensors")):
        again, said_of_itself = load_trained(path)
        assert said_of_itself == spec
        assert not again.training
        images = pictures(spec, 1)
        np.testing.assert_array_equal(said(again, images)[0], said(network, images)[0])


def test_of_the_last_weights_the_running_mean_is_taken_and_not_the_measures_of_the_best(tmp_path):
    best, spec = chance_network("plain-n", size=SIZE)
    write_run(tmp_path, best, spec)
    now, mean = (chance_network("plain-n", size=SIZE, seed=seed)[0] for seed in (1, 2))
    tensors = prefixed("network", now.state_dict()) | prefixed("average", mean.state_dict())
    write_checkpoint(tmp_path / "last.safetensors", tensors, {"progress": {"step": 9}})
    network, said_of_itself = load_trained(tmp_path / "last.safetensors")
    assert torch.equal(network.head.weight, mean.head.weight)
    assert said_of_itself == replace(spec, metrics={})


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds neither best\.safetensors nor last\.safetensors"):
        load_trained(tmp_path)


def test_weights_of_another_origin_are_told_apart(tmp_path):
    write_checkpoint(tmp_path / "theirs.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(
        ValueError, match="does not say which network it is of, expected the weights of a run"
    ):
        load_trained(tmp_path / "theirs.safetensors")


def test_weights_that_do_not_fit_are_named_with_the_network(tmp_path):
    network, spec = chance_network("plain-n", size=SIZE)
    write_run(tmp_path, network, replace(spec, skeleton=skeleton("hand21")))
    with pytest.raises(ValueError, match="does not hold the weights of plain-n"):
        load_trained(tmp_path)
