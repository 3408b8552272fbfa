"""Running networks: one protocol, one file per engine."""

from pinpoint.runtime.session import Session, TensorSpec

__all__ = ["Session", "TensorSpec"]
