"""From the words of the command line to an estimator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pinpoint.cli.progress import Fetching
from pinpoint.hub import ModelSpec, find, pull, requirements
from pinpoint.keypoints import Estimator
from pinpoint.pipelines.load import DEFAULTS, is_file_name, load

__all__ = ["Choice", "fetch", "load_estimator", "needed", "noun"]

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
        detector: A model of the catalogue, or none for the model's own.
        search: `auto`, `whole` or `tiles`.
        looks: How often the network looks at each instance; none for the model's own way.
        threads: 0 is what suits the machine.
        providers: What ONNX Runtime runs on, best first; empty is the CPU.
    """

    name: str
    detector: str | None = None
    search: str = "auto"
    looks: int | None = None
    threads: int = 0
    providers: tuple[str, ...] = ()


def load_estimator(choice: Choice) -> Estimator:
    """Load what was asked for; whoever waits for its files sees how much of them is there.

    Raises:
        ValueError: There is no such model, or it cannot be run in the way that was asked for.
        OSError: Its files are not there and could not be fetched.
    """
    names = (choice.name, choice.detector or "")
    fetch([name for name in names if name and not is_file_name(name)])
    return load(
        choice.name,
        detector=choice.detector,
        search=choice.search,  # pyright: ignore[reportArgumentType] - `load` checks it
        looks=choice.looks,
        threads=choice.threads,
        providers=choice.providers or None,
    )


def fetch(names: Sequence[str], *, verify: bool = False) -> list[ModelSpec]:
    """Have the files of models, and of all that they need, in the cache.

    Args:
        names: Tasks and models.
        verify: Hash the files that are there even if they look untouched.

    Returns:
        What was needed, each once.

    Raises:
        ValueError: There is no such model.
        OSError: A file is not there and could not be fetched.
    """
    specs = list(dict.fromkeys(spec.name for name in names for spec in needed(name)))
    with Fetching() as progress:
        for spec in map(find, specs):
            pull(spec, progress, verify=verify)
    return [find(name) for name in specs]


def needed(name: str) -> Iterator[ModelSpec]:
    """The rows of a task or a model, and of its parts and detectors.

    Raises:
        ValueError: There is no such model.
    """
    model, _ = DEFAULTS.get(name, (name, ""))
    yield from requirements(find(model))


def noun(choice: Choice) -> tuple[str, str]:
    """What to call one and many of the things that it finds."""
    return NOUNS.get(choice.name, ("instance", "instances"))
