"""How many threads to compute with."""

import os

__all__ = ["check_threads", "usable_cores"]


def check_threads(threads: int) -> None:
    """Refuse a negative number.

    Raises:
        ValueError: It is negative.
    """
    if threads < 0:
        raise ValueError(f"threads is {threads}, expected at least 1, or 0 for what suits the machine")


def usable_cores() -> int:
    """Number of logical cores that this process may run on; in a pinned container, fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
