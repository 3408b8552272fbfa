"""`pinpoint data convert`: labels from one tool's files to another's."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import typer

from pinpoint.cli.messages import printable, refuse, say, show_log
from pinpoint.cli.placing import WAYS, Placing
from pinpoint.cli.progress import Watch, watching
from pinpoint.cli.report import Tally
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import FORMATS, format_of, open_writer, read_records
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints, convert
from pinpoint.skeletons import Skeleton
from pinpoint.skeletons import skeleton as shipped
from pinpoint.skeletons.mapping import sources

__all__ = ["Request", "run_conversion"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2
_ONE_SPACE = ("coco-truth", "crowdpose", "halpe")  # formats whose ids of instances are of the whole file


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line; see `pinpoint data convert --help`.

    Args:
        source: File or folder to read.
        target: File or folder to write.
        source_format: Name of a format, or none to find it out.
        target_format: Name of a format, or none to go by the suffix.
        images: A key of `WAYS`.
        pictures: Folder of the pictures, or none to look beside the labels.
        skeleton: Name of the skeleton to convert to, or none to keep the keypoints as they are.
        meaning: Name of the skeleton that the keypoints of the source are, where it does not say so.
    """

    source: Path
    target: Path
    source_format: str | None = None
    target_format: str | None = None
    images: str = "reference"
    pictures: Path | None = None
    skeleton: str | None = None
    meaning: str | None = None


def run_conversion(request: Request, *, verbose: bool = False) -> int:
    """Convert, say what came of it and return the exit status."""
    show_log(verbose=verbose)
    tally = Tally()
    try:
        name = _target_format(request)
        meaning = None if request.meaning is None else shipped(request.meaning)
        records = read_records(request.source, meaning, format=request.source_format)
        if request.skeleton is not None:
            records = _converted(records, shipped(request.skeleton))
        placing = Placing(request.source, request.pictures, request.target, name, request.images)
        with watching(2) as watch:
            placed = list(_placed(_identified(records, name), placing, tally, watch))
            _write(placed, request, name, watch)
    except (ValueError, ImportError) as error:
        return refuse(error, WRONG_USAGE)
    except OSError as error:
        return refuse(error, FAILED)
    _say_missing(placing, tally)
    typer.echo(_summary(placed, request, name))
    return FAILED if tally.problems else DONE


def _target_format(request: Request) -> str:
    """Find the format to write before anything is read.

    Raises:
        ValueError: It is not said, not known or only read, the way of pictures is unknown, or what is there
            would be lost.
    """
    if request.images not in WAYS:
        raise ValueError(f"--images {request.images}: expected one of {', '.join(WAYS)}")
    writable = [name for name, known in FORMATS.items() if known.writer is not None]
    name = request.target_format
    if name is None:
        try:
            name = format_of(request.target)
        except ValueError as error:
            choices = ", ".join(writable)
            raise ValueError(
                f"{str(request.target)!r} tells no format: say --to, one of {choices}"
            ) from error
    if name not in writable:
        raise ValueError(f"--to {name}: expected one of {', '.join(writable)}")
    if request.target.exists() and request.source.exists() and request.target.samefile(request.source):
        raise ValueError(f"{str(request.target)!r} is what is read: write to another place")
    if request.target.is_dir() and any(request.target.iterdir()):
        raise ValueError(f"the folder {str(request.target)!r} is not empty: name a new one")
    return name


def _converted(records: Sequence[Record], goal: Skeleton) -> list[Record]:
    """Say the same in another skeleton, and put together what then is of one image.

    Raises:
        ValueError: A skeleton of the records shares nothing with the goal.
    """
    for kind in dict.fromkeys(record.keypoints.skeleton for record in records):
        if kind != goal:
            _say_change(kind, goal)
    changed = [
        record if not len(record.keypoints) else replace(record, keypoints=convert(record.keypoints, goal))
        for record in records
    ]
    changed = [
        record if len(record.keypoints) else replace(record, keypoints=_nothing(goal)) for record in changed
    ]
    by_image: dict[tuple[str, int, int | str | None], list[Record]] = {}
    for record in changed:
        by_image.setdefault((record.image, record.index, record.id), []).append(record)
    return [_joined(group) for group in by_image.values()]


def _identified(records: Sequence[Record], name: str) -> Sequence[Record]:
    """Drop ids of instances that hold within an image alone, where the target has one space of them."""
    ids = [id for record in records for id in record.instance_ids]
    if name not in _ONE_SPACE or (len(set(ids)) == len(ids) and all(isinstance(id, int) for id in ids)):
        return records
    say(f"instances are numbered anew: their ids, such as {ids[0]!r}, are not numbers that occur once")
    return [replace(record, instance_ids=()) for record in records]


def _nothing(kind: Skeleton) -> Keypoints:
    return Keypoints(np.zeros((0, len(kind), 2)), np.zeros((0, len(kind))), kind)


def _say_change(kind: Skeleton, goal: Skeleton) -> None:
    groups = sources(goal, kind)
    lost = [name for name in kind.keypoints if not any(name in group for group in groups)]
    absent = [name for name, group in zip(goal.keypoints, groups, strict=True) if not group]
    if lost:
        say(f"{goal.name} has no place for {_some(lost)} of {kind.name}")
    if absent:
        say(f"{kind.name} has no {_some(absent)}, missing in {goal.name}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _joined(group: Sequence[Record]) -> Record:
    if len(group) == 1:
        return group[0]
    filled = [record for record in group if len(record.keypoints)] or group[:1]
    ids = tuple(id for record in filled for id in record.instance_ids)
    kps = Keypoints.concatenate([record.keypoints for record in filled])
    return replace(filled[0], keypoints=kps, instance_ids=ids if len(ids) == len(kps) else ())


def _placed(records: Sequence[Record], placing: Placing, tally: Tally, watch: Watch) -> Iterator[Record]:
    """Name records as their pictures are called now; a picture that fails is named, its labels stay."""
    watch.begin("pictures", len(records))
    for record in records:
        try:
            placed = placing(record)
        except (UnreadableError, OSError) as error:
            tally.fail(record.image, error)
            placed = record
        watch.step()
        yield placed
    watch.end()


def _write(records: Iterable[Record], request: Request, name: str, watch: Watch) -> None:
    placed = list(records)
    watch.begin(request.target.name, len(placed))
    with open_writer(request.target, format=name) as writer:
        for record in placed:
            writer.write(record)
            watch.step()
    watch.end()


def _say_missing(placing: Placing, tally: Tally) -> None:
    if not placing.missing:
        return
    first = printable(next(iter(placing.missing)))
    others = f" and {len(placing.missing) - 1} more" if len(placing.missing) > 1 else ""
    if WAYS[placing.way] is None:
        say(f"no picture {first}{others} is there: their names are kept as they are")
    else:
        tally.complain(f"{first}{others}", "there is no such picture: say --pictures DIR")


def _summary(records: Sequence[Record], request: Request, name: str) -> str:
    images = len({(record.image, record.index) for record in records})
    instances = sum(len(record.keypoints) for record in records)
    return f"{_count(images, 'image')}, {_count(instances, 'instance')}: {request.target} ({name})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
