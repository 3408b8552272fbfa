"""Where a model comes from."""

from pathlib import Path

__all__ = ["ModelSource", "check_readable", "source_name"]

ModelSource = Path | str | bytes
"""Where a model file is, or what it holds."""


def source_name(model: ModelSource, kind: str) -> str:
    """Name a model in a message: its path, or its kind where there is none."""
    return f"{kind} model" if isinstance(model, bytes) else str(model)


def check_readable(model: ModelSource) -> None:
    """Open the file once: engines have words of their own for a file that is not there.

    Raises:
        OSError: The file cannot be read; FileNotFoundError if there is none.
        ValueError: It is empty.
    """
    if isinstance(model, bytes):
        empty = not model
    else:
        with Path(model).open("rb") as file:
            empty = not file.read(1)
    if empty:
        raise ValueError(f"{source_name(model, 'the')} is empty")
