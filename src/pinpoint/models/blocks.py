"""Small parts that several networks are built from."""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvNorm", "Residual"]


class ConvNorm(nn.Sequential):
    """Convolution without bias, batch norm and ReLU; the picture keeps its size at stride 1."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 3, *, stride: int = 1, act: bool = True
    ) -> None:
        conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        layers = [conv, nn.BatchNorm2d(outside)]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))


class Residual(nn.Module):
    """Two convolutions of 3 x 3 around which the input goes by (arXiv 1512.03385)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvNorm(width, width)
        self.second = ConvNorm(width, width, act=False)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, h, w)."""
        return functional.relu(features + self.second(self.first(features)))
