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


class Finder:
    """Finds the stand-ins, and what is said to be in them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        stands = any(f"{name}.".startswith(f"{stand_in}.") for stand_in in STAND_INS)
        return ModuleSpec(name, self, is_package=True) if stands else None  # pyright: ignore[reportArgumentType]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """See `importlib.abc.Loader`."""
        return Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`; there is nothing to do."""


FINDER = Finder()


def install() -> None:
    """Let stand-ins be found before anything else; call it before `import mmpose`."""
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)  # pyright: ignore[reportArgumentType]
