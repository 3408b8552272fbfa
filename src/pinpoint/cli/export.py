"""`pinpoint export`: from a run to a file for other engines, through the gate."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pinpoint.io.errors import UnreadableError

if TYPE_CHECKING:
    from pinpoint.hub import ModelSpec
    from pinpoint.training.gate import GateReport
    from pinpoint.training.gate_samples import GateSamples

__all__ = ["Request", "export", "run_export"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "tflite": ".tflite"}
NO_TFLITE = (
    "TFLite is not written: its converters are no light addition (litert-torch brings 231 MB beside torch; "
    "onnx2tf wants TensorFlow, 645 MB, and numpy 1). Export to .onnx, which runs wherever Pinpoint does, and "
    "where it has to be TFLite, convert that with onnx2tf in an environment of its own"
)


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint export --help`.

    Args:
        run: Folder of a run, or its weights.
        out: The file.
        half: Store weights in 16 bits.
        name: What the model is to call itself; empty: as the file.
        data: COCO annotations to compare on; none takes what the run was measured on.
        pictures: Folder of their pictures.
        samples: How many to compare on.
        gate: Whether to compare at all.
        model: The architecture that official weights are of; empty: `run` says it itself.
        skeleton: What their keypoints are; empty: those of the published ones.
        input_size: Width and height they were trained at; none: the published ones'.
    """

    run: Path
    out: Path
    half: bool = False
    name: str = ""
    data: Path | None = None
    pictures: Path | None = None
    samples: int = 64
    gate: bool = True
    model: str = ""
    skeleton: str = ""
    input_size: tuple[int, int] | None = None


def export(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder of a run, or its best or last .safetensors file; "
            "with --model, an official checkpoint.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="An .onnx or (OpenVINO) .xml file.")],
    format: Annotated[
        str | None,
        typer.Option(metavar="onnx|openvino|tflite", help="Form of the file.", show_default="by its suffix"),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store weights in 16 bits: half the size, the same speed.")
    ] = False,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What the model calls itself.", show_default="as the file")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="COCO annotations to compare on.",
            show_default="what the run was measured on",
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of their pictures; without it they are looked for nearby."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="How many samples to compare on.")] = 64,
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="Do not compare the file with the network.")
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The network that RUN holds official weights of; `pinpoint models list --architectures`.",
        ),
    ] = "",
    skeleton: Annotated[
        str, typer.Option(metavar="NAME", help="Their keypoints.", show_default="those published")
    ] = "",
    size: Annotated[
        str, typer.Option(metavar="WxH", help="Their input.", show_default="the one published")
    ] = "",
) -> None:
    """Write a trained network as a file that runs without torch.

    The file is shown real samples first, and kept only if it says what the network says.

    Exit status: 0 done, 1 it failed or did not pass (nothing is written), 2 wrong usage.
    """
    from pinpoint.cli.messages import refuse
    from pinpoint.cli.training_extra import check_training_extra

    try:
        check_training_extra("onnx")
        request = Request(
            run,
            _checked_name(out, format),
            half,
            name,
            data,
            pictures,
            samples,
            gate=not no_gate,
            model=model,
            skeleton=skeleton,
            input_size=_size_of(size),
        )
    except (ValueError, ImportError) as error:
        raise typer.Exit(refuse(error, WRONG_USAGE)) from None
    raise typer.Exit(run_export(request))


def run_export(request: Request) -> int:
    """Do what was asked for, say what came of it, and return the exit status."""
    from pinpoint.cli.messages import refuse, say
    from pinpoint.training.gate import GateError

    try:
        table = _exported(request)
    except GateError as error:
        say(error.report.table(error.limits))
        return refuse(ValueError(f"{request.out} {_fault(error.report)}: not written"), FAILED)
    except (OSError, UnreadableError) as error:
        return refuse(error, FAILED)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    if table:
        typer.echo(table)
    typer.echo(f"wrote {request.out} ({_size(request.out) / 1e6:.1f} MB)")
    typer.echo(f"pinpoint detect INPUT --model {request.out}")
    return DONE


def _fault(report: "GateReport") -> str:
    if report.empty:
        return "cannot be compared, for the network itself finds nothing in the samples"
    return "does not say what the network says"


def _checked_name(out: Path, format: str | None) -> Path:
    """The file to be written.

    Raises:
        ValueError: There is no such format, its suffix says another one, or it is one that is not written.
    """
    if format is not None and format not in SUFFIXES:
        raise ValueError(f"--format is {format!r}, expected one of {', '.join(SUFFIXES)}")
    suffix = out.suffix.lower()
    if SUFFIXES["tflite"] in (suffix, SUFFIXES.get(format or "")):
        raise ValueError(NO_TFLITE)
    wanted = [SUFFIXES[format]] if format else [".onnx", ".xml"]
    if suffix not in wanted:
        raise ValueError(f"--out is {out}, expected a name that ends in {' or '.join(wanted)}")
    return out


def _exported(request: Request) -> str:
    """Write the file; return what was measured, or nothing."""
    from pinpoint.training.export import WRITERS
    from pinpoint.training.gate import limits_for, write_through_gate
    from pinpoint.training.gate_samples import NetworkSession

    network, spec = _loaded(request)
    spec = replace(spec, name=request.name or request.out.stem)
    samples = _samples(request, spec) if request.gate else None
    request.out.parent.mkdir(parents=True, exist_ok=True)

    def write(path: Path) -> None:
        WRITERS[request.out.suffix.lower()](network, spec, path, half=request.half)

    if samples is None:
        write(request.out)
        return ""
    limits = limits_for("float16" if request.half else "float32", spec)
    report = write_through_gate(request.out, write, NetworkSession(network, spec), samples, limits)
    return report.table(limits)


def _loaded(request: Request) -> "tuple[Any, ModelSpec]":
    """The network of a run, or the one that official weights fill."""
    from pinpoint.hub.foreign import is_torch_file
    from pinpoint.skeletons import skeleton
    from pinpoint.training.export import load_trained
    from pinpoint.training.official import load_official

    if not request.model:
        if request.skeleton or request.input_size:
            raise ValueError("--skeleton and --size are of official weights: name their network with --model")
        if is_torch_file(request.run):
            raise ValueError(f"{request.run} does not say which network it is of: name it with --model")
        return load_trained(request.run)
    columns = skeleton(request.skeleton) if request.skeleton else None
    return load_official(request.run, request.model, columns=columns, input_size=request.input_size)


def _size_of(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"--size is {text!r}, expected width and height in pixels, such as 192x256")
    return int(width), int(height)


def _samples(request: Request, spec: "ModelSpec") -> "GateSamples":
    """What to compare on.

    Raises:
        ValueError: There is nothing.
        UnreadableError: It is damaged.
        OSError: A picture that is named is not there.
    """
    from pinpoint.training.gate_samples import read_gate_samples
    from pinpoint.training.run_samples import samples_of_run

    if request.data is not None:
        return read_gate_samples(spec, request.data, request.pictures, request.samples)
    if request.model:
        raise ValueError(
            "there is nothing to compare the file on: name labelled pictures with --data, or say --no-gate"
        )
    folder = request.run if request.run.is_dir() else request.run.parent
    try:
        return samples_of_run(folder, spec, request.samples)
    except FileNotFoundError as error:
        raise ValueError(
            f"there is nothing to compare the file on ({error.strerror}: {error.filename}): name labelled "
            "pictures with --data, or say --no-gate"
        ) from error


def _size(path: Path) -> int:
    weights = path.with_suffix(".bin")
    return path.stat().st_size + (weights.stat().st_size if path.suffix == ".xml" else 0)
