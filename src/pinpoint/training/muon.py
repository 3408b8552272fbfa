"""Muon: momentum whose every matrix is made orthogonal before it is applied."""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Muon", "orthogonal"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the published quintic, steep at 0
ITERATIONS = 5
LONG = 4  # columns by rows from which it is quicker to iterate on the squares
RATIO = 10.0  # a step of an orthogonal matrix is as long as ten of Adam's
State = dict[str, Tensor]
Group = dict[str, Any]

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Muon(torch.optim.Optimizer):
    """Steps of equal size in every direction of a weight matrix.

    Published by Jordan and others in 2024 (https://kellerjordan.github.io/posts/muon).
    Convolutions and layers inside a network are seen as matrices of outputs by inputs. What sees the picture,
    what gives the keypoints, norms and biases take the steps of AdamW (arXiv 1711.05101). With few pictures
    to learn from it takes about half the steps that AdamW does.

    Args:
        network: What is trained; parameters of `keypoint_parameters` count as heads.
        lr: Learning rate of AdamW; orthogonal steps take ten times as much.
        momentum: Share of the old direction in orthogonal steps.
        weight_decay: Share of matrices taken off per step, times the rate.
        dtype: What orthogonal matrices are computed in; bfloat16 does and halves the time where it is quick.
    """

    def __init__(
        self,
        network: nn.Module,
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.02,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._dtype = dtype
        named = list(network.named_parameters())
        heads = getattr(network, "keypoint_parameters", {})
        inner = [p for name, p in named if p.ndim > 1 and p.shape[1] > 3 and name not in heads]
        known = {id(p) for p in inner}
        outer = [p for _, p in named if id(p) not in known]
        groups = [
            {"params": inner, "orthogonal": True, "weight_decay": weight_decay},
            {"params": [p for p in outer if p.ndim > 1], "orthogonal": False, "weight_decay": weight_decay},
            {"params": [p for p in outer if p.ndim <= 1], "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Apply the gradients; what has none stays as it is."""
        for group in self.param_groups:
            change = self._turn if group["orthogonal"] else self._adapt
            for weight in group["params"]:
                if weight.grad is not None:
                    change(weight, weight.grad, self.state[weight], group)

    def _turn(
        self, weight: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]
    ) -> None:
        mean = _kept(state, "momentum", weight).lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(mean, group["momentum"])  # Nesterov's
        update = orthogonal(ahead.reshape(len(ahead), -1).to(self._dtype)).to(weight.dtype)
        rows, columns = update.shape
        rate = group["lr"] * RATIO
        weight.mul_(1 - rate * group["weight_decay"])
        weight.add_(update.reshape(weight.shape), alpha=-rate * max(1.0, rows / columns) ** 0.5)

    def _adapt(
        self, weight: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]
    ) -> None:
        count = state.setdefault("step", torch.zeros(())).add_(1).item()
        mean = _kept(state, "exp_avg", weight).lerp_(gradient, 1 - BETAS[0])
        square = (
            _kept(state, "exp_avg_sq", weight).mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        )
        size = (square / (1 - BETAS[1] ** count)).sqrt_().add_(EPSILON)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.addcdiv_(mean, size, value=-group["lr"] / (1 - BETAS[0] ** count))


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix of the same directions whose singular values are all about 1, shape (M, N).

    Five steps of Newton's and Schulz's iteration; the values end between .7 and 1.2.
    """
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    x = _turned(x) if x.shape[1] >= LONG * len(x) else _iterated(x)
    return x if wide is matrix else x.T


def _iterated(x: Tensor) -> Tensor:
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x


def _turned(x: Tensor) -> Tensor:
    """The same of long matrices: what all steps together multiply by is a function of x x', which is small.

    It is computed in 32 bits, as in 16 the small squares of singular values would come out below 0.
    """
    a, b, c = COEFFICIENTS
    square = x.float() @ x.float().T
    whole = torch.eye(len(square), device=x.device)
    for _ in range(ITERATIONS):
        step = b * square + c * square @ square
        step.diagonal().add_(a)
        whole, square = step @ whole, step @ square @ step
    return whole.to(x.dtype) @ x


def _kept(state: State, name: str, weight: Tensor) -> Tensor:
    """A tensor that an optimizer remembers of a weight, zeros at first."""
    if name not in state:
        state[name] = torch.zeros_like(weight)
    return state[name]
