"""From the words of the command line to an estimator."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import ArrayLike

from pinpoint.cli.architectures import architecture_names
from pinpoint.cli.progress import Fetching
from pinpoint.geometry import Image
from pinpoint.hub import ModelSpec, find, pull, requirements, spec_of_file
from pinpoint.hub.foreign import is_torch_file
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.load import DEFAULTS, detector_for, is_file_name, load
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["Choice", "columns_of", "fetch", "load_estimator", "model_of", "noun"]

NOUNS = {
    "body": ("person", "people"),
    "wholebody": ("person", "people"),
    "face": ("face", "faces"),
    "hand": ("hand", "hands"),
}


@dataclass(frozen=True)
class Choice:
    """What was asked for.

    Args:
        name: A task, a model of the catalogue or a file.
        detector: A model of the catalogue or a task, or none for the model's own.
        search: `auto`, `whole` or `tiles`.
        looks: How often the network looks at each instance; none for the model's own way.
        threads: 0 is what suits the machine.
        providers: What ONNX Runtime runs on, best first; empty is the CPU.
        boxes: Whether boxes are given, so that none has to be found.
    """

    name: str
    detector: str | None = None
    search: str = "auto"
    looks: int | None = None
    threads: int = 0
    providers: tuple[str, ...] = ()
    boxes: bool = False


def load_estimator(choice: Choice) -> Estimator:
    """Load what was asked for; whoever waits for its files sees how much of them is there.

    Raises:
        ValueError: There is no such model, or it cannot be run in the way that was asked for.
        OSError: Its files are not there and could not be fetched.
    """
    if not is_file_name(choice.name):
        _check_that_it_runs(choice.name)
        fetch(_needed_for(choice))
    return load(
        choice.name,
        detector=_unasked if choice.boxes else choice.detector,
        search=choice.search,  # pyright: ignore[reportArgumentType] - `load` checks it
        looks=choice.looks,
        threads=choice.threads,
        providers=choice.providers or None,
    )


def fetch(specs: Iterable[ModelSpec], *, verify: bool = False) -> list[ModelSpec]:
    """Have the files of models in the cache.

    Args:
        specs: The models.
        verify: Hash the files that are there even if they look untouched.

    Returns:
        The models, each once.

    Raises:
        OSError: A file is not there and could not be fetched.
    """
    once = {spec.name: spec for spec in specs}
    with Fetching() as progress:
        for spec in once.values():
            pull(spec, progress, verify=verify)
    return list(once.values())


def model_of(name: str) -> ModelSpec:
    """The row of a model, or of that which a task stands for.

    Raises:
        ValueError: There is no such model.
    """
    model, _ = DEFAULTS.get(name, (name, ""))
    return find(model)


def columns_of(name: str) -> Skeleton:
    """What a task, a model or a file tells.

    Raises:
        ValueError: There is no such model.
    """
    if name in DEFAULTS:
        return skeleton(DEFAULTS[name][1])
    if Path(name).suffix.lower() == ".dat":
        return skeleton("face68")
    spec = spec_of_file(Path(name)) if is_file_name(name) else find(name)
    return (spec and spec.skeleton) or skeleton("box")


def noun(choice: Choice) -> tuple[str, str]:
    """What to call one and many of the things that it finds."""
    return NOUNS.get(choice.name, ("instance", "instances"))


def _check_that_it_runs(name: str) -> None:
    """See whether there is such a model.

    Raises:
        ValueError: There is none; of weights, and of a network without any, it says how to make one.
    """
    try:
        model_of(name)
    except ValueError as error:
        if is_torch_file(name) or name.endswith(".safetensors") or Path(name).is_dir():
            raise ValueError(
                f"{name} is weights, which do not run by themselves: `pinpoint export` makes a file that does"
            ) from error
        if name in architecture_names():
            raise ValueError(
                f"{name} is a network without weights: `pinpoint models info {name}` says how to come by some"
            ) from error
        raise


def _needed_for(choice: Choice) -> Iterator[ModelSpec]:
    spec = model_of(choice.name)
    given = detector_for(spec, choice.detector) if choice.detector else None
    yield from requirements(spec, own_detector=given is None and not choice.boxes)
    if given is not None and not choice.boxes:
        yield from requirements(given)


def _unasked(image: Image, boxes: ArrayLike | None = None) -> Keypoints:
    """Stands for a detector where boxes are given for every picture."""
    raise AssertionError("no detector was loaded, for boxes were to be given")
