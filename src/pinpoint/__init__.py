"""Keypoints of bodies, faces, hands and your own objects, in images and video."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinpoint.io.formats import open_writer, read, read_records, write
    from pinpoint.io.images import read_image, write_image
    from pinpoint.io.records import Record
    from pinpoint.io.video import read_video
    from pinpoint.keypoints import Keypoints, convert
    from pinpoint.pipelines.load import load
    from pinpoint.skeletons import Skeleton, skeleton
    from pinpoint.stream.watch import watch
    from pinpoint.viz import draw

    __version__: str

__all__ = [
    "Keypoints",
    "Record",
    "Skeleton",
    "__version__",
    "convert",
    "draw",
    "load",
    "open_writer",
    "read",
    "read_image",
    "read_records",
    "read_video",
    "skeleton",
    "watch",
    "write",
    "write_image",
]

# A name is imported when it is first asked for: `import pinpoint` alone loads no runtime and no codec.
_HOMES = {
    "Keypoints": "pinpoint.keypoints",
    "Record": "pinpoint.io.records",
    "Skeleton": "pinpoint.skeletons",
    "convert": "pinpoint.keypoints",
    "draw": "pinpoint.viz",
    "load": "pinpoint.pipelines.load",
    "open_writer": "pinpoint.io.formats",
    "read": "pinpoint.io.formats",
    "read_image": "pinpoint.io.images",
    "read_records": "pinpoint.io.formats",
    "read_video": "pinpoint.io.video",
    "skeleton": "pinpoint.skeletons",
    "watch": "pinpoint.stream.watch",
    "write": "pinpoint.io.formats",
    "write_image": "pinpoint.io.images",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _installed_version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _installed_version() -> str:
    from importlib.metadata import version

    return version("pinpoint-keypoints")
