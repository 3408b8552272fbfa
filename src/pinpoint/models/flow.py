"""A learnt density over the plane: which errors a network makes (RealNVP, arXiv 1605.08803)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Flow"]

LAYERS = 6
HIDDEN = 64


class Flow(nn.Module):
    """Six coupling layers in turns of x and y, as residual log-likelihood has them (RLE, arXiv 2107.11291).

    It holds the parameters, and `pinpoint.losses.rle` computes the density. So a network that is taught with
    `rle` puts out, after its table of coordinates and spreads, what `tensors` gives while it is trained, and
    its `readable` leaves that out. Parts bear the names of published checkpoints.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(2))
        self.register_buffer("cov", torch.eye(2))
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * (LAYERS // 2)))
        self.s = nn.ModuleList(nn.Sequential(*_layers(), nn.Tanh()) for _ in range(LAYERS))
        self.t = nn.ModuleList(nn.Sequential(*_layers()) for _ in range(LAYERS))
        self.apply(_start_small)

    def tensors(self) -> tuple[Tensor, ...]:
        """The parameters of all layers, to be put out by the network that owns the flow.

        Returns:
            Which coordinate each layer keeps (6, 2), then weights (2, 6, out, in) and biases (2, 6, out) of
            its three linear maps, those of the scales before those of the shifts.
        """
        parts = ((_stacked(self.s, at, name), _stacked(self.t, at, name)) for at, name in PARTS)
        return (self.get_buffer("mask"), *(torch.stack(pair) for pair in parts))


PARTS = [(at, name) for at in (0, 2, 4) for name in ("weight", "bias")]


def _layers() -> Iterator[nn.Module]:
    yield from (nn.Linear(2, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU())
    yield nn.Linear(HIDDEN, 2)


def _stacked(nets: Sequence[nn.Module] | nn.ModuleList, at: int, name: str) -> Tensor:
    return torch.stack([net.get_parameter(f"{at}.{name}") for net in nets])


def _start_small(module: nn.Module) -> None:
    """Every layer starts as the same shift and scale everywhere, almost, as published."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight, gain=0.01)
