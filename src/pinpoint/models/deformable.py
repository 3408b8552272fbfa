"""Convolution whose taps are moved, each by its own offset at each place (arXiv 1703.06211, 1811.11168).

Written with `grid_sample`, so that it trains on every device and exports without operators of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DeformConv", "deform_conv2d"]

Pair = int | tuple[int, int]


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
) -> Tensor:
    """Deformable convolution; the second version where there is a mask. Outside the picture all is 0.

    Channels come in G groups that share their offsets, and in groups of the weights; both numbers are read
    from the shapes.

    Args:
        x: Features (B, C, H, W).
        offset: How far each of the T = kh * kw taps is moved, y before x, in cells of `x`, shape
            (B, 2GT, h, w), h and w the size of the result.
        mask: What each tap is multiplied by, shape (B, GT, h, w); none: 1.
        weight: Shape (O, C / groups, kh, kw).
        bias: Shape (O,).
        stride: Step from one place to the next, down and across.
        padding: Cells of 0 around the picture.
        dilation: Step from one tap to the next.

    Returns:
        Shape (B, O, h, w).

    Raises:
        ValueError: The offsets are not two per tap and group.
    """
    outside, taps = weight.shape[0], weight.shape[2] * weight.shape[3]
    channels, (height, width), (h, w) = x.shape[1], x.shape[2:], offset.shape[2:]
    groups = offset.shape[1] // (2 * taps)
    if not groups or offset.shape[1] != 2 * taps * groups or channels % groups:
        need = f"{2 * taps} for each group of {channels} channels"
        raise ValueError(f"offset has {offset.shape[1]} channels, expected {need}")
    exact = torch.promote_types(offset.dtype, torch.float32)  # 16 bits cannot tell places in a large picture
    places = _places(weight, (h, w), (stride, padding, dilation)).to(offset.device, exact)
    down, across = (offset.to(exact).reshape(-1, taps, 2, h, w) + places).unbind(dim=2)
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], dim=-1).flatten(1, 2)
    features = x.to(exact).reshape(-1, channels // groups, height, width)
    columns = functional.grid_sample(features, grid, align_corners=False).to(x.dtype)
    if mask is not None:
        columns = columns * mask.reshape(-1, 1, taps * h, w)
    shares = channels // weight.shape[1]
    columns = columns.reshape(-1, shares, weight.shape[1] * taps, h * w)
    result = (weight.reshape(shares, outside // shares, -1) @ columns).reshape(-1, outside, h, w)
    return result if bias is None else result + bias[:, None, None]


def _places(weight: Tensor, size: tuple[int, int], steps: tuple[Pair, Pair, Pair]) -> Tensor:
    """Where taps are that are not moved, y and x in cells of the features, shape (T, 2, h, w)."""
    lines = []
    for axis in range(2):
        stride, padding, dilation = (step if isinstance(step, int) else step[axis] for step in steps)
        tap, place = torch.arange(weight.shape[2 + axis]), torch.arange(size[axis])
        lines.append(tap[:, None] * dilation + place * stride - padding)
    (kh, h), (kw, w) = lines[0].shape, lines[1].shape
    y = lines[0][:, None, :, None].expand(kh, kw, h, w)
    x = lines[1][None, :, None, :].expand(kh, kw, h, w)
    return torch.stack([y, x], dim=2).flatten(0, 1)


class DeformConv(nn.Conv2d):
    """The weights of a convolution, applied where offsets tell; arguments are those of `nn.Conv2d`."""

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """See `deform_conv2d`."""
        steps = (self.stride, self.padding, self.dilation)
        return deform_conv2d(x, offset, mask, self.weight, self.bias, *steps)  # pyright: ignore[reportArgumentType]
