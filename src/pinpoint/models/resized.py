"""Networks of other widths than their architecture has: layers are made to fit the weights they get."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["resize"]


def resize(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give layers as many channels as the weights of their names have, so that the weights can be loaded.

    Pruning leaves each layer a width of its own, which no setting of an architecture says; the shapes of the
    weights do. What the layers hold is lost where they change. How many keypoints there are does not change.

    Args:
        network: See `pinpoint.models.Network`.
        tensors: Weights by name; those that fit already, and those of no layer, change nothing.
    """
    kept = getattr(network, "keypoint_parameters", {})
    for place, module in network.named_modules():
        own = {name: f"{place}.{name}" if place else name for name in _names(module)}
        new = {name: tensors[full].shape for name, full in own.items() if full in tensors}
        if all(getattr(module, name).shape == shape for name, shape in new.items()):
            continue
        if any(
            own[name] in kept and getattr(module, name).shape[0] != shape[0] for name, shape in new.items()
        ):
            continue  # another number of keypoints is another network
        _set_widths(module, new)


def _names(module: nn.Module) -> list[str]:
    """What a module holds itself, by name."""
    tensors = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    return [name for name, _ in tensors]


def _set_widths(module: nn.Module, shapes: Mapping[str, torch.Size]) -> None:
    if isinstance(module, nn.Conv2d):
        outside, inside = shapes["weight"][:2]
        if module.groups == module.in_channels > 1:  # within each channel
            module.groups = outside
        module.in_channels, module.out_channels = inside * module.groups, outside
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = shapes["weight"]
    elif isinstance(module, _BatchNorm):
        module.num_features = shapes["weight"][0]
    else:
        return  # loading the weights says what does not fit
    for name, shape in shapes.items():
        old = getattr(module, name)
        empty = torch.zeros(shape, dtype=old.dtype, device=old.device)
        setattr(module, name, nn.Parameter(empty) if isinstance(old, nn.Parameter) else empty)
