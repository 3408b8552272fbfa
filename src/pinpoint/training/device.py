"""Where a run computes and in which numbers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pinpoint.hub import ModelSpec
from pinpoint.training.processes import local_rank

__all__ = ["chosen_device", "device_of", "mixed_precision", "normalised", "on_device", "use_threads"]


def chosen_device() -> torch.device:
    """This process's accelerator, or the CPU."""
    return torch.device("cuda", local_rank()) if torch.cuda.is_available() else torch.device("cpu")


def use_threads(count: int) -> None:
    """Have torch compute with so many threads; 0 leaves it to torch."""
    if count:
        torch.set_num_threads(count)


def device_of(network: nn.Module) -> torch.device:
    """Where the parameters of a network are."""
    return next(network.parameters()).device


def mixed_precision(precision: str, device: torch.device) -> torch.dtype:
    """The type that convolutions compute in.

    Args:
        precision: `auto`, `float32`, `bfloat16` or `float16`; `auto` is bfloat16 where the processor
            multiplies it, float16 on a GPU that does not, and float32 on other processors.
        device: Where the run computes.
    """
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[precision]
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    return torch.bfloat16 if _multiplies_bfloat16() else torch.float32


def _multiplies_bfloat16() -> bool:
    """Whether this CPU does; on ARM torch's convolutions do not make use of it."""
    known = getattr(torch.cpu, "get_capabilities", dict)()  # not in older versions of torch
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def on_device(array: NDArray, device: torch.device) -> Tensor:
    """An array as a tensor, copied only where it has to be."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)


def normalised(images: Tensor, spec: ModelSpec) -> Tensor:
    """Turn uint8 images (B, h, w, 3) into what a network takes, (B, 3, h, w), channels last in memory.

    Whole rows are multiplied at once: over an axis of three, torch is six times slower.
    """
    batch, height, width, channels = images.shape
    scale = (1 / torch.tensor(spec.std, device=images.device)).repeat(width)
    offset = -torch.tensor(spec.mean, device=images.device).repeat(width) * scale
    rows = images.reshape(batch, height, width * channels).to(torch.float32)
    return torch.addcmul(offset, rows, scale).view(images.shape).permute(0, 3, 1, 2)
