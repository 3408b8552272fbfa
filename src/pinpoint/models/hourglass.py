"""Stacked hourglasses (arXiv 1603.06937): down to the coarsest map and up again, several times over.

`hourglass-2` and `hourglass-8` are the paper's, with the names of its authors' PyTorch version
(https://github.com/princeton-vl/pytorch_stacked_hourglass). What mmpose calls Hourglass is the wider network
of `pinpoint.models.hourglass52`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.distribution import heatmaps_of
from pinpoint.models.resnet import start_rectified

__all__ = ["Hourglass", "HourglassPose", "hourglass_2", "hourglass_8"]

WIDTH = 256
DEPTH = 4  # halvings of an hourglass
COARSEST = 64  # input pixels per cell of the coarsest map


class Convolution(nn.Module):
    """A convolution with bias, and if asked batch norm and ReLU; the picture keeps its size at stride 1."""

    def __init__(
        self, inside: int, outside: int, kernel: int = 1, *, stride: int = 1, norm: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2)
        self.bn = nn.BatchNorm2d(outside) if norm else None

    def forward(self, features: Tensor) -> Tensor:
        features = self.conv(features)
        return features if self.bn is None else functional.relu(self.bn(features))


class Residual(nn.Module):
    """1 x 1, 3 x 3, 1 x 1, each behind norm and ReLU (arXiv 1603.05027), around which the input goes by."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        half = outside // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(inside), Convolution(inside, half)
        self.bn2, self.conv2 = nn.BatchNorm2d(half), Convolution(half, half, 3)
        self.bn3, self.conv3 = nn.BatchNorm2d(half), Convolution(half, outside)
        self.skip_layer = nn.Identity() if inside == outside else Convolution(inside, outside)

    def forward(self, features: Tensor) -> Tensor:
        changed = self.conv1(functional.relu(self.bn1(features)))
        changed = self.conv2(functional.relu(self.bn2(changed)))
        changed = self.conv3(functional.relu(self.bn3(changed)))
        return changed + self.skip_layer(features)


class Hourglass(nn.Module):
    """Half the size, the same again inside, and up to the size that went by."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.up1 = Residual(width, width)
        self.low1 = Residual(width, width)
        self.low2 = Hourglass(depth - 1, width) if depth > 1 else Residual(width, width)
        self.low3 = Residual(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, h, w); h and w are multiples of 2^depth."""
        low = self.low3(self.low2(self.low1(functional.max_pool2d(features, 2))))
        return self.up1(features) + functional.interpolate(low, scale_factor=2.0, mode="nearest")


class Merge(nn.Module):
    """Brings what a stack found to the width of what goes on to the next."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = Convolution(inside, outside)

    def forward(self, features: Tensor) -> Tensor:
        return self.conv(features)


class HourglassPose(nn.Module):
    """One map per keypoint and stack.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
        stacks: How many hourglasses; the maps of each go into the next.
    """

    keypoint_inputs = ("merge_preds.",)

    def __init__(self, codec: Heatmap, keypoints: int, *, stacks: int) -> None:
        super().__init__()
        self.pre = nn.Sequential(
            Convolution(3, 64, 7, stride=2, norm=True),
            Residual(64, 128),
            nn.MaxPool2d(2),
            Residual(128, 128),
            Residual(128, WIDTH),
        )
        self.hgs = nn.ModuleList(nn.Sequential(Hourglass(DEPTH, WIDTH)) for _ in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(WIDTH, WIDTH), Convolution(WIDTH, WIDTH, norm=True)) for _ in range(stacks)
        )
        self.outs = nn.ModuleList(Convolution(WIDTH, keypoints) for _ in range(stacks))
        self.merge_features = nn.ModuleList(Merge(WIDTH, WIDTH) for _ in range(stacks - 1))
        self.merge_preds = nn.ModuleList(Merge(keypoints, WIDTH) for _ in range(stacks - 1))
        self.apply(start_rectified)
        for out in self.outs:
            nn.init.normal_(out.get_parameter("conv.weight"), std=0.001)

    @property
    def keypoint_parameters(self) -> Mapping[str, int]:
        """What puts out the maps of every stack; see `Network`."""
        return {f"outs.{i}.conv.{name}": 1 for i in range(len(self.outs)) for name in ("weight", "bias")}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps (B, K, h / 4, w / 4) of every stack, of images (B, 3, h, w)."""
        going, told = self.pre(images), []
        for stack, (hourglass, feature, out) in enumerate(
            zip(self.hgs, self.features, self.outs, strict=True)
        ):
            seen = feature(hourglass(going))
            told.append(out(seen))
            if stack < len(self.merge_preds):
                going = going + self.merge_preds[stack](told[-1]) + self.merge_features[stack](seen)
        return tuple(told)

    def readable(self, *maps: Tensor) -> tuple[Tensor]:
        """The maps of the last stack."""
        return (maps[-1],)


TRAINER = "model.module."  # of the file's names: the network inside the authors' training program


def _authors_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of the authors' files without their prefix, and without the convolutions that nothing runs.

    Every residual of theirs holds a `skip_layer`; where channels stay the same, the input goes by as it is.
    """
    plain = {name.removeprefix(TRAINER): tensor for name, tensor in tensors.items()}
    idle = {
        name.partition(".conv.")[0]
        for name, tensor in plain.items()
        if name.endswith("skip_layer.conv.weight") and tensor.shape[0] == tensor.shape[1]
    }
    return {name: tensor for name, tensor in plain.items() if name.partition(".conv.")[0] not in idle}


def _bells_of_one_cell(input_size: Size) -> Heatmap:
    """Read as the authors do, who cut their targets to whole cells."""
    return replace(heatmaps_of(input_size, COARSEST), sigma=1.0, refine="quarter", blur=11, shift=0.5)


def _hourglass(stacks: int, published: Published) -> Architecture:
    return Architecture(
        name=f"hourglass-{stacks}",
        pipeline="top-down",
        build=partial(HourglassPose, stacks=stacks),
        codec=_bells_of_one_cell,
        input_size=(256, 256),
        loss="heatmap-mse-stages",
        mean=(0.0, 0.0, 0.0),
        std=(255.0, 255.0, 255.0),
        paper="1603.06937",
        skeleton="mpii16",
        official=_authors_names,
        published=published,
    )


AUTHORS = (
    "https://github.com/princeton-vl/pytorch_stacked_hourglass: MPII validation; it prints no parameters"
)


def hourglass_2() -> Architecture:
    """6.6 million parameters."""
    return _hourglass(2, Published("", None, {"PCKh": 0.885}, AUTHORS))


def hourglass_8() -> Architecture:
    """25.4 million parameters.

    Tables of other papers say 25.1 (arXiv 1902.09212 and its followers), of a build that is not published;
    the authors' own definition has these, and 7.4 million more in convolutions that nothing runs.
    """
    return _hourglass(8, Published("", None, {"PCKh": 0.901}, AUTHORS))
