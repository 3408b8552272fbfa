"""Networks with fewer channels."""

import pytest
import torch

from pinpoint.hub import ModelSpec
from pinpoint.models import architecture
from pinpoint.runtime import open_session
from pinpoint.skeletons import skeleton
from pinpoint.training import plan, train
from pinpoint.training.compress.prune import output_layers, prune, settle
from pinpoint.training.config import config_from_dict
from pinpoint.training.export import export_onnx, load_trained


class Bare:
    """A task that has a network and nothing to learn from."""

    def __init__(self, name: str) -> None:
        kind = architecture(name)
        codec = kind.codec((64, 64))
        self.network = kind.build(codec, 17).eval()
        self.spec = ModelSpec(
            name, kind.task or "body", kind.pipeline, (64, 64), skeleton=skeleton("coco17"), codec=codec
        )


@pytest.mark.parametrize("name", ["plain-n", "rtmpose-t"])
def test_a_pruned_network_is_smaller_and_puts_out_the_same_shapes(name):
    task = Bare(name)
    before = sum(p.numel() for p in task.network.parameters())
    network = prune(task, 0.4, importance="norm")  # pyright: ignore
    assert sum(p.numel() for p in network.parameters()) < 0.7 * before
    assert sum(p.numel() for p in task.network.parameters()) == before
    images = torch.rand(2, 3, 64, 64)
    shapes = [[o.shape for o in n.eval()(images)] for n in (network, task.network)]
    assert shapes[0] == shapes[1]


def test_a_network_whose_norms_are_frozen_is_refused_with_another_way():
    """Its convolutions would be cut and its norms not: it could not run any more."""
    with pytest.raises(
        ValueError, match=r"keypoint-rcnn-r50 cannot be pruned: its norms are frozen.*distill"
    ):
        prune(Bare("keypoint-rcnn-r50"), 0.3, importance="norm")  # pyright: ignore


def test_the_layer_before_the_output_is_found_through_what_has_no_weights():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(4, 2, 1), torch.nn.Sigmoid())

    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.other = network, torch.nn.Conv2d(3, 5, 1)

        def forward(self, images):
            return self.body(images), self.other(images).flatten(2)

    model = Two()
    found = output_layers(model, torch.zeros(1, 3, 8, 8))
    assert set(found) == {network[1], model.other}


def test_batch_norms_settle_on_what_they_see(plain, run):
    """The first one's mean becomes that of what goes into it, and its pace stays what it was."""
    task = plan(config_from_dict(plain), cache=run / "cache").task
    network, _ = load_trained(run)
    norm = next(module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d))
    norm.running_mean += 100  # pyright: ignore
    means, momentum = [], norm.momentum
    norm.register_forward_hook(lambda _module, given, _output: means.append(given[0].mean(dim=(0, 2, 3))))
    settle(network, task)
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0), atol=1e-4, rtol=1e-3)
    assert norm.momentum == momentum and not network.training


@pytest.mark.parametrize(
    ("share", "importance", "word"), [(0.0, "norm", "share"), (0.3, "luck", "importance")]
)
def test_what_cannot_be_pruned_by_is_refused(share, importance, word):
    with pytest.raises(ValueError, match=word):
        prune(Bare("plain-n"), share, importance=importance)  # pyright: ignore


def test_a_pruned_run_learns_is_loaded_again_and_runs_as_onnx(run, plain, tmp_path):
    """The widths are read off the weights, which no architecture's name says."""
    table = {"run": str(run), "share": 0.3}
    config = config_from_dict({**plain, "samples": 32, "prune": table})
    train(config, tmp_path / "out", cache=run / "cache")
    network, spec = load_trained(tmp_path / "out")
    whole, _ = load_trained(run)
    assert sum(p.numel() for p in network.parameters()) < 0.7 * sum(p.numel() for p in whole.parameters())
    export_onnx(network, spec, tmp_path / "pruned.onnx")
    images = torch.rand(2, 3, 48, 48)
    (maps,) = open_session(tmp_path / "pruned.onnx").run(images.numpy())
    with torch.inference_mode():
        (expected,) = network.readable(*network(images))  # pyright: ignore
    torch.testing.assert_close(torch.from_numpy(maps), expected, atol=1e-3, rtol=0)


def test_a_run_of_another_codec_is_not_pruned_for_this_one(run, plain, tmp_path):
    config = config_from_dict({**plain, "input_size": [64, 64], "prune": {"run": str(run)}})
    with pytest.raises(ValueError, match="expected"):
        train(config, tmp_path / "out", cache=run / "cache")
