"""What the commands that train need beyond the rest."""

from importlib.util import find_spec

__all__ = ["check_training_extra"]


def check_training_extra() -> None:
    """See whether the packages of the extra `train` are there, without importing them.

    Raises:
        ImportError: One is not; the message says how to get it.
    """
    if missing := [name for name in ("torch", "safetensors") if find_spec(name) is None]:
        raise ImportError(
            f"this needs {' and '.join(missing)}, which are not installed: "
            'pip install "pinpoint-keypoints[train]"'
        )
