"""Sapiens for poses: a large plain vision transformer on large crops, and deconvolutions (arXiv 2408.12569).

Written from the paper and the model cards (https://huggingface.co/facebook/sapiens-pose-0.3b-torchscript and
its sisters); the authors' code may not be used commercially and was not read. From those two are: patches of
16 x 16 of 1024 x 768 pixels, the widths, blocks and heads of the four sizes, and a head of deconvolutions and
convolutions of 1 x 1 that puts out heatmaps.

Not printed there, and so not verified, are the channels of the head (768 throughout), that the transformer
has no class token, and the spread of the bells (6 cells of a map of a quarter of the input). With them, and
the authors' 308 keypoints, the networks of .3, .6 and 1 billion come to 1.319, 2.645 and 4.676 GB, where the
authors' files have 1.32, 2.65 and 4.68. Parts are read by the names of mmpretrain's transformer and mmpose's
head, on which the paper says that it builds.
"""

from functools import partial

from pinpoint.models import Architecture, Published
from pinpoint.models.heatmap_head import HeatmapHead
from pinpoint.models.transformer import Depths
from pinpoint.models.transformer_names import transformer_names
from pinpoint.models.vitpose import ViTPose, udp_heatmaps

__all__ = ["sapiens_0_3b", "sapiens_0_6b", "sapiens_1b", "sapiens_2b"]

HEAD = partial(HeatmapHead, deconvolutions=(768, 768), pointwise=(768, 768))


def _sapiens(size: str, depths: Depths, gflops: float, printed: str) -> Architecture:
    source = (
        f"Model cards of facebook/sapiens-pose. They print {printed} billion parameters, which is what "
        "pretraining had: the transformer at 1024 x 1024 pixels and the decoder of a masked autoencoder, 8 "
        "blocks of 512 (arXiv 2111.06377); the FLOPs are those of its linear layers at 1024 x 1024, without "
        "the products of attention"
    )
    return Architecture(
        name=f"sapiens-{size}",
        pipeline="top-down",
        build=partial(ViTPose, depths=depths, head=HEAD),
        codec=partial(udp_heatmaps, sigma=6.0),
        input_size=(768, 1024),
        loss="heatmap-mse",
        paper="2408.12569",
        skeleton="coco_wholebody133",
        official=transformer_names,
        published=Published("", gflops, {}, source),
    )


def sapiens_0_3b() -> Architecture:
    """330 million parameters."""
    return _sapiens("0.3b", Depths(1024, 24, 16), 1242.0, ".336")


def sapiens_0_6b() -> Architecture:
    """661 million parameters."""
    return _sapiens("0.6b", Depths(1280, 32, 16), 2583.0, ".664")


def sapiens_1b() -> Architecture:
    """1.17 billion parameters."""
    return _sapiens("1b", Depths(1536, 40, 24), 4647.0, "1.169")


def sapiens_2b() -> Architecture:
    """2.17 billion parameters."""
    return _sapiens("2b", Depths(1920, 48, 32), 8709.0, "2.163")
