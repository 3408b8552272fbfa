"""Files of weights that other programs write."""

from pathlib import Path

__all__ = ["TORCH_SUFFIXES", "is_torch_file"]

TORCH_SUFFIXES = (".pt", ".pth", ".pth.tar", ".bin", ".ckpt")
"""What files are called that `torch.save` wrote, by published checkpoints."""


def is_torch_file(path: str | Path) -> bool:
    """Whether a name is that of a file which `torch.save` wrote."""
    return str(path).lower().endswith(TORCH_SUFFIXES)
