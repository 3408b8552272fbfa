"""Networks with fewer channels: those that matter least are cut from every layer; the rest learns on."""

import copy
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pinpoint.datasets.order import Order
from pinpoint.hub import ModelSpec
from pinpoint.models.keypoint_rcnn import FrozenNorm
from pinpoint.training.config import Prune
from pinpoint.training.device import device_of, normalised
from pinpoint.training.export import load_trained
from pinpoint.training.task import Task

__all__ = ["IMPORTANCES", "output_layers", "prune", "pruned_spec", "settle", "start_pruned"]

log = logging.getLogger(__name__)

IMPORTANCES = ("norm", "taylor")
ROUND = 8  # channels: processors compute so many at a time
GLANCES = 8  # batches from which importance is told


def prune(task: Task, share: float, *, importance: str = "taylor", round_to: int = ROUND) -> nn.Module:
    """Return the network of a task with fewer channels; what it puts out keeps its shape.

    Channels that are added up or stacked with others are cut together with them, as the graph of their
    dependencies says (DepGraph, arXiv 2301.12900).

    Args:
        task: Its network stays as it is.
        share: How many of the channels of each layer go, above 0 and below 1.
        importance: Which channels matter least: by the length of their weights (`norm`), or by what the loss
            would change without them (`taylor`, arXiv 1906.10771), told from some batches.
        round_to: Widths are whole multiples of this, and so somewhat fewer channels may be left.

    Raises:
        ValueError: The share or the importance is none, or the network has nothing that can be cut, or norms
            that cannot, as Keypoint R-CNN has.
    """
    import torch_pruning

    if not 0 < share < 1:
        raise ValueError(f"share is {share}, expected more than 0 and less than 1")
    if importance not in IMPORTANCES:
        raise ValueError(f"importance is {importance!r}, expected one of {', '.join(IMPORTANCES)}")
    if any(isinstance(module, FrozenNorm) for module in task.network.modules()):
        raise ValueError(
            f"{task.spec.name} cannot be pruned: its norms are frozen, and would not know the channels that "
            "are left; `pinpoint compress distill` teaches a smaller network instead"
        )
    network = copy.deepcopy(task.network).eval().requires_grad_(True)
    width, height = task.spec.input_size
    images = torch.zeros(1, 3, height, width, device=device_of(network))
    if importance == "taylor":
        _gather_gradients(network, task)
        measure = torch_pruning.importance.GroupTaylorImportance()
    else:
        measure = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unwrapped parameters")  # they are in the parts left alone
        torch_pruning.pruner.BasePruner(
            network,
            images,
            importance=measure,
            pruning_ratio=share,
            ignored_layers=[*output_layers(network, images), *_others(network)],
            round_to=round_to,
        ).step()
    network.zero_grad(set_to_none=True)
    _check(task.network, network, images)
    return network


def settle(network: nn.Module, task: Task) -> None:
    """Let batch norms see what the remaining channels look like, without which a pruned network is lost."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    moments = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    network.train()
    with torch.inference_mode():
        for images, _ in _batches(network, task):
            network(images)
    for norm, moment in zip(norms, moments, strict=True):
        norm.momentum = moment
    network.eval()


def start_pruned(task: Task, config: Prune) -> None:
    """Give a task the network of a run, with fewer channels, to learn on.

    Raises:
        FileNotFoundError: There is no such run.
        ValueError: It is of another network or skeleton than the task, or cannot be pruned.
    """
    network, spec = load_trained(config.run)
    if (spec.skeleton, spec.codec) != (task.spec.skeleton, task.spec.codec):
        raise ValueError(
            f"{config.run} reads {spec.skeleton!r} by {spec.codec}, expected "
            f"{task.spec.skeleton!r} by {task.spec.codec}"
        )
    task.network = network
    task.network = prune(task, config.share, importance=config.importance, round_to=config.round_to)
    settle(task.network, task)
    task.spec = pruned_spec(task.spec)


def pruned_spec(spec: ModelSpec) -> ModelSpec:
    """What a pruned network says of itself."""
    return replace(spec, name=f"{spec.name}.pruned")


def output_layers(network: nn.Module, images: Tensor) -> list[nn.Module]:
    """The last layers with weights on the ways to every output: their channels are what is put out."""
    owners = {
        id(parameter): module
        for module in network.modules()
        for parameter in module.parameters(recurse=False)
        if parameter.ndim > 1
    }
    with torch.enable_grad():
        outputs = network(images)
    found: dict[int, nn.Module] = {}
    waiting, seen = [output.grad_fn for output in outputs], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        before = [other for other, _ in node.next_functions if other is not None]
        weights = [id(other.variable) for other in before if hasattr(other, "variable")]
        here = {key: owners[key] for key in weights if key in owners}
        found |= here
        if not here:
            waiting += before
    return list(found.values())


def _others(network: nn.Module) -> Sequence[nn.Module]:
    """What is left alone: products behind the convolutions cost little, and count on their widths."""
    named = dict(network.named_modules())
    kept = getattr(network, "keypoint_parameters", {})
    heads = [named[name.rpartition(".")[0]] for name in kept]
    return [*heads, *(module for module in network.modules() if isinstance(module, nn.Linear))]


def _gather_gradients(network: nn.Module, task: Task) -> None:
    """Leave the gradient of the loss over some batches in the network's parameters."""
    for images, targets in _batches(network, task):
        loss = task.loss(network(images), targets)
        (loss.total / loss.weight.clamp_min(1e-6)).backward()


def _batches(network: nn.Module, task: Task) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Some batches as they are at the end of a run, the same ones every time."""
    order, device = Order(task.lengths, task.weights, 0), device_of(network)
    size = min(16, len(order))
    for number in range(max(1, min(GLANCES, len(order) // size))):
        batch = task.batch(order.draws(number * size, (number + 1) * size), 1 - 1e-6)
        images = normalised(torch.from_numpy(batch.images).to(device), task.spec)
        yield images, tuple(torch.from_numpy(target).to(device) for target in batch.targets)


def _check(before: nn.Module, after: nn.Module, images: Tensor) -> None:
    with torch.inference_mode():
        old, new = (network.eval()(images) for network in (copy.deepcopy(before), copy.deepcopy(after)))
    shapes = [[tuple(output.shape) for output in outputs] for outputs in (old, new)]
    counts = [sum(math.prod(p.shape) for p in network.parameters()) for network in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"pruning changed what the network puts out from {shapes[0]} to {shapes[1]}")
    if counts[0] == counts[1]:
        raise ValueError("nothing was pruned: the share is below one channel, or no layer may be narrower")
    log.info("%d of %d parameters are left", counts[1], counts[0])
