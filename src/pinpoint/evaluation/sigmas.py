"""Which OKS falloffs an evaluation takes, and where they come from."""

import numpy as np

from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = ["SIGMA", "assumed_sigmas"]

SIGMA = 0.05
"""OKS falloff of keypoints for which nobody published one: between those of COCO's faces (.025 to .035) and
bodies (.062 to .107). An error of .12 of the object's size, the root of its area, then gives an OKS of .5."""


def assumed_sigmas(columns: Skeleton, other: Skeleton | None = None) -> tuple[Float, str]:
    """Return the falloffs of a skeleton, shape (K,), and say in words whose they are.

    Args:
        columns: What is labelled; its own falloffs come first.
        other: What predicts; its falloffs stand in by name, and `SIGMA` for what it lacks. Where it says
            `SIGMA` itself, that was assumed when it was trained.
    """
    if columns.sigmas is not None:
        return np.array(columns.sigmas), f"those of {columns.name}"
    known = (
        {} if other is None or other.sigmas is None else dict(zip(other.keypoints, other.sigmas, strict=True))
    )
    shared = [name for name in columns.keypoints if known.get(name, SIGMA) != SIGMA]
    values = np.array([known.get(name, SIGMA) for name in columns.keypoints])
    whose = f"those of the model for {len(shared)} keypoints" if shared else ""
    rest = f"{SIGMA:g} for {len(columns) - len(shared)} that nobody published one for"
    return values, ", ".join(part for part in (whose, rest if len(shared) < len(columns) else "") if part)
