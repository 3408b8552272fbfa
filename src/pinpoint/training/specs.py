"""How the network of an architecture is fed and read, for the keypoints and the input that are wanted."""

from typing import Any

from pinpoint.geometry import Size
from pinpoint.hub import ModelSpec
from pinpoint.models import Architecture, fitted
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["TASKS", "codec_of", "spec_of"]

TASKS = {
    **dict.fromkeys(("aic14", "blazepose33", "body25", "coco17", "crowdpose14", "h36m17", "halpe26"), "body"),
    **dict.fromkeys(("lsp14", "mpii16", "openpose18", "person"), "body"),
    **dict.fromkeys(("coco_wholebody133", "halpe136"), "wholebody"),
    **dict.fromkeys(("face5", "face6", "face68", "facemesh468", "facemesh478", "wflw98"), "face"),
    **dict.fromkeys(("hand21", "interhand42"), "hand"),
}
"""What a skeleton is for, where it is not an object: an animal, or a kind of a user's own."""


def spec_of(kind: Architecture, columns: Skeleton, input_size: Size) -> ModelSpec:
    """How a network is fed and read, as its makers did.

    Args:
        kind: The architecture.
        columns: What its keypoints are.
        input_size: Width and height.
    """
    return ModelSpec(
        name=kind.name,
        task=kind.task or TASKS.get(columns.name, "object"),
        pipeline=kind.pipeline,
        skeleton=columns,
        codec=codec_of(kind, columns, input_size),
        input_size=input_size,
        mean=kind.mean,
        std=kind.std,
        pad_value=kind.pad_value,
        align=kind.align,
        box_scale=kind.box_scale,
        paper=kind.paper,
    )


def codec_of(kind: Architecture, columns: Skeleton, input_size: Size) -> Any:
    """The codec of an architecture: as published for its own keypoints, `fitted` to others."""
    codec = kind.codec(input_size)
    return codec if columns.keypoints == skeleton(kind.skeleton).keypoints else fitted(codec, columns)
