"""ViTPose: a plain vision transformer and a small head that puts out heatmaps (arXiv 2204.12484).

The classic head doubles the features twice by deconvolutions; the simple one enlarges them four times and
convolves once. Parts bear the names of the published checkpoints; those of mmpose and of Hugging Face's
transformers are read too.
"""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.heatmap_head import HeatmapHead
from pinpoint.models.transformer import PATCH, Depths, VisionTransformer
from pinpoint.models.transformer_names import transformer_names

__all__ = [
    "BASE",
    "HUGE",
    "LARGE",
    "SMALL",
    "SimpleHead",
    "ViTPose",
    "classic_head",
    "udp_heatmaps",
    "vitpose_b",
    "vitpose_h",
    "vitpose_l",
    "vitpose_s",
]

CELL = 4  # input pixels per cell of a heatmap
SPREAD = 0.001  # of the weights of a head at the start
SMALL = Depths(384, 12, 12, skipped=0.1)
BASE = Depths(768, 12, 12, skipped=0.3)
LARGE = Depths(1024, 24, 16, skipped=0.5)
HUGE = Depths(1280, 32, 16, skipped=0.55)

Head = Callable[[int, int], nn.Module]
"""Makes a head for a number of channels and of keypoints."""

classic_head: Head = partial(HeatmapHead, deconvolutions=(256, 256))
"""Two deconvolutions of 4 x 4 and a convolution of 1 x 1."""


class SimpleHead(nn.Module):
    """One map per keypoint, four times as fine as the features, by one convolution of 3 x 3.

    Args:
        inside: Channels of the features.
        keypoints: How many there are.
    """

    def __init__(self, inside: int, keypoints: int) -> None:
        super().__init__()
        self.final_layer = nn.Conv2d(inside, keypoints, 3, padding=1)
        nn.init.normal_(self.final_layer.weight, std=SPREAD)
        nn.init.zeros_(self.final_layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Tensor) -> Tensor:
        """Maps (B, K, 4 h, 4 w) of features (B, C, h, w)."""
        finer = functional.interpolate(
            functional.relu(features), scale_factor=4.0, mode="bilinear", align_corners=False
        )
        return self.final_layer(finer)


HEADS: dict[str, Head] = {"classic": classic_head, "simple": SimpleHead}


class ViTPose(nn.Module):
    """One heatmap per keypoint.

    Args:
        codec: Heatmaps of a quarter of the input; the network can be fed its input size only.
        keypoints: How many there are.
        depths: How wide and deep the transformer is.
        head: Makes the head.
        mlp: Makes the feed-forward part of a block; none takes the plain one.
    """

    keypoint_parameters = {"head.final_layer.weight": 1, "head.final_layer.bias": 1}  # noqa: RUF012

    def __init__(
        self,
        codec: Heatmap,
        keypoints: int,
        *,
        depths: Depths,
        head: Head = classic_head,
        mlp: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        parts = {} if mlp is None else {"mlp": mlp}
        self.backbone = VisionTransformer(depths, codec.input_size, **parts)
        self.head = head(depths.width, keypoints)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Maps (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self.backbone(images)),)

    def readable(self, maps: Tensor) -> tuple[Tensor]:
        """The maps as they are: they are taught to be bells of height 1."""
        return (maps,)


def udp_heatmaps(input_size: Size, sigma: float = 2.0, blur: int = 11) -> Heatmap:
    """Maps of a quarter of the input whose first and last cells are its first and last pixels.

    Args:
        input_size: Width and height.
        sigma: Spread of the bells in cells.
        blur: Cells across which maps are smoothed before they are read (arXiv 1910.06278), odd.

    Raises:
        ValueError: A side is no multiple of 16.
    """
    width, height = input_size
    if width % PATCH or height % PATCH:
        raise ValueError(f"an input of {width} x {height} pixels does not fit, expected multiples of {PATCH}")
    return Heatmap(input_size, (width // CELL, height // CELL), sigma=sigma, blur=blur, udp=True)


def vitpose_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a checkpoint by our names, without what its training on several data sets left in it.

    Checkpoints of ViTPose++ that its authors' script has split are of plain ViTPose, but the one for COCO
    still holds the experts and heads of the others.
    """
    left = ("associate_keypoint_heads.", "associate_heads.")
    found = transformer_names(tensors)
    return {n: t for n, t in found.items() if not n.startswith(left) and ".mlp.experts." not in n}


SOURCE = (
    "AP: README of ViTAE-Transformer/ViTPose, COCO val2017, single-task training, flip test, boxes of a "
    "detector with AP .56 on persons. Parameters: the count of transformers' VitPoseForPoseEstimation for 17 "
    "keypoints; the paper prints 86, 307 and 632 for B, L and H, which are those of the classifiers of arXiv "
    "2010.11929, without a head for poses"
)


def _vitpose(
    name: str, depths: Depths, decoder: str, figures: Mapping[str, tuple[str, float]]
) -> Architecture:
    """One size with one of two decoders; figures are millions of parameters and the AP with each."""
    parameters, ap = figures[decoder]
    return Architecture(
        name=name if decoder == "classic" else f"{name}.{decoder}",
        pipeline="top-down",
        build=partial(ViTPose, depths=depths, head=HEADS[decoder]),
        codec=udp_heatmaps,
        input_size=(192, 256),
        loss="heatmap-mse",
        paper="2204.12484",
        official=vitpose_tensors,
        published=Published(parameters, None, {"AP": ap}, SOURCE),
    )


def vitpose_s(decoder: str = "classic") -> Architecture:
    """24 million parameters; 22 with the simple decoder."""
    return _vitpose("vitpose-s", SMALL, decoder, {"classic": ("24.3", 0.738), "simple": ("21.7", 0.735)})


def vitpose_b(decoder: str = "classic") -> Architecture:
    """90 million parameters; 86 with the simple decoder."""
    return _vitpose("vitpose-b", BASE, decoder, {"classic": ("90.0", 0.758), "simple": ("85.9", 0.755)})


def vitpose_l(decoder: str = "classic") -> Architecture:
    """309 million parameters; 304 with the simple decoder."""
    return _vitpose("vitpose-l", LARGE, decoder, {"classic": ("308.5", 0.783), "simple": ("303.5", 0.782)})


def vitpose_h(decoder: str = "classic") -> Architecture:
    """637 million parameters; 631 with the simple decoder."""
    return _vitpose("vitpose-h", HUGE, decoder, {"classic": ("637.2", 0.791), "simple": ("631.1", 0.789)})
