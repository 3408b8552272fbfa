"""Where drawings go: beside each other as the inputs are, and never over one of them."""

import glob
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pinpoint.io.images import WRITTEN
from pinpoint.io.sources import Source, name_of

__all__ = ["drawing_paths", "fitted", "without_own_output"]

MOVING = frozenset({".mp4"})
PHOTOGRAPHIC = frozenset({".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpe", ".jfif"})


def drawing_paths(sources: Sequence[Source], folder: Path) -> Mapping[Source, Path]:
    """Say where the drawing of each source goes.

    The folders that files lie in are kept from where they part, so two files of one name never meet. A
    suffix that cannot be written is kept in the name: `a.gif` becomes `a.gif.png`, `a.avi` `a.avi.mp4`.

    Raises:
        ValueError: A drawing would replace an input.
    """
    files = {source: Path(os.path.abspath(source.path)) for source in sources if _is_file(source)}  # noqa: PTH100
    shared = _shared_folder(list(files.values()))
    names = {source: _below(path, shared) for source, path in files.items()}
    names |= _live_names([source for source in sources if source not in files])
    paths = {source: fitted(folder / names[source], moving=source.kind != "image") for source in sources}
    _refuse_overwriting(paths, {os.path.realpath(path) for path in files.values()})
    return paths


def fitted(path: Path, *, moving: bool) -> Path:
    """Add a suffix to a name where that of the input is none that drawings are written with."""
    suffix = path.suffix.lower()
    if suffix in (MOVING if moving else WRITTEN):
        return path
    return path.with_name(path.name + (".mp4" if moving else ".jpg" if suffix in PHOTOGRAPHIC else ".png"))


def without_own_output(sources: Sequence[Source], inputs: Sequence[str], folder: Path) -> list[Source]:
    """Leave out what an earlier run put into the folder of results, unless an input names that."""
    inside = os.path.realpath(folder)
    if any(_within(os.path.realpath(_root(given)), inside) for given in inputs):
        return list(sources)
    return [s for s in sources if not (_is_file(s) and _within(os.path.realpath(s.path), inside))]


def _is_file(source: Source) -> bool:
    return source.kind in ("image", "video")


def _shared_folder(paths: Sequence[Path]) -> Path | None:
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # there are none, or they are on several drives
        return None


def _below(path: Path, shared: Path | None) -> Path:
    """Path below the shared folder, or below the drive's root."""
    return path.relative_to(shared or path.anchor)


def _live_names(sources: Sequence[Source]) -> dict[Source, Path]:
    """Names for cameras and streams, numbered where two addresses give one name."""
    stems = [_slug(source) for source in sources]
    numbers = [stems[:at].count(stem) for at, stem in enumerate(stems)]
    return {
        source: Path(f"{stem}-{number + 1}.mp4" if number else f"{stem}.mp4")
        for source, stem, number in zip(sources, stems, numbers, strict=True)
    }


def _slug(source: Source) -> str:
    address = urlsplit(name_of(source))
    place = f"stream {address.netloc}" if source.kind == "stream" else ""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{place}{address.path}").strip("-.")


def _refuse_overwriting(paths: Mapping[Source, Path], inputs: set[str]) -> None:
    for path in paths.values():
        if os.path.realpath(path) in inputs:
            raise ValueError(f"the drawing {str(path)!r} would replace an input: choose another --out")


def _root(given: str) -> str:
    """The part of an input before its first pattern."""
    if not glob.has_magic(given) or os.path.lexists(given):
        return given
    parts = Path(given).parts
    plain = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    return str(Path(*parts[:plain]))


def _within(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
