"""Where a run computes and in which numbers."""

import torch
from torch import Tensor, nn

from pinpoint.hub import ModelSpec

__all__ = ["chosen_device", "device_of", "mixed_precision", "normalised"]


def chosen_device() -> torch.device:
    """The first accelerator, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Where the parameters of a network are."""
    return next(network.parameters()).device


def mixed_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type that convolutions compute in.

    Args:
        precision: `auto`, `float32` or `bfloat16`; `auto` is bfloat16 where the processor multiplies it.
        device: Where the run computes.
    """
    if precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    quick = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if quick else torch.float32


def normalised(images: Tensor, spec: ModelSpec) -> Tensor:
    """Turn uint8 images (B, h, w, 3) into what a network takes, (B, 3, h, w), channels last in memory."""
    mean = torch.tensor(spec.mean, device=images.device)
    scale = 1 / torch.tensor(spec.std, device=images.device)
    return images.to(torch.float32).sub_(mean).mul_(scale).permute(0, 3, 1, 2)
