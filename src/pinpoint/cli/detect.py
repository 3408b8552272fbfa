"""`pinpoint detect`: from a request to a run, and from what came of it to an exit status."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pinpoint.cli import estimators
from pinpoint.cli.frames import NO_LIMITS, Following, Limits, is_live
from pinpoint.cli.given_boxes import read_boxes
from pinpoint.cli.messages import refuse, say, show_log
from pinpoint.cli.naming import drawing_paths, without_own_output
from pinpoint.cli.outputs import Outputs, Results, UnsuitedError, artist, results_path
from pinpoint.cli.progress import watching
from pinpoint.cli.report import Tally, summary
from pinpoint.cli.run import Run
from pinpoint.cli.stopping import Stop
from pinpoint.io.formats import open_writer
from pinpoint.io.jsonl import JsonlWriter
from pinpoint.io.sources import Source, find_sources, name_of

__all__ = ["Request", "run_request"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint detect --help`.

    Args:
        inputs: Files, folders, patterns, camera numbers and addresses.
        choice: What to find keypoints with.
        out: Folder of the results.
        formats: Formats of the results, one file for each.
        json_lines: A further file for JSON Lines, or `-` for stdout.
        look: How drawings look, `color` or `openpose`; empty for none.
        min_score: Instances that score below are left out.
        boxes: A keypoint file to take boxes from.
        limits: Where to stop in a video.
        smooth: Steady keypoints in videos.
        every_frame: Let the detector look at every frame of a video.
        trails: Draw the ways that people came.
    """

    inputs: Sequence[str]
    choice: estimators.Choice
    out: Path
    formats: Sequence[str] = ("json",)
    json_lines: str | None = None
    look: str = "color"
    min_score: float = 0.0
    boxes: Path | None = None
    limits: Limits = NO_LIMITS
    smooth: bool = True
    every_frame: bool = False
    trails: bool = False


def run_request(request: Request, *, verbose: bool = False) -> int:
    """Do what was asked for, say what came of it, and return the exit status."""
    show_log(verbose=verbose)
    tally = Tally()
    sources = _sources(request, tally)
    if not sources:
        say(summary(tally, estimators.noun(request.choice), stopped=False, places=()))
        return FAILED if tally.problems else WRONG_USAGE
    with ExitStack() as files:
        try:
            run = _prepared(request, sources, files)
        except (ValueError, ImportError) as error:
            return refuse(error, WRONG_USAGE)
        except OSError as error:
            return refuse(error, FAILED)
        return _carried_out(run, request, sources, tally, files)


def _sources(request: Request, tally: Tally) -> list[Source]:
    found, errors = find_sources(request.inputs)
    for error in errors:
        tally.fail(error.path, error)
    return without_own_output(found, request.inputs, request.out)


def _prepared(request: Request, sources: Sequence[Source], files: ExitStack) -> Run:
    """Check and load everything, and only then touch the results of an earlier run."""
    paths = drawing_paths(sources, request.out) if request.look else {}
    if request.trails and request.boxes:
        raise ValueError("--trails are those of people who are followed: leave it or --boxes out")
    if request.trails and request.look != "color":
        raise ValueError("--trails are drawn over the picture: draw it, and in colour, or leave them out")
    _refuse_replacing(request, sources)
    if request.out.exists() and not request.out.is_dir():
        raise ValueError(f"--out {str(request.out)!r} is a file, expected a folder for the results")
    pictures = [name_of(source) for source in sources if source.kind == "image"]
    boxes = read_boxes(request.boxes, pictures) if request.boxes else None
    estimate = estimators.load_estimator(request.choice)
    columns = estimators.columns_of(request.choice.name)
    following = Following(request.smooth, request.every_frame, request.trails)
    writers = [files.enter_context(results) for results in _opened(request)]
    outputs = Outputs(writers, artist(request.look), paths)
    return Run(estimate, columns, outputs, following, request.limits, boxes, request.min_score)


def _opened(request: Request) -> list[Results]:
    """Open the files of keypoints, in place of those of an earlier run."""
    if request.formats:
        request.out.mkdir(parents=True, exist_ok=True)
    paths = {name: results_path(request.out, name) for name in request.formats}
    results = [Results(open_writer(path, format=name), str(path)) for name, path in paths.items()]
    if request.json_lines == "-":
        return [*results, Results(JsonlWriter(sys.stdout.buffer), "stdout")]
    if request.json_lines:
        return [*results, Results(JsonlWriter(Path(request.json_lines)), request.json_lines)]
    return results


def _refuse_replacing(request: Request, sources: Sequence[Source]) -> None:
    given = {os.path.realpath(source.path) for source in sources if not is_live(source)}
    given |= {os.path.realpath(request.boxes)} if request.boxes else set()
    for path in _results(request):
        if os.path.realpath(path) in given:
            raise ValueError(f"the results {str(path)!r} would replace an input: choose another place")


def _results(request: Request) -> list[Path]:
    paths = [results_path(request.out, name) for name in request.formats]
    return [*paths, Path(request.json_lines)] if request.json_lines not in (None, "-") else paths


def _carried_out(
    run: Run, request: Request, sources: Sequence[Source], tally: Tally, files: ExitStack
) -> int:
    try:
        with Stop() as stop, files, watching(len(sources)) as watch:
            tally.start()
            whole = run(sources, tally, watch, stop)
    except BrokenPipeError:
        return _reader_gone()
    except UnsuitedError as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:  # the results cannot be written; all else names the input that was in work
        return refuse(error, FAILED)
    places = _places(request, run.outputs) if tally.pictures + tally.frames else []
    apart = [name_of(source) for source in sources if is_live(source)] if whole else []
    say(summary(tally, estimators.noun(request.choice), stopped=bool(stop), places=places, apart=apart))
    return _status(tally, stop, endless=whole and any(map(is_live, sources)))


def _places(request: Request, outputs: Outputs) -> list[str]:
    """Where to look for what was found."""
    drawings = [str(path) for path in outputs.paths.values()]
    if len(drawings) > 1:
        drawings = [f"drawings in {request.out}"]
    return [*drawings, *map(str, _results(request))]


def _status(tally: Tally, stop: Stop, *, endless: bool) -> int:
    """Ctrl-C is the way to end cameras and streams; everything else it leaves undone."""
    undone = stop and not (stop.number == signal.SIGINT and endless)
    return 128 + stop.number if undone else FAILED if tally.problems else DONE


def _reader_gone() -> int:
    """Whoever read our stdout has seen enough, as `head` does; Python must not try to write the rest."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE
