"""SimpleBaseline (arXiv 1804.06208): a ResNet, three deconvolutions, one map per keypoint.

Parts bear the names that mmpose gives them; `official` also takes the authors' own.
"""

from functools import partial

from torch import Tensor, nn

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.models import Architecture, Published
from pinpoint.models.heatmap_head import HeatmapHead, mmpose_names, quarter_heatmaps
from pinpoint.models.resnet import ResNet

__all__ = ["SimpleBaseline", "simplebaseline_r50", "simplebaseline_r101", "simplebaseline_r152"]

WIDTH = 256  # of each deconvolution
COARSEST = 32  # input pixels per cell of the features
SOURCE = (
    "arXiv 1902.09212, table 1: parameters, GFLOPs and COCO val2017 at 256 x 192, with the authors' person "
    "detector; the paper of the network itself prints the accuracy only"
)


class SimpleBaseline(nn.Module):
    """One map per keypoint.

    Args:
        codec: Heatmaps at a quarter of the input.
        keypoints: How many there are.
        depth: Of the ResNet.
    """

    keypoint_parameters = {"head.final_layer.weight": 1, "head.final_layer.bias": 1}  # noqa: RUF012

    def __init__(self, codec: Heatmap, keypoints: int, *, depth: int) -> None:
        super().__init__()
        self.backbone = ResNet(depth)
        self.head = HeatmapHead(self.backbone.channels[-1], keypoints, (WIDTH, WIDTH, WIDTH))

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Maps (B, K, h / 4, w / 4) of images (B, 3, h, w)."""
        return (self.head(self.backbone(images)[-1]),)

    def readable(self, maps: Tensor) -> tuple[Tensor]:
        """The maps as they are: they are taught to be bells of height 1."""
        return (maps,)


def _simplebaseline(depth: int, published: Published) -> Architecture:
    return Architecture(
        name=f"simplebaseline-r{depth}",
        pipeline="top-down",
        build=partial(SimpleBaseline, depth=depth),
        codec=partial(quarter_heatmaps, multiple=COARSEST),
        input_size=(192, 256),
        loss="heatmap-mse",
        paper="1804.06208",
        official=mmpose_names,
        published=published,
    )


def simplebaseline_r50() -> Architecture:
    """34.0 million parameters, 8.9 GFLOPs."""
    return _simplebaseline(50, Published("34.0", 8.9, {"AP": 0.704, "AR": 0.763}, SOURCE))


def simplebaseline_r101() -> Architecture:
    """53.0 million parameters, 12.4 GFLOPs."""
    return _simplebaseline(101, Published("53.0", 12.4, {"AP": 0.714, "AR": 0.771}, SOURCE))


def simplebaseline_r152() -> Architecture:
    """68.6 million parameters, 15.7 GFLOPs."""
    return _simplebaseline(152, Published("68.6", 15.7, {"AP": 0.720, "AR": 0.778}, SOURCE))
