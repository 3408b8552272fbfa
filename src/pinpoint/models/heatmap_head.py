"""The head of plain heatmap networks (arXiv 1804.06208), how they are read, and what files call their parts.

SimpleBaseline, HRNet and others share it: deconvolutions, if any, and one convolution of 1 x 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.geometry import Size
from pinpoint.models.distribution import heatmaps_of

__all__ = ["HeatmapHead", "mmpose_names", "quarter_heatmaps"]

SPREAD = 0.001  # of the weights of a head at the start, as published
TRAINING_ONLY = ("data_preprocessor.", "head.loss_module.", "keypoint_head.loss.")


class HeatmapHead(nn.Module):
    """One map per keypoint, twice as fine as the features for each deconvolution.

    Args:
        inside: Channels of the features.
        keypoints: How many there are.
        deconvolutions: Channels of each deconvolution of 4 x 4.
        pointwise: Channels of each convolution of 1 x 1 after them.
    """

    def __init__(
        self,
        inside: int,
        keypoints: int,
        deconvolutions: Sequence[int] = (),
        pointwise: Sequence[int] = (),
    ) -> None:
        super().__init__()
        widths = (inside, *deconvolutions)
        layers = [layer for pair in zip(widths, deconvolutions, strict=False) for layer in _finer(*pair)]
        self.deconv_layers = nn.Sequential(*layers)
        mixed = (widths[-1], *pointwise)
        layers = [layer for pair in zip(mixed, pointwise, strict=False) for layer in _mixed(*pair)]
        self.conv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(mixed[-1], keypoints, 1)
        self.apply(_start_small)

    def forward(self, features: Tensor) -> Tensor:
        """Maps (B, K, h', w') of features (B, C, h, w)."""
        return self.final_layer(self.conv_layers(self.deconv_layers(features)))


def _finer(inside: int, outside: int) -> list[nn.Module]:
    """Twice the height and width."""
    grow = nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False)
    return [grow, nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]


def _mixed(inside: int, outside: int) -> list[nn.Module]:
    """Each cell by itself."""
    return [nn.Conv2d(inside, outside, 1), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=SPREAD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def quarter_heatmaps(input_size: Size, multiple: int = 4) -> Heatmap:
    """Maps of a quarter of the input with bells of 2 cells, read to a quarter cell, as published.

    Args:
        input_size: Width and height.
        multiple: What both must be a multiple of.

    Raises:
        ValueError: A side is no such multiple.
    """
    return replace(heatmaps_of(input_size, multiple), sigma=2.0, refine="quarter", blur=11)


def mmpose_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of Microsoft's files (`stage4...`, `final_layer...`) and of mmpose's by the names of mmpose 1.

    mmpose calls the parts `backbone` and `head`, and called the latter `keypoint_head` before version 1.
    Microsoft's files have no such prefixes, and `module.` where they were written by several processes.
    """
    plain = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return {_renamed(name): plain[name] for name in plain if not name.startswith(TRAINING_ONLY)}


def _renamed(name: str) -> str:
    part = name.partition(".")[0]
    if part in ("backbone", "neck", "head"):
        return name
    if part == "keypoint_head":
        return name.replace(part, "head", 1)
    return f"{'head' if part in ('final_layer', 'deconv_layers') else 'backbone'}.{name}"
