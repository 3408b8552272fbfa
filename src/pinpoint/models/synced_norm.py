"""Batch norm over the samples of all processes, on any device; torch's own does it on GPUs only."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["SyncedNorm", "sync_norms"]


class SyncedNorm(_BatchNorm):
    """Batch norm (arXiv 1502.03167) whose mean and variance are those of the batches of all processes.

    In evaluation mode, and in a process without others, it is torch's own. A process may have no sample.

    Raises:
        ValueError: All processes together have one value per channel, which has no variance.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Keep the shape (B, C, ...)."""
        if not self.training or not distributed.is_initialized():
            return super().forward(input)
        normal, mean, variance, count = _Normal.apply(input, self.eps)  # pyright: ignore[reportGeneralTypeIssues]
        if self.track_running_stats:
            self._remember(mean, variance * count / (count - 1))
        if self.weight is None:
            return normal
        shape = _along_channels(input)
        return (normal * self.weight.view(shape) + self.bias.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        for old, new in ((self.running_mean, mean), (self.running_var, variance)):
            assert old is not None
            old.lerp_(new.to(old.dtype), share)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes will do."""


def sync_norms(network: nn.Module) -> nn.Module:
    """Return the network with every batch norm over all processes; its parameters stay the same objects."""
    if any(parameter.is_cuda for parameter in network.parameters()):
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return _with_synced(network)


def _with_synced(network: nn.Module) -> nn.Module:
    if isinstance(network, _BatchNorm):
        return _synced(network)
    for name, part in network.named_children():
        setattr(network, name, _with_synced(part))
    return network


def _synced(norm: _BatchNorm) -> SyncedNorm:
    options = (norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    synced = SyncedNorm(norm.num_features, *options)
    synced.weight, synced.bias = norm.weight, norm.bias
    synced.running_mean, synced.running_var = norm.running_mean, norm.running_var
    synced.num_batches_tracked = norm.num_batches_tracked
    return synced.train(norm.training)


class _Normal(torch.autograd.Function):
    """Values less their mean, divided by their spread; both are of all processes, and so is the gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normal values in float32 or more, mean (C,), variance (C,) and how many values a channel has."""
        wide = values.to(torch.promote_types(values.dtype, torch.float32))
        mean, variance, count = _joined(*_moments(wide))
        if count <= 1:
            raise ValueError(
                f"Expected more than 1 value per channel when training, got {int(count)} in all processes"
            )
        shape = _along_channels(values)
        scale = (variance + eps).rsqrt()
        normal = (wide - mean.view(shape)) * scale.view(shape)
        ctx.save_for_backward(normal, scale, count)
        ctx.mark_non_differentiable(mean, variance, count)
        ctx.dtype = values.dtype
        return normal, mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """What is left of a gradient when mean and spread are held."""
        normal, scale, count = ctx.saved_tensors
        gradient = gradients[0]
        axes, shape = _other_axes(normal), _along_channels(normal)
        sums = torch.stack([gradient.sum(axes), (gradient * normal).sum(axes)])
        distributed.all_reduce(sums)
        level, slope = (sums / count).unbind()
        rest = gradient - level.view(shape) - normal * slope.view(shape)
        return (rest * scale.view(shape)).to(ctx.dtype), None


def _moments(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and sum of squares around it, each (C,), and how many values a channel has here."""
    axes = _other_axes(values)
    count = values.numel() // values.shape[1]
    mean = values.sum(axes) / max(1, count)
    squares = (values - mean.view(_along_channels(values))).square().sum(axes)
    return mean, squares, values.new_tensor(float(count))


def _joined(mean: Tensor, squares: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and count of all processes from those of each.

    Sums of squares around each one's own mean lose no digits where the mean is large (Chan et al. 1979).
    """
    own = torch.cat([mean, squares, count[None]])
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    means, spreads, counts = torch.stack(parts).split([len(mean), len(mean), 1], dim=1)
    whole = counts.sum().clamp_min(1)
    middle = (means * counts).sum(0) / whole
    around = (spreads + counts * (means - middle).square()).sum(0)
    return middle, around / whole, counts.sum()


def _other_axes(values: Tensor) -> list[int]:
    return [axis for axis in range(values.ndim) if axis != 1]


def _along_channels(values: Tensor) -> list[int]:
    return [1, -1, *[1] * (values.ndim - 2)]
