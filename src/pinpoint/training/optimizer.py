"""AdamW with warm-up and cosine, and the running mean of the weights."""

import copy
import math

import torch
from torch import Tensor, nn

__all__ = ["Average", "make_optimizer", "rate_at"]


def make_optimizer(network: nn.Module, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (arXiv 1711.05101); biases and norms, which have one axis, do not decay."""
    named = list(network.parameters())
    groups = [
        {"params": [p for p in named if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, fused=True)


def rate_at(step: int, steps: int, warmup: int, least: float) -> float:
    """Share of the highest learning rate: a straight line up, then a cosine down to `least`."""
    rising = min(1.0, (step + 1) / max(1, warmup))
    falling = least + (1 - least) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    return rising * falling


class Average:
    """A running mean of a network's weights, which is what is measured and kept.

    Args:
        network: What is averaged.
        decay: Share of the old that is kept in each step; less in the first steps. 0 follows the network.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step)) if self._decay else 0.0
        old, new = _tensors(self.network), _tensors(network)
        real = [i for i, tensor in enumerate(old) if tensor.dtype.is_floating_point]
        torch._foreach_lerp_([old[i] for i in real], [new[i] for i in real], 1 - decay)  # pyright: ignore
        for i in set(range(len(old))) - set(real):
            old[i].copy_(new[i])


def _tensors(network: nn.Module) -> list[Tensor]:
    return list(network.state_dict().values())
