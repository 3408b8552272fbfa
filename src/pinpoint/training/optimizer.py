"""AdamW with warm-up and cosine, and the running mean of the weights."""

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pinpoint.training.muon import Muon

__all__ = ["Average", "load_optimizer", "make_optimizer", "optimizer_tensors", "rate_at"]


def make_optimizer(
    network: nn.Module, kind: str, lr: float, weight_decay: float, dtype: torch.dtype = torch.float32
) -> torch.optim.Optimizer:
    """AdamW (arXiv 1711.05101) or Muon; biases and norms, which have one axis, do not decay.

    Args:
        network: What is trained.
        kind: `adamw` or `muon`.
        lr: Highest learning rate.
        weight_decay: Share of matrices taken off per step, times the rate.
        dtype: What the run computes in.
    """
    if kind == "muon":
        return Muon(network, lr, weight_decay=weight_decay, dtype=dtype)
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=True)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers, as `<number of the parameter>.<name>`."""
    states = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, state in states.items() for name, value in state.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`.

    Raises:
        ValueError: A tensor is of no parameter, or has another shape than its parameter.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        if int(number) >= len(parameters):
            raise ValueError(f"optimizer state {key} is of none of {len(parameters)} parameters")
        state.setdefault(int(number), {})[name] = _laid_out(tensor, parameters[int(number)], key)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _laid_out(tensor: Tensor, parameter: Tensor, key: str) -> Tensor:
    """A copy in the memory layout of its parameter, which the fused step takes for granted."""
    if not tensor.ndim:
        return tensor.clone()
    if tensor.shape != parameter.shape:
        shapes = f"{tuple(tensor.shape)}, expected {tuple(parameter.shape)}"
        raise ValueError(f"optimizer state {key} has shape {shapes}")
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)


def rate_at(step: int, steps: int, warmup: int, least: float) -> float:
    """Share of the highest learning rate: a straight line up, then a cosine down to `least`."""
    rising = min(1.0, (step + 1) / max(1, warmup))
    falling = least + (1 - least) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    return rising * falling


class Average:
    """A running mean of a network's weights and batch statistics, which is what is measured and kept.

    Args:
        network: What is averaged. Its tensors may change, but must stay the same objects.
        decay: Share of the old that is kept in each step; less in the first steps. 0 follows the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        self._means = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step)) if self._decay else 0.0
        old, new = zip(*self._means, strict=True)
        torch._foreach_lerp_(old, new, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        for count, now in self._counts:
            count.copy_(now)


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(network.state_dict().values())
