"""What a network costs: parameters, arithmetic, and the shapes that go in and come out."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pinpoint.geometry import Size
from pinpoint.models import Architecture
from pinpoint.skeletons import skeleton

__all__ = ["Cost", "cost_of"]


@dataclass(frozen=True)
class Cost:
    """What one input costs.

    Args:
        parameters: How many numbers are learnt.
        gflops: Billions of multiplications with their additions, of convolutions and matrix products, as
            papers of this field count them.
        outputs: Shape of each array that an exported file puts out for one input.
    """

    parameters: int
    gflops: float
    outputs: tuple[tuple[int, ...], ...]


def cost_of(kind: Architecture, input_size: Size | None = None) -> Cost:
    """Count what a network costs, with the keypoints of its official checkpoint.

    Nothing is computed but shapes, unless what the network does depends on what it sees.

    Args:
        kind: The architecture.
        input_size: Width and height; none: its own.
    """
    codec = kind.codec(input_size or kind.input_size)
    width, height = codec.input_size
    guided = getattr(getattr(kind.build, "func", kind.build), "guided", False)
    with nullcontext() if guided else torch.device("meta"):
        network = kind.build(codec, len(skeleton(kind.skeleton))).eval()
        with FlopCounterMode(display=False) as counted, torch.no_grad():
            outputs = network.readable(*network(torch.zeros(1, 3, height, width)))  # pyright: ignore[reportCallIssue]
    shapes = tuple(tuple(output.shape) for output in outputs)
    return Cost(_parameters(network), counted.get_total_flops() / 2e9, shapes)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
