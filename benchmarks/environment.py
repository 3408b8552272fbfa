"""Environments of the peers, the processes that run them, and the line that names this machine."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
SKIPPED = 77  # status of a script that cannot run here, as automake has it; `make bench` goes on
REQUIREMENTS = {
    "mediapipe": ("mediapipe==0.10.21", "numpy<2"),
    "faster-coco-eval": ("faster-coco-eval==1.8.0",),
    "dlib": ("dlib-bin==20.0.1", "numpy>=2"),  # dlib in a wheel; the package of its own name compiles
    "trackeval": ("trackeval==1.3.0", "motmetrics==1.4.0"),
    "mmpose": (
        *("torch==2.13.0", "mmengine==0.10.7", "scipy", "shapely", "terminaltables", "pycocotools"),
        *("json_tricks", "munkres", "matplotlib", "pillow", "opencv-python-headless", "six"),
    ),
    "transformers": (
        *("torch==2.13.0", "transformers==5.23.0", "mmengine==0.10.7", "scipy", "pillow", "six"),
        *("opencv-python-headless", "av", "platformdirs"),
    ),
    "torchvision": (
        *("torch==2.13.0", "mmengine==0.10.7", "scipy", "shapely", "terminaltables", "pycocotools"),
        *("matplotlib", "pillow", "opencv-python-headless", "six", "huggingface-hub", "safetensors"),
    ),
    "rtmlib": ("onnxruntime==1.31.1", "numpy", "opencv-python-headless", "tqdm"),
}
ALONE = {
    "mmpose": ("mmcv-lite==2.1.0", "mmdet==3.2.0", "mmpose==1.3.2", "torchvision==0.29.2"),
    "transformers": ("mmcv-lite==2.1.0", "mmpretrain==1.2.0"),
    "torchvision": ("torchvision==0.29.2", "timm==1.0.31", "mmcv-lite==2.1.0", "mmdet==3.2.0"),
    "rtmlib": ("rtmlib==0.0.16",),  # it asks for two builds of OpenCV, neither of them headless
}
"""What is installed without what it asks for, parts of which can no longer be built."""

INTERPRETERS = {
    "mediapipe": ("3.12", "3.11", "3.10", "3.9"),
    "faster-coco-eval": ("3.13", "3.12", "3.11", "3.10"),
    "dlib": ("3.13", "3.12", "3.11", "3.10"),
    "trackeval": ("3.13", "3.12", "3.11"),
    "mmpose": ("3.11", "3.12", "3.10"),
    "transformers": ("3.11", "3.12", "3.10"),
    "torchvision": ("3.11", "3.12", "3.10"),
    "rtmlib": ("3.11", "3.12", "3.13"),
}


class Peer:
    """A process that runs one peer and answers one request per line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            RuntimeError: The peer ended, or could not do what was asked.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with status {self._process.wait()} on {request}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the peer says: {answer['error']}")
        return answer


@contextmanager
def peer(name: str, cpus: set[int] | None = None) -> Iterator[Peer]:
    """Run a peer while the block lasts, on some CPUs only if any are named (Linux)."""
    command = [str(peer_python(name)), str(HERE / "peers" / f"{name}_peer.py")]
    quiet = {**os.environ, "GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipe, silence = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=silence, text=True, env=quiet) as process:
        if cpus is not None:
            os.sched_setaffinity(process.pid, cpus)
        try:
            yield Peer(process)
        finally:
            process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
            process.wait(timeout=60)


def peer_python(name: str) -> Path:
    """Return the interpreter of a peer's environment, which is built when it is not there yet.

    Raises:
        SystemExit: It cannot be built, for want of a network or of an interpreter.
    """
    folder = VENVS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            subprocess.run([_base_python(name), "-m", "venv", str(folder)], check=True)
        except subprocess.CalledProcessError as error:
            skip(f"no environment for {name}: {error}")
        install(python, *REQUIREMENTS[name])
        if name in ALONE:
            install(python, "--no-deps", *ALONE[name])
        (folder / "complete").touch()
    return python


def install(python: str | Path, *wanted: str) -> None:
    """Let an interpreter's pip install something; where it cannot, the script ends as skipped."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    if (status := subprocess.run(command, check=False).returncode) != 0:
        skip(f"pip ended with {status} on {' '.join(wanted)}")


def skip(why: str) -> NoReturn:
    """End a script that cannot run here, and say why."""
    print(f"skipped: {why}", file=sys.stderr)
    raise SystemExit(SKIPPED)


def _base_python(name: str) -> str:
    wanted = INTERPRETERS[name]
    if f"{sys.version_info.major}.{sys.version_info.minor}" in wanted:
        return sys.executable
    found = [path for version in wanted if (path := shutil.which(f"python{version}"))]
    return found[0] if found else skip(f"{name} needs one of Python {', '.join(wanted)}")


def machine() -> str:
    """One line that names this machine, its load and the Python that runs."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    cpu = f"{_cpu_model()}, {os.cpu_count()} CPUs"
    return ", ".join(filter(None, (cpu, platform.system(), f"Python {platform.python_version()}", load)))


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
