"""DWPose: RTMPose for whole bodies, taught by a larger one and then by itself (arXiv 2307.15880).

The network is RTMPose's with 133 keypoints; what differs is how it is taught. First the features and the
rulers of a larger network are to be told as well as the labels, less and less so; then the head alone learns
once more from the network that this gave. `pinpoint.losses.distillation` has both.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from pinpoint.geometry import Size
from pinpoint.models import Architecture, Published
from pinpoint.models.rtmpose import rtmpose

__all__ = ["dwpose_l", "dwpose_m", "dwpose_s", "dwpose_t"]

SOURCE = (
    "arXiv 2307.15880, table 2: COCO-WholeBody val, whole AP, trained on COCO-WholeBody and UBody, with "
    "SimpleBaseline's person detector; parameters are not printed"
)


def student_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a published file, or of what mmpose writes while it distils: the student's alone."""
    left = ("teacher.", "distill_losses.", "data_preprocessor.")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(left)}
    return {name.removeprefix("student."): tensor for name, tensor in kept.items()}


def _dwpose(
    size: str, depth: float, width: float, figures: tuple[float, float], input_size: Size = (192, 256)
) -> Architecture:
    """One size; figures are GFLOPs and whole AP."""
    gflops, ap = figures
    plan = rtmpose(f"dwpose-{size}", depth, width, Published("", gflops, {"AP": ap}, SOURCE), input_size)
    return replace(plan, paper="2307.15880", skeleton="coco_wholebody133", official=student_tensors)


def dwpose_t() -> Architecture:
    """5.5 million parameters, .5 GFLOPs."""
    return _dwpose("t", 0.167, 0.375, (0.5, 0.485))


def dwpose_s() -> Architecture:
    """8.4 million parameters, .9 GFLOPs."""
    return _dwpose("s", 0.33, 0.5, (0.9, 0.538))


def dwpose_m() -> Architecture:
    """18 million parameters, 2.2 GFLOPs."""
    return _dwpose("m", 0.67, 0.75, (2.2, 0.606))


def dwpose_l() -> Architecture:
    """33.7 million parameters, 10.1 GFLOPs; published for 256 x 192 pixels too (4.5 GFLOPs, AP .631)."""
    return _dwpose("l", 1.0, 1.0, (10.1, 0.665), (288, 384))
