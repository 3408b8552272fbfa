"""What the commands of `pinpoint compress` do: compress, compare, say the verdict, and keep what passes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pinpoint.hub import ModelSpec
    from pinpoint.training.compress.table import Comparison, Limits
    from pinpoint.training.gate_samples import GateSamples

__all__ = [
    "Allowed",
    "Learning",
    "Quantising",
    "answered",
    "config_of_recipe",
    "config_of_run",
    "learn",
    "quantise",
]

DONE, FAILED, WRONG_USAGE = 0, 1, 2
ALL = 10**6


@dataclass(frozen=True)
class Allowed:
    """What a result may lose and take.

    Args:
        drop: How much AP may be lost.
        time: The share of the time that it may take.
        keep: Keep what fails, too.
    """

    drop: float
    time: float
    keep: bool = False

    def limits(self) -> "Limits":
        """The same for the library."""
        from pinpoint.training.compress.table import Limits

        return Limits(self.drop, self.time)


@dataclass(frozen=True)
class Quantising:
    """What `pinpoint compress int8` was asked for.

    Args:
        source: The folder or the weights of a run, or an ONNX file.
        out: The ONNX file to write.
        data: What is measured on; none takes what the run was measured on.
        calibration: What ranges are told from; none takes what the run learnt from.
        pictures: Folder of the pictures of `data`.
        calibration_pictures: Folder of those of `calibration`, where it is another.
        count: Samples to calibrate with and to try layers on.
    """

    source: Path
    out: Path
    data: Path | None
    calibration: Path | None
    pictures: Path | None
    calibration_pictures: Path | None
    count: int


@dataclass(frozen=True)
class Learning:
    """What `pinpoint compress prune` or `distill` was asked for: a run, and with what it is compared.

    Args:
        config: Makes the plain configuration.
        assignments: Values that are set in it, as `key=value`.
        out: Folder of the run.
        cache: Folder of the decoded pictures; none takes the common one.
        resume: Go on with the run in the folder.
        threads: To compute with; 0 is what torch takes.
        before: What the run is compared with.
        names: What the two are called.
    """

    config: Callable[[], dict[str, Any]]
    assignments: list[str]
    out: Path
    cache: Path | None
    resume: bool
    threads: int
    before: str
    names: tuple[str, str]


def answered(work: Callable[[], int], needed: Sequence[str]) -> int:
    """Do the work, say what is wrong if something is, and return the exit status.

    Args:
        work: Returns an exit status.
        needed: Packages that have to be there.
    """
    from pinpoint.cli.messages import refuse, show_log
    from pinpoint.io.errors import UnreadableError

    show_log(verbose=False)
    try:
        if missing := [name.replace("_", "-") for name in needed if find_spec(name) is None]:
            raise ImportError(
                f"this needs {' and '.join(missing)}, which are not installed: "
                'pip install "pinpoint-keypoints[train]"'
            )
        return work()
    except (OSError, UnreadableError) as error:
        return refuse(error, FAILED)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)


def quantise(asked: Quantising, allowed: Allowed) -> int:
    """Put a network into 8 bits; return the exit status."""
    from pinpoint.training.compress.int8 import compress_int8, halves
    from pinpoint.training.export import export_onnx, load_trained

    if asked.out.suffix.lower() != ".onnx":
        raise ValueError(f"--out is {asked.out}, expected an .onnx file")
    limits = allowed.limits()
    with TemporaryDirectory() as temporary:
        source, small = asked.source, Path(temporary) / "small.onnx"
        if source.suffix.lower() != ".onnx":
            source = Path(temporary) / "float.onnx"
            export_onnx(*load_trained(asked.source), source)
        val, rest = _pictures(asked, _spec_of(source))
        choice, comparison = compress_int8(source, small, val, halves(rest), limits, progress=_Stages())
        typer.echo(f"{choice.text()}\n{comparison.text()}")
        if comparison.passes or allowed.keep:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            part = asked.out.with_name(f".{asked.out.name}.part")
            part.write_bytes(small.read_bytes())
            part.replace(asked.out)
    return _told(
        comparison, f"see {asked.out}" if comparison.passes or allowed.keep else "nothing is written"
    )


def learn(asked: Learning, allowed: Allowed) -> int:
    """Train, compare, and set what fails aside; return the exit status."""
    from pinpoint.cli.train import Request, assign, run_training
    from pinpoint.training.compress.verdict import compare_models, set_aside, validation_samples
    from pinpoint.training.config import CONFIG, config_from_dict, read_config

    limits, plain = allowed.limits(), asked.config()
    for assignment in asked.assignments:
        assign(plain, assignment)
    request = Request(plain, asked.out, cache=asked.cache, resume=asked.resume, threads=asked.threads)
    if (status := run_training(request)) != DONE:
        return status
    config = config_from_dict(read_config(asked.out / CONFIG))
    samples = validation_samples(config, asked.cache)
    comparison = compare_models(asked.before, str(asked.out), samples, limits, asked.names)
    typer.echo(comparison.text())
    kept = comparison.passes or allowed.keep
    return _told(comparison, f"see {asked.out if kept else set_aside(asked.out)}")


def config_of_run(source: Path, data: Sequence[str] | None, val: str | None) -> dict[str, Any]:
    """Plain values of the configuration of a run, with other data where that is named.

    Args:
        source: The folder or the weights of a run; what is none has no values.
        data: Annotation files to learn from.
        val: One to measure on.

    Raises:
        ValueError: Nothing says what to learn from.
    """
    from pinpoint.training.config import CONFIG, read_config

    path = (source if source.is_dir() else source.parent) / CONFIG
    is_run = source.is_dir() or source.suffix == ".safetensors"
    return _with_data(read_config(path) if is_run and path.is_file() else {}, source, data, val)


def config_of_recipe(name: str, data: Sequence[str] | None, val: str | None) -> dict[str, Any]:
    """The same of a recipe, or of a TOML file."""
    from pinpoint.training.config import read_config

    return _with_data(read_config(Path(name)), name, data, val)


class _Stages:
    """Says what is being done, whenever that is something else."""

    def __init__(self) -> None:
        self._stage = ""

    def __call__(self, stage: str, done: int, count: int) -> None:
        from pinpoint.cli.messages import say

        if stage != self._stage:
            say(f"{stage} ...")
        self._stage = stage


def _spec_of(path: Path) -> "ModelSpec":
    from pinpoint.hub import spec_of_file

    spec = spec_of_file(path)
    if spec is None:
        raise ValueError(f"{path} does not say how it is fed and read; pinpoint export writes files that do")
    return spec


def _pictures(asked: Quantising, spec: "ModelSpec") -> tuple["GateSamples", "GateSamples"]:
    """What is measured on, and what ranges and layers are told from."""
    from pinpoint.training.gate_samples import read_gate_samples

    data, calibration = asked.data, asked.calibration
    folders = asked.pictures, asked.calibration_pictures or asked.pictures
    if data is None or calibration is None:
        learnt, measured = _sources_of_run(asked.source)
        (calibration, second) = (calibration, folders[1]) if calibration else learnt
        (data, first) = (data, folders[0]) if data else measured
        folders = first, second
    val = read_gate_samples(spec, data, folders[0], ALL)
    return val, read_gate_samples(spec, calibration, folders[1], asked.count)


def _sources_of_run(run: Path) -> list[tuple[Path, Path | None]]:
    """The first file that a run learnt from and the one it was measured on, each with its pictures."""
    from pinpoint.training.config import config_from_dict

    if run.suffix.lower() == ".onnx":
        raise ValueError(f"{run} does not say what it learnt from: give --data and --calibration")
    config = config_from_dict(config_of_run(run, None, None))
    root = Path(config.root)
    return [
        (root / one.annotations, root / one.pictures if one.pictures else None)
        for one in (config.data[0], (*config.val, *config.data)[0])
    ]


def _with_data(
    plain: dict[str, Any], source: object, data: Sequence[str] | None, val: str | None
) -> dict[str, Any]:
    plain = {key: value for key, value in plain.items() if key not in ("prune", "distill")}
    if data:
        plain |= {
            "root": "",
            "data": [{"annotations": str(Path(file).resolve())} for file in data],
            "val": [],
        }
    if val:
        plain["val"] = [{"annotations": str(Path(val).resolve())}]
    if not plain.get("data"):
        raise ValueError(f"{source} does not say what to learn from: name annotation files with --data")
    return plain


def _told(comparison: "Comparison", line: str) -> int:
    from pinpoint.cli.messages import say

    say(line)
    return DONE if comparison.passes else FAILED
