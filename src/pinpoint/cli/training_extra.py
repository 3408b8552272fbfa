"""What the commands that train need beyond the rest."""

from importlib.util import find_spec

__all__ = ["check_training_extra"]


def check_training_extra(*also: str) -> None:
    """See whether the packages of the extra `train` are there, without importing them.

    Args:
        also: Packages of it that not every command needs.

    Raises:
        ImportError: One is not; the message says how to get it.
    """
    if missing := [name for name in ("torch", "safetensors", *also) if find_spec(name) is None]:
        raise ImportError(
            f"this needs {' and '.join(missing)}, which are not installed: "
            'pip install "pinpoint-keypoints[train]"'
        )
