"""Weights that others published, in a network of ours."""

import numpy as np
import pytest
import torch

from pinpoint.models import architecture
from pinpoint.skeletons import skeleton
from pinpoint.training.official import load_official
from pinpoint.training.transfer import load_weights
from trained import chance_network

NAME = "rtmpose-t"
SIZE = (64, 64)


@pytest.fixture
def published(tmp_path):
    """A checkpoint as mmpose writes it, and the network that it is of."""
    network, _ = chance_network(NAME, skeleton("coco17"), SIZE)
    meta = {"epoch": 420, "best": np.float64(0.7), "sigmas": np.array([0.1, 0.2]), "classes": ["person"]}
    torch.save({"meta": meta, "state_dict": network.state_dict()}, tmp_path / "it.pth")
    return tmp_path / "it.pth", network


def test_an_official_checkpoint_fills_a_network_to_the_last_number(published):
    path, network = published
    own, spec = load_official(path, NAME, input_size=SIZE)
    assert (spec.name, spec.task, spec.skeleton, spec.input_size) == (NAME, "body", skeleton("coco17"), SIZE)
    images = torch.randn(2, 3, *SIZE[::-1])
    for ours, theirs in zip(own(images), network(images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_checkpoint_that_lacks_a_tensor_is_refused_by_name(published):
    path, network = published
    state = network.state_dict()
    del state["head.cls_x.weight"]
    torch.save(state | {"extra": torch.zeros(1)}, path)
    wanted = r"it\.pth is no checkpoint of rtmpose-t: it lacks head\.cls_x\.weight; it has others: extra"
    with pytest.raises(ValueError, match=wanted):
        load_official(path, NAME, input_size=SIZE)


def test_a_checkpoint_of_other_keypoints_says_which_shapes_differ(published):
    with pytest.raises(ValueError, match=r"head\.final_layer\.weight is 17x\S+ there, 21x\S+ here"):
        load_official(published[0], NAME, input_size=SIZE, columns=skeleton("hand21"))


def test_the_command_exports_an_official_checkpoint(published, tmp_path):
    import pinpoint as pp
    from pinpoint.cli.export import Request, run_export

    out = tmp_path / "it.onnx"
    assert run_export(Request(published[0], out, gate=False, model=NAME, input_size=SIZE)) == 0
    kps = pp.load(out)(np.zeros((80, 60, 3), np.uint8), boxes=[[10, 10, 50, 70]])
    assert kps.xy.shape == (1, 17, 2)


@pytest.mark.parametrize("given", [{"skeleton": "coco17"}, {"input_size": SIZE}])
def test_what_belongs_to_official_weights_is_refused_for_a_run(given, tmp_path, capsys):
    from pinpoint.cli.export import Request, run_export

    assert run_export(Request(tmp_path, tmp_path / "it.onnx", **given)) == 2
    assert "name their network with --model" in capsys.readouterr().err


def test_an_official_checkpoint_is_compared_on_what_is_named(published, tmp_path, capsys):
    from pinpoint.cli.export import Request, run_export

    out = tmp_path / "it.onnx"
    assert run_export(Request(published[0], out, model=NAME, input_size=SIZE)) == 2
    assert "name labelled pictures with --data" in capsys.readouterr().err
    assert not out.exists()


def test_a_checkpoint_without_the_name_of_its_network_is_wrong_usage(published, tmp_path, capsys):
    from pinpoint.cli.export import Request, run_export

    assert run_export(Request(published[0], tmp_path / "it.onnx", gate=False)) == 2
    assert "it.pth does not say which network it is of: name it with --model" in capsys.readouterr().err


def test_a_run_starts_from_official_weights_by_their_own_names(tmp_path):
    """As a distilling run of mmpose names them, and of other keypoints."""
    network, spec = chance_network("dwpose-t", skeleton("coco17"), SIZE)
    theirs = {f"student.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(theirs, tmp_path / "it.pth")
    fresh, _ = chance_network("dwpose-t", skeleton("coco17"), SIZE, seed=1)
    official = architecture("dwpose-t").official
    transfer = load_weights(fresh, tmp_path / "it.pth", spec.skeleton, official=official)
    assert not transfer.left
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(fresh.state_dict()[name], tensor)
