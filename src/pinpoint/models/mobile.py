"""A light network of depthwise convolutions, laid out so that MoveNet's published weights can start it.

MobileNetV2's inverted residuals (arXiv 1801.04381), a pyramid of separable convolutions down to a quarter of
the input (as in Google's MoveNet, https://www.tensorflow.org/hub/tutorials/movenet), and a heatmap per
keypoint that is a distribution over the crop (arXiv 1711.08229). `scripts/movenet_weights.py` reads MoveNet's
file into it.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.distribution import bells, heatmaps_of

__all__ = ["MobilePose", "mobile_m", "mobile_s"]

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Of MobileNetV2: how much wider inside, channels, blocks, stride of the first."""
TAPPED = (2, 5, 9)
"""After which blocks the pyramid takes features: at 1/4, 1/8 and 1/16 of the input."""
TOP = 1280
LATERAL = (24, 32, 64, 64)
"""Channels of the pyramid at 1/4, 1/8, 1/16 and 1/32."""
HEAD = 96
COARSEST = 32


class Layer(nn.Sequential):
    """Convolution, batch norm and, if asked, an activation.

    At stride 2 the picture is continued to the right and below only, as TensorFlow does for even sizes.
    """

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        act: type[nn.Module] | None = None,
    ) -> None:
        after = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
        padding = 0 if stride == 2 else kernel // 2
        conv = nn.Conv2d(inside, outside, kernel, stride, padding, groups=groups, bias=False)
        super().__init__(*after, conv, nn.BatchNorm2d(outside), *([act(inplace=True)] if act else []))


class InvertedResidual(nn.Module):
    """Wider by a factor, 3 x 3 within each channel, narrow again; the input goes by where shapes allow."""

    def __init__(self, inside: int, outside: int, *, factor: int, stride: int) -> None:
        super().__init__()
        wide = inside * factor
        self.layers = nn.Sequential(
            *([Layer(inside, wide, act=nn.ReLU6)] if factor > 1 else []),
            Layer(wide, wide, 3, stride=stride, groups=wide, act=nn.ReLU6),
            Layer(wide, outside),
        )
        self.passes = stride == 1 and inside == outside

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C', h / stride, w / stride)."""
        out = self.layers(features)
        return features + out if self.passes else out


class Separable(nn.Sequential):
    """3 x 3 within each channel, then across channels."""

    def __init__(self, inside: int, outside: int) -> None:
        within = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
        super().__init__(within, Layer(inside, outside, act=nn.ReLU))


class MobilePose(nn.Module):
    """One distribution over the crop per keypoint.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
        width: How wide, 1 being MobileNetV2.
    """

    keypoint_parameters = {"head.1.weight": 1, "head.1.bias": 1}  # noqa: RUF012

    def __init__(self, codec: Heatmap, keypoints: int, width: float) -> None:
        super().__init__()
        channels = _rounded(32 * width)
        self.stem = Layer(3, channels, 3, stride=2, act=nn.ReLU6)
        blocks, widths = [], []
        for factor, base, count, stride in STAGES:
            for place in range(count):
                after = _rounded(base * width)
                step = stride if place == 0 else 1
                blocks.append(InvertedResidual(channels, after, factor=factor, stride=step))
                widths.append(channels := after)
        self.blocks = nn.ModuleList(blocks)
        self.top = Layer(channels, TOP, act=nn.ReLU6)
        sides = (*(widths[i] for i in TAPPED), TOP)
        self.lateral = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(sides, LATERAL, strict=True))
        finer = (LATERAL[0], *LATERAL[:-2])
        self.smooth = nn.ModuleList(Separable(i, o) for i, o in zip(LATERAL[:-1], finer, strict=True))
        self.head = nn.Sequential(Separable(LATERAL[0], HEAD), nn.Conv2d(HEAD, keypoints, 1))
        self.sigma = codec.sigma

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Logits (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self._pyramid(self._features(images))),)

    def readable(self, logits: Tensor) -> tuple[Tensor]:
        """Bells whose height is 1 where the network is as sure as its targets were."""
        return (bells(logits, self.sigma),)

    def _features(self, images: Tensor) -> list[Tensor]:
        """Maps at 1/4, 1/8, 1/16 and 1/32."""
        features, tapped = self.stem(images), []
        for place, block in enumerate(self.blocks):
            features = block(features)
            if place in TAPPED:
                tapped.append(features)
        return [*tapped, self.top(features)]

    def _pyramid(self, features: Sequence[Tensor]) -> Tensor:
        """The finest of four maps, finest first, after what the coarser ones know."""
        coarse = self.lateral[-1](features[-1])
        for level in range(len(features) - 2, -1, -1):
            fine = self.lateral[level](features[level])
            size = fine.shape[2:]
            grown = functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
            coarse = self.smooth[level](fine + grown)
        return coarse


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, not less than nine tenths of it."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def _mobile(name: str, width: float, input_size: Size, published: Published) -> Architecture:
    return Architecture(
        name=name,
        pipeline="top-down",
        build=partial(MobilePose, width=width),
        codec=partial(heatmaps_of, multiple=COARSEST),
        input_size=input_size,
        loss="heatmap-cross-entropy",
        mean=(127.5, 127.5, 127.5),
        std=(127.5, 127.5, 127.5),
        paper="1801.04381",
        published=published,
    )


def _movenet(name: str, precision: float) -> Published:
    """What was published of MoveNet, whose features these are; its heads read whole pictures, ours crops."""
    page = "https://www.tensorflow.org/lite/examples/pose_estimation/overview"
    source = f"MoveNet {name} in 16 bits, {page}, on COCO's pictures cut to one person each"
    return Published("", None, {"AP of one person": precision}, source, has_file=False)


def mobile_s() -> Architecture:
    """2.3 million parameters: MobileNetV2 as it was published, with MoveNet lightning's pyramid."""
    return _mobile("mobile-s", 1.0, (160, 192), _movenet("Lightning", 0.630))


def mobile_m() -> Architecture:
    """6.2 million parameters, 1.75 times as wide: MoveNet thunder's size."""
    return _mobile("mobile-m", 1.75, (192, 256), _movenet("Thunder", 0.720))
