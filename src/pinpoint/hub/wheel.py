"""Fetching a wheel as a file, with the user's own pip settings. Nothing of it is installed or imported."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pinpoint.hub.cache import sha256_of
from pinpoint.hub.download import Progress

__all__ = ["WHEELS", "Wheel", "download_wheel"]


log = logging.getLogger(__name__)

NO_NETWORK = ("NewConnectionError", "NameResolutionError", "Failed to resolve", "Network is unreachable")


@dataclass(frozen=True)
class Wheel:
    """One wheel of a package index, the same one whatever the machine that asks.

    Args:
        python: Version of Python in its name.
        platform: Platform tag in its name.
        sha256: Hash in hex, as the index publishes it.
        bytes: Size.
    """

    python: str
    platform: str
    sha256: str
    bytes: int


WHEELS = {
    "mediapipe==0.10.21": Wheel(
        python="3.11",
        platform="manylinux_2_28_x86_64",
        sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
        bytes=35_622_638,
    ),
}


def download_wheel(requirement: str, folder: Path, progress: Progress) -> Path:
    """Let pip fetch a wheel of `WHEELS` from wherever this user's pip does: index, proxy, credentials.

    Args:
        requirement: A key of `WHEELS`.
        folder: Where pip may put it and its temporary files.
        progress: Told of the bytes that have arrived.

    Returns:
        The wheel.

    Raises:
        OSError: There is no pip, or it could not fetch the wheel.
        ValueError: It is another wheel than the one meant.
    """
    wheel, command = WHEELS[requirement], _pip_download(requirement, folder)
    what = f"{requirement} (wheel)"
    with (folder / "pip.log").open("w+", encoding="utf-8", errors="replace") as said:
        with subprocess.Popen(command, stdout=said, stderr=said, env=_environment(folder)) as process:
            _watch(process, folder, lambda done: progress(min(done, wheel.bytes), wheel.bytes, what))
        said.seek(0)
        if process.returncode:
            raise OSError(_in_short(requirement, said.read()))
    fetched = next(folder.glob("*.whl"))
    if (found := sha256_of(fetched)) != wheel.sha256:
        raise ValueError(f"{fetched.name} has SHA-256 {found}, expected {wheel.sha256}")
    progress(wheel.bytes, wheel.bytes, what)
    return fetched


def _pip_download(requirement: str, folder: Path) -> list[str]:
    wheel = WHEELS[requirement]
    options = [
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    target = ["--implementation=cp", f"--python-version={wheel.python}", f"--platform={wheel.platform}"]
    return [sys.executable, *_pip(), "download", *options, *target, f"--dest={folder}", requirement]


def _pip() -> list[str]:
    """Arguments that make Python run pip: the installed one, or the copy carried for new environments."""
    if find_spec("pip"):
        return ["-m", "pip"]
    carried = find_spec("ensurepip")
    wheels = Path(carried.origin).parent.glob("_bundled/pip-*.whl") if carried and carried.origin else ()
    for wheel in wheels:
        return [str(wheel / "pip")]
    raise OSError(
        "there is no pip in this environment to fetch with; `python -m ensurepip` or your tool adds it"
    )


def _environment(folder: Path) -> dict[str, str]:
    # pip unpacks in the temporary folder: ours, so that its bytes can be counted and nothing is left behind
    return os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))


def _watch(process: subprocess.Popen, folder: Path, arrived: Callable[[int], None]) -> None:
    try:
        while process.poll() is None:
            arrived(_bytes_in(folder))
            time.sleep(0.1)
    finally:
        if process.poll() is None:  # we were interrupted
            process.terminate()


def _bytes_in(folder: Path) -> int:
    """Bytes of the wheels in a folder, as far as they can be told while pip moves and removes things."""
    total = 0
    with suppress(OSError):
        for path in folder.rglob("*.whl"):
            total += path.stat().st_size
    return total


def _in_short(requirement: str, text: str) -> str:
    """Why pip failed. Without a network it ends by saying that there is no such version."""
    lines = _last_lines(text)
    if any(sign in text for sign in NO_NETWORK):
        log.info("pip: %s", lines)
        return f"no network: pip could not fetch {requirement}"
    return f"pip could not fetch {requirement}: {lines}"


def _last_lines(text: str) -> str:
    errors = [line.strip() for line in text.splitlines() if line.startswith("ERROR")] or text.splitlines()[
        -3:
    ]
    return " ".join(errors) or "it said nothing"
