"""What goes wrong with a user's own files."""

from pathlib import Path

__all__ = ["DefectError", "UnreadableError"]


class DefectError(ValueError):
    """What is wrong with some bytes, where the name of their file is not known."""


class UnreadableError(ValueError):
    """An input that cannot be read.

    It survives being sent between processes, and its message is one line whatever the file is called.

    Args:
        path: The file, folder, camera or address as the user gave it.
        reason: What is wrong with it and what to do, such as "it is empty: copy it again".
    """

    def __init__(self, path: str | Path, reason: str):
        super().__init__(str(path), reason)
        self.path = str(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read {self.path!r}: {self.reason}"
