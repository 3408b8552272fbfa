"""Reading regions of feature maps as small maps of one size: RoIAlign (arXiv 1703.06870) in plain torch."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["pyramid_align", "roi_align"]

USUAL_SIDE, USUAL_LEVEL = (
    224,
    4,
)  # regions as large as ImageNet's pictures are read at 1/16
CLOSE = 1e-6  # so much below a power of two counts as one


def roi_align(
    features: Tensor,
    rois: Tensor,
    output_size: int,
    *,
    scale: float = 1.0,
    samples: int = 2,
    aligned: bool = False,
) -> Tensor:
    """Mean of a few bilinear samples in each cell of a grid over each region.

    Samples at most one cell outside the map are those of its edge, beyond they are 0. Exported to ONNX this
    is the operator `RoiAlign`.

    Args:
        features: Shape (B, C, h, w).
        rois: Index of the picture, x1 y1 x2 y2, shape (R, 5).
        output_size: Cells of the grid each way.
        scale: Cells of the map per unit of the regions.
        samples: Samples per cell each way.
        aligned: Whether cell c of the map covers c .. c + 1, so that half a cell is taken off. If not,
            regions count as one cell wide and high at least, as in the first code.

    Returns:
        Shape (R, C, output_size, output_size).
    """
    if torch.onnx.is_in_onnx_export():
        return _Exported.apply(features, rois, output_size, scale, samples, aligned)
    return _sampled(features, rois, output_size, scale, samples, aligned)


def pyramid_align(pyramid: Sequence[Tensor], rois: Tensor, output_size: int, finest: int = 2) -> Tensor:
    """Read each region from the level of a pyramid that goes with its size (arXiv 1612.03144, equation 1).

    Args:
        pyramid: Maps (B, C, h, w) at 1 / 2^finest of the input, 1 / 2^(finest + 1) and so on.
        rois: Index of the picture, x1 y1 x2 y2 in input pixels, shape (R, 5).
        output_size: Cells of the grid each way.
        finest: Level of the first map.

    Returns:
        Shape (R, C, output_size, output_size).
    """
    side = (rois[:, 3:] - rois[:, 1:3]).prod(dim=1).clamp_min(0).sqrt()
    level = (USUAL_LEVEL + torch.log2(side / USUAL_SIDE) + CLOSE).floor()
    level = level.clamp(finest, finest + len(pyramid) - 1) - finest
    rows, read = [], []
    for place, features in enumerate(pyramid):
        (own,) = (level == place).nonzero(as_tuple=True)
        rows.append(own)
        read.append(roi_align(features, rois[own], output_size, scale=2.0 ** -(finest + place)))
    return torch.cat(read)[torch.cat(rows).argsort()]


class _Exported(torch.autograd.Function):
    """RoIAlign as one operator of an ONNX file."""

    @staticmethod
    def forward(_: Any, *arguments: Any) -> Tensor:
        return _sampled(*arguments)

    @staticmethod
    def symbolic(
        g: Any, features: Any, rois: Any, output_size: int, scale: float, samples: int, aligned: bool
    ) -> Any:
        pictures, boxes = (
            g.op("Gather", rois, g.op("Constant", value_t=torch.tensor(columns)), axis_i=1)
            for columns in (0, [1, 2, 3, 4])
        )
        read = g.op(
            "RoiAlign",
            features,
            boxes,
            g.op("Cast", pictures, to_i=7),  # int64
            coordinate_transformation_mode_s="half_pixel" if aligned else "output_half_pixel",
            output_height_i=output_size,
            output_width_i=output_size,
            sampling_ratio_i=samples,
            spatial_scale_f=scale,
        )
        return read.setType(features.type().with_sizes([None, None, output_size, output_size]))


def _sampled(
    features: Tensor, rois: Tensor, output_size: int, scale: float, samples: int, aligned: bool
) -> Tensor:
    """Each cell is one weighted sum of the places around its samples, which takes no room for the samples."""
    batch, channels, height, width = features.shape
    exact = torch.promote_types(features.dtype, torch.float32)  # 16 bits cannot tell places in a cell
    boxes = rois[:, 1:] * scale - (0.5 if aligned else 0.0)
    across, down = (_lines(boxes[:, axis::2], output_size, samples, aligned) for axis in (0, 1))
    columns, column_weights = _neighbours(across, width)
    rows, row_weights = _neighbours(down, height)
    first = rois[:, 0].long()[:, None, None, None, None] * (height * width)
    places = first + rows[:, :, None, :, None] * width + columns[:, None, :, None, :]
    weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    table = features.to(exact).permute(0, 2, 3, 1).reshape(batch * height * width, channels)
    each = 4 * samples**2
    read = functional.embedding_bag(
        places.reshape(-1, each),
        table,
        per_sample_weights=weights.reshape(-1, each).to(exact) / samples**2,
        mode="sum",
    )
    return read.reshape(-1, output_size, output_size, channels).permute(0, 3, 1, 2)


def _lines(ends: Tensor, cells: int, samples: int, aligned: bool) -> Tensor:
    """Where samples lie along one axis, shapes (R, 2) -> (R, cells, samples)."""
    length = ends[:, 1] - ends[:, 0]
    length = length if aligned else length.clamp_min(1)
    cell = (length / cells)[:, None, None]
    firsts = ends[:, :1, None] + torch.arange(cells, device=ends.device)[:, None] * cell
    return firsts + (torch.arange(samples, device=ends.device) + 0.5) * cell / samples


def _neighbours(places: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The two cells around places on a line of cells and what each weighs, (R, n, s) -> (R, n, 2s)."""
    seen = (places >= -1) & (places <= length)
    inside = places.clamp(0, length - 1)
    low = inside.floor()
    share = inside - low
    cells = torch.cat([low, (low + 1).clamp_max(length - 1)], dim=2).long()
    return cells, torch.cat([(1 - share) * seen, share * seen], dim=2)
