"""What mmpose 1.3.2 imports but does not need: compiled parts of mmcv, mmdet and xtcocotools.

`mmcv-lite` carries no compiled operators and `xtcocotools` does not build against numpy 2. Codecs, losses and
most networks run without either, if only the imports succeed.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["install"]

STAND_INS = (
    "mmcv._ext",
    "mmcv.ops",
    "xtcocotools",
    "xtcocotools.coco",
    "xtcocotools.cocoeval",
    "xtcocotools.mask",
)


class Absent(ModuleType):
    """A module of which any name can be imported, and nothing can be called."""

    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        whole = f"{self.__name__}.{name}"

        def refuse(*_: object, **__: object) -> None:
            raise RuntimeError(f"{whole} is a stub")

        made = type(name, (), {"__init__": refuse, "__module__": self.__name__})
        setattr(self, name, made)
        return made


def install() -> None:
    """Put stand-ins into `sys.modules`; call it before `import mmpose`."""
    for name in STAND_INS:
        if name not in sys.modules:
            module = Absent(name)
            module.__spec__ = ModuleSpec(name, loader=None, is_package=True)
            sys.modules[name] = module
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and isinstance(sys.modules[parent], Absent):
                setattr(sys.modules[parent], child, module)
