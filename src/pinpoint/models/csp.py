"""What backbones of cross-stage partial layers, and the networks around them, are built from.

Parts bear the names that published checkpoints give them.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

__all__ = ["ConvUnit", "PyramidPooling", "YoloUnit"]

POOLS = (5, 9, 13)


class ConvUnit(nn.Sequential):
    """Convolution without bias, batch norm and perhaps SiLU; the picture keeps its size at stride 1.

    Args:
        inside: Channels in.
        outside: Channels out.
        kernel: Side of the kernel.
        stride: Step of the kernel.
        groups: Parts that the channels fall into.
        act: Whether SiLU follows.
        epsilon: Of the norm; published networks differ in it.
        momentum: Of the norm; they differ in it as well.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        parts = OrderedDict[str, nn.Module](
            conv=nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False),
            bn=nn.BatchNorm2d(outside, epsilon, momentum),
        )
        if act:
            parts["activate"] = nn.SiLU(inplace=True)
        super().__init__(parts)


YoloUnit = partial(ConvUnit, epsilon=1e-3, momentum=0.03)
"""The same with the norm of the YOLO family."""


class PyramidPooling(nn.Module):
    """Each place beside the highest of its neighbourhoods, small and large (arXiv 1406.4729).

    Args:
        width: Channels in, and out.
        unit: Makes its convolutions.
    """

    def __init__(self, width: int, unit: Callable[[int, int], nn.Module] = ConvUnit) -> None:
        super().__init__()
        self.conv1 = unit(width, width // 2)
        self.poolings = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in POOLS)
        self.conv2 = unit(width // 2 * (len(POOLS) + 1), width)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, h, w)."""
        features = self.conv1(features)
        return self.conv2(torch.cat([features, *(pool(features) for pool in self.poolings)], dim=1))
