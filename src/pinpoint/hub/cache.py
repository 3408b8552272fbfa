"""Where model files are kept, and how it is known that a file is what it should be."""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from pinpoint.hub.spec import ModelFile

if os.name == "nt":  # pragma: no cover
    import msvcrt
else:
    import fcntl

__all__ = ["cache_dir", "install", "is_intact", "locked", "path_of", "record_of", "sha256_of", "write_text"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """What is known of a file that was checked; while size and time agree it is not hashed again."""

    sha256: str
    bytes: int
    mtime_ns: int


def cache_dir() -> Path:
    """Folder of the model files: `PINPOINT_CACHE`, or the system's place for caches."""
    if chosen := os.environ.get("PINPOINT_CACHE"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("pinpoint", appauthor=False))


def path_of(file: ModelFile) -> Path:
    """Where a file is kept once it is there. What the user added is kept apart from the catalogue's files."""
    if file.source.startswith("package:"):
        return Path(__file__).parents[1] / file.source.removeprefix("package:")
    return cache_dir() / ("added" if file.source.startswith("file:") else "models") / file.name


def is_intact(file: ModelFile, *, verify: bool = False) -> bool:
    """Tell whether a file is in its place and is the one meant.

    A file is hashed when it is first seen and whenever its size or time changed since. Where the catalogue
    has no hash, the first file seen is trusted and every later one is held against it.

    Args:
        file: Which file.
        verify: Hash it even if it looks untouched.
    """
    path = path_of(file)
    if not path.is_file() or (file.bytes and path.stat().st_size != file.bytes):
        return False
    if file.source.startswith("package:") and not verify:  # pip looked at its hash
        return True
    stat, record = path.stat(), record_of(path)
    expected = file.sha256 or (record.sha256 if record else "")
    if record and not verify and (record.bytes, record.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return record.sha256 == expected
    found = sha256_of(path)
    if expected not in ("", found):
        return False
    if not expected:
        log.info("%s: nobody published its hash; from now on it must be %s", path, found)
    if not file.source.startswith("package:"):
        with suppress(OSError):  # a cache that cannot be written to is hashed each time
            _write_record(path, found)
    return True


def install(file: ModelFile, fetched: Path) -> Path:
    """Put a file that was fetched into its place, in one step, if it is the one meant.

    Args:
        file: Which file.
        fetched: Where it is now, on the disk of the cache. It is moved away.

    Returns:
        Its place.

    Raises:
        ValueError: Its hash is another one. What was fetched is deleted.
    """
    found = sha256_of(fetched)
    if file.sha256 not in ("", found):
        size = fetched.stat().st_size
        fetched.unlink()
        raise ValueError(
            f"{file.name} has SHA-256 {found} ({size:,} bytes), expected {file.sha256} ({file.bytes:,} bytes)"
        )
    if not file.sha256:
        log.info("%s: nobody published its hash; from now on it must be %s", file.name, found)
    path = path_of(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(path)
    _write_record(path, found)
    return path


def sha256_of(path: Path) -> str:
    """Hash of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def record_of(path: Path) -> Record | None:
    """What was noted when a file was checked, if it was and the note can be read."""
    try:
        return Record(**json.loads(_record_path(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_text(path: Path, text: str) -> None:
    """Write a small file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a path while others, threads or processes, wait. A process that dies lets go of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("a+b") as stream:
        if not _try_lock(stream):
            log.info("waiting for another process that is fetching %s", path.name)
            while not _try_lock(stream):
                time.sleep(0.05)
        try:
            yield
        finally:
            _unlock(stream)


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.record")


def _write_record(path: Path, sha256: str) -> None:
    stat = path.stat()
    write_text(_record_path(path), json.dumps(asdict(Record(sha256, stat.st_size, stat.st_mtime_ns))))


if os.name == "nt":  # pragma: no cover

    def _try_lock(stream: IO[bytes]) -> bool:
        try:
            stream.seek(0)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore
        except OSError:
            return False
        return True

    def _unlock(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)  # pyright: ignore

else:

    def _try_lock(stream: IO[bytes]) -> bool:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)
