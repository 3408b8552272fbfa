"""Opening what FFmpeg reads, with every PyAV that is supported."""

from collections.abc import Mapping
from typing import Any

import av
from av.container import InputContainer

__all__ = ["open_container"]

# A title in an old encoding must not keep a video shut. PyAV 19 sees to that itself and has no such setting.
_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def open_container(
    address: str, *, options: Mapping[str, str] | None = None, timeout: float | None = None
) -> InputContainer:
    """Open a file (`file:...`) or a stream for reading.

    Args:
        address: What FFmpeg is to open.
        options: FFmpeg's own.
        timeout: Seconds to wait for it, and for each packet.

    Raises:
        av.error.FFmpegError: It cannot be opened.
    """
    return av.open(address, options=dict(options or {}), timeout=timeout, **_LENIENT)
