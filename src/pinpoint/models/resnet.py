"""ResNet (arXiv 1512.03385): blocks around which the input goes by, four stages, each half the size.

Parts bear the names that torchvision and mmpose give them: `conv1`, `bn1`, `layer1.0.conv1`,
`layer1.0.downsample.0` and so on.
"""

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.models.blocks import ConvNorm

__all__ = ["BasicBlock", "Bottleneck", "ResNet", "residual_layer", "start_rectified"]


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3, around which the input goes by."""

    expansion = 1

    def __init__(self, inside: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _bypass(inside, width * self.expansion, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, width, h / stride, w / stride)."""
        changed = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(changed)) + self.downsample(features))


class Bottleneck(nn.Module):
    """Narrow, 3 x 3, four times as wide; the stride is that of the 3 x 3, as in every published network."""

    expansion = 4

    def __init__(self, inside: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        outside = width * self.expansion
        self.conv1 = nn.Conv2d(inside, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outside, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outside)
        self.downsample = _bypass(inside, outside, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, 4 * width, h / stride, w / stride)."""
        changed = functional.relu(self.bn1(self.conv1(features)))
        changed = functional.relu(self.bn2(self.conv2(changed)))
        return functional.relu(self.bn3(self.conv3(changed)) + self.downsample(features))


def _bypass(inside: int, outside: int, stride: int) -> nn.Module:
    """How the input goes by: as it is, or in the shape that the block puts out."""
    if stride == 1 and inside == outside:
        return nn.Identity()
    return ConvNorm(inside, outside, 1, stride=stride, act=False)


def residual_layer(
    block: type[BasicBlock | Bottleneck], inside: int, width: int, count: int, *, stride: int = 1
) -> nn.Sequential:
    """Blocks in a row, the first of which has the stride.

    Args:
        block: `BasicBlock` or `Bottleneck`.
        inside: Channels that come in.
        width: Channels within a block; `width * block.expansion` come out.
        count: How many blocks.
        stride: Of the first.
    """
    first = block(inside, width, stride=stride)
    return nn.Sequential(first, *(block(width * block.expansion, width) for _ in range(count - 1)))


def start_rectified(module: nn.Module) -> None:
    """Give a convolution the spread at which signals neither grow nor fade behind a ReLU (arXiv 1502.01852).

    A residual block changes nothing at the start: else deep networks grow what they see (arXiv 1706.02677).
    For `nn.Module.apply`.
    """
    if isinstance(module, BasicBlock | Bottleneck):
        nn.init.zeros_((module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight)
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


DEPTHS = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}
"""Block and how many of them each stage has."""


class ResNet(nn.Module):
    """Features at 1/4, 1/8, 1/16 and 1/32 of the input.

    Args:
        depth: 18, 34, 50, 101 or 152.

    Attributes:
        channels: Of the four maps.

    Raises:
        KeyError: There is no network of that depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        block, (first, second, third, fourth) = DEPTHS[depth]
        grown = block.expansion
        self.channels = (64 * grown, 128 * grown, 256 * grown, 512 * grown)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = residual_layer(block, 64, 64, first)
        self.layer2 = residual_layer(block, 64 * grown, 128, second, stride=2)
        self.layer3 = residual_layer(block, 128 * grown, 256, third, stride=2)
        self.layer4 = residual_layer(block, 256 * grown, 512, fourth, stride=2)
        self.apply(start_rectified)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Four maps of images (B, 3, h, w), finest first."""
        quarter = self.layer1(self.maxpool(functional.relu(self.bn1(self.conv1(images)))))
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        return quarter, eighth, sixteenth, self.layer4(sixteenth)
