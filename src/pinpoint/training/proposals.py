"""What a user did not say, taken from the statistics of the data, each value with its reason."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pinpoint.datasets.augmentation import Augmentation
from pinpoint.datasets.samples import Samples
from pinpoint.geometry import Float, Size
from pinpoint.models import Architecture, architecture
from pinpoint.skeletons import Skeleton
from pinpoint.training.build import SIGMA
from pinpoint.training.config import TrainConfig

__all__ = ["Proposal", "Statistics", "proposals", "statistics", "with_proposals"]

LEAST_SIDE, MOST_SIDE = 96, 384  # pixels of an input
LEAST_BATCH, MOST_BATCH = 8, 64
LEAST_EPOCHS, MOST_EPOCHS, LEAST_SAMPLES = 60, 1000, 30_000
MEASUREMENTS = 40  # in one run
FEW, MANY = 500, 20_000  # samples
ENOUGH = 100_000  # samples: what Muon gains was measured with fewer
USUAL_RATE, USUAL_BATCH = 2e-3, 64
PLAIN = Augmentation()


@dataclass(frozen=True, eq=False)
class Statistics:
    """What proposals are made from.

    Args:
        samples: Labelled instances, over all sources.
        pictures: Pictures with at least one of them.
        skeleton: As the data has it.
        sides: Width and height of every box in pixels, shape (M, 2).
        spread: How differently the instances are turned, in degrees: the circular standard deviation
            (https://en.wikipedia.org/wiki/Directional_statistics), cut at 180.
    """

    samples: int
    pictures: int
    skeleton: Skeleton
    sides: Float
    spread: float

    @cached_property
    def box(self) -> tuple[float, float]:
        """Width and height of the usual box: its area and its aspect are medians."""
        width, height = np.log(self.sides).T
        area, aspect = np.median(width + height), np.median(width - height)
        return float(np.exp((area + aspect) / 2)), float(np.exp((area - aspect) / 2))


@dataclass(frozen=True)
class Proposal:
    """One value that nobody said.

    Args:
        key: Of the configuration; a dot leads into a table.
        value: As TOML holds it.
        reason: In words.
    """

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Known:
    """What there is to make a proposal from.

    Args:
        plain: What was said, and what was proposed before.
        data: Statistics of the training data.
    """

    plain: Mapping[str, Any]
    data: Statistics

    def __getitem__(self, key: str) -> Any:
        """The value of a key; where nobody said it, that of the configuration."""
        return self.plain.get(key, getattr(TrainConfig, key, None))

    @property
    def kind(self) -> Architecture:
        """The architecture."""
        return architecture(self["model"])

    @property
    def count(self) -> int:
        """How many samples an epoch has: what a one-stage network sees is whole pictures."""
        return self.data.samples if self.kind.pipeline == "top-down" else self.data.pictures

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        samples = self["samples"] or self["epochs"] * self.count
        return max(1, math.ceil(samples / self["batch"]))


def statistics(sources: Sequence[Samples]) -> Statistics:
    """Look at the instances that are learnt from."""
    sides = np.concatenate([samples.boxes[:, 2:] - samples.boxes[:, :2] for samples in sources])
    return Statistics(
        samples=len(sides),
        pictures=sum(len(np.unique(samples.picture)) for samples in sources),
        skeleton=sources[0].skeleton,
        sides=np.maximum(sides, 1.0),
        spread=turn_spread(np.concatenate([samples.xy for samples in sources])),
    )


def turn_spread(xy: Float) -> float:
    """How differently instances are turned, in degrees up to 180; 0 where that cannot be told.

    Every instance is turned onto the mean shape of all (generalised Procrustes analysis, Gower 1975), here
    with points as complex numbers.

    Args:
        xy: Labelled points, shape (M, K, 2), NaN where not labelled.
    """
    shapes = xy[..., 0] + 1j * xy[..., 1]
    there = np.asarray(np.isfinite(xy).all(axis=-1))
    counts = there.sum(axis=1)
    if not (counts >= 2).any():
        return 0.0
    shapes, there, counts = (array[counts >= 2] for array in (np.where(there, shapes, 0), there, counts))
    middle = shapes.sum(axis=1) / counts
    shapes = np.where(there, shapes - middle[:, None], 0)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True) + 1e-9
    mean, turns = shapes[counts.argmax()], np.ones(len(shapes), complex)
    for _ in range(5):
        turns = np.exp(1j * np.angle((shapes * mean.conj()).sum(axis=1)))
        mean = (shapes * turns.conj()[:, None]).mean(axis=0)
    together = abs(turns.mean())
    return float(min(180.0, np.degrees(np.sqrt(max(0.0, -2 * np.log(together + 1e-9))))))


def proposals(said: Mapping[str, Any], data: Statistics) -> tuple[Proposal, ...]:
    """Propose every value that matters, depends on the data and was not said.

    Args:
        said: Plain values of a configuration, as `config_from_dict` takes them.
        data: What the run learns from.

    Raises:
        ValueError: There is no architecture of the name that was said.
    """
    made: list[Proposal] = []
    for key, propose in _PROPOSED.items():
        known = Known(with_proposals(said, made), data)
        if not _is_said(known.plain, key) and (proposed := propose(known)) is not None:
            made.append(Proposal(key, *proposed))
    return tuple(made)


def with_proposals(said: Mapping[str, Any], made: Sequence[Proposal]) -> dict[str, Any]:
    """Plain values with those that were proposed."""
    plain = dict(said)
    for proposal in made:
        table, _, key = proposal.key.rpartition(".")
        if table:
            plain[table] = {**plain.get(table, {}), key: proposal.value}
        else:
            plain[key] = proposal.value
    return plain


def _is_said(plain: Mapping[str, Any], key: str) -> bool:
    table, _, key = key.rpartition(".")
    return key in (plain.get(table, {}) if table else plain)


def _model(known: Known) -> tuple[str, str]:
    if known.data.samples < 10 * FEW:
        return (
            "plain-n",
            f"{_count(known.data.samples, 'sample')} fill a small network, which learns in minutes",
        )
    return "plain-s", f"{_count(known.data.samples, 'sample')} are enough for a wider network"


def _input_size(known: Known) -> tuple[list[int], str] | None:
    """As large as the usual object, but no more pixels than the architecture is made for."""
    kind = known.kind
    if kind.pipeline != "top-down":
        return None
    width, height = known.data.box
    scale = known["box_scale"] or kind.box_scale
    most = math.prod(kind.input_size)
    shrink = min(1.0, math.sqrt(most / (width * height * scale**2)))
    size = [_rounded(side * scale * shrink, _step(kind.input_size)) for side in (width, height)]
    why = f"the usual box is {width:.0f} x {height:.0f} pixels"
    return size, f"{why}, {kind.name} is made for {most:,} of them" if shrink < 1 else why


def _step(usual: Size) -> int:
    """An architecture that is fed multiples of 32 may need them; others take finer steps."""
    return 16 if any(side % 32 for side in usual) else 32


def _rounded(side: float, step: int) -> int:
    return min(MOST_SIDE, max(LEAST_SIDE, round(side / step) * step))


def _batch(known: Known) -> tuple[int, str]:
    samples = known.count
    batch = 2 ** round(math.log2(max(1, samples) / 12))
    return min(MOST_BATCH, max(LEAST_BATCH, batch)), f"a twelfth of {_count(samples, 'sample')}, from 8 to 64"


def _epochs(known: Known) -> tuple[int, str] | None:
    if known["samples"] and "samples" in known.plain:
        return None
    samples = known.count
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(LEAST_SAMPLES / samples)))
    return epochs, f"{LEAST_EPOCHS} or more, for {LEAST_SAMPLES:,} looks at a sample: {epochs * samples:,}"


def _optimizer(known: Known) -> tuple[str, str] | None:
    """None, which is AdamW, for weights that are there: Muon was measured from chance."""
    if known["weights"] or known["prune"] or known.data.samples >= ENOUGH:
        return None
    return "muon", f"{_count(known.data.samples, 'sample')} teach it about twice as much as AdamW"


def _lr(known: Known) -> tuple[float, str]:
    """The root of the batch: that is how the noise of AdamW's steps grows (arXiv 2205.10287).

    Muon is given AdamW's rate, and takes its own steps at ten times that: see `Muon`.
    """
    rate = USUAL_RATE * math.sqrt(known["batch"] / USUAL_BATCH)
    if known["weights"]:
        return float(
            f"{rate / 4:.1g}"
        ), "a quarter of what a new network takes: the weights know much already"
    return float(f"{rate:.1g}"), f"{USUAL_RATE:g} for {USUAL_BATCH} samples per step, less for fewer"


def _warmup(known: Known) -> tuple[int, str]:
    return min(
        TrainConfig.warmup, known.steps // 10
    ), f"a tenth of {_count(known.steps, 'step')}, 200 at most"


def _val_every(known: Known) -> tuple[int, str]:
    epoch = max(1, known.count // known["batch"])
    every = max(epoch, math.ceil(known.steps / MEASUREMENTS))
    why = (
        "once an epoch" if every == epoch else f"{MEASUREMENTS} measurements in {_count(known.steps, 'step')}"
    )
    return every, why


def _sigmas(known: Known) -> tuple[list[float], str] | None:
    if known.data.skeleton.sigmas or not len(known.data.skeleton):
        return None
    return [SIGMA], "nobody published OKS falloffs for these keypoints"


def _flip(known: Known) -> tuple[float, str]:
    pairs = len(known.data.skeleton.swaps)
    if pairs:
        return PLAIN.flip, f"{_count(pairs, 'pair')} of left and right change sides in a mirror"
    return 0.0, "no keypoint is called left or right: a mirror picture may be of another object"


def _rotate(known: Known) -> tuple[float, str]:
    spread = known.data.spread
    value = float(round(min(90.0, max(15.0, spread))))
    return value, f"how the objects lie spreads over {spread:.0f} degrees; 15 to 90 are of use"


def _strength(key: str, factor: float) -> Callable[[Known], tuple[float, str] | None]:
    """More change where there is little data, so that no sample is seen twice; less where there is much."""

    def propose(known: Known) -> tuple[float, str] | None:
        samples, usual = known.count, getattr(PLAIN, key)
        seen = _count(samples, "sample")
        if samples < FEW:
            return round(usual * factor, 2), f"{seen} are few: more than {usual:g}"
        if samples > MANY:
            return round(usual / factor, 2), f"{seen} are many: less than {usual:g}"
        return None

    return propose


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


_PROPOSED: dict[str, Callable[[Known], tuple[Any, str] | None]] = {
    "model": _model,
    "input_size": _input_size,
    "batch": _batch,
    "epochs": _epochs,
    "optimizer": _optimizer,
    "lr": _lr,
    "warmup": _warmup,
    "val_every": _val_every,
    "sigmas": _sigmas,
    "augmentation.flip": _flip,
    "augmentation.rotate": _rotate,
    "augmentation.scale": _strength("scale", 1.2),
    "augmentation.light": _strength("light", 1.3),
    "augmentation.occlude": _strength("occlude", 1.3),
}
"""In this order: later ones look at earlier ones."""
