"""A run compared with what it was made from, or with whom it learnt from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pinpoint.datasets.samples import Samples
from pinpoint.hub.cache import cache_dir
from pinpoint.keypoints import Estimator
from pinpoint.pipelines.load import load
from pinpoint.runtime import open_session
from pinpoint.training.build import read_data, with_sigmas
from pinpoint.training.compress.table import RUNS, Comparison, Figures, Limits, interleaved
from pinpoint.training.compress.teachers import answers, file_bytes, in_boxes, is_run, measured
from pinpoint.training.config import TrainConfig
from pinpoint.training.export import export_onnx, load_trained
from pinpoint.training.loop import BEST

__all__ = ["compare_models", "set_aside", "validation_samples"]

FAILED = "failed"


@dataclass(frozen=True)
class Contender:
    """One of the two that are compared.

    Args:
        estimator: It, on one thread.
        bytes: Size of its files.
    """

    estimator: Estimator
    bytes: int

    @classmethod
    def of(cls, name: str, folder: Path) -> "Contender":
        """Make it of what `load` knows, or of a run, which is exported into the folder."""
        if not is_run(name):
            return cls(load(name, threads=1), file_bytes(name))
        network, spec = load_trained(name)
        file = folder / "exported.onnx"
        export_onnx(network, spec, file)
        return cls(in_boxes(open_session(file, threads=1), spec), file.stat().st_size)

    def figures(self, samples: Samples, seconds: float) -> Figures:
        """What it does and takes."""
        return Figures(self.bytes, 1e3 * seconds, measured(answers(self.estimator, samples), samples))

    def once(self, samples: Samples) -> Callable[[], object]:
        """What is timed: the first instance, from the picture to its keypoints."""
        image, box = np.ascontiguousarray(samples.pictures[int(samples.picture[0])]), samples.boxes[:1]
        return lambda: self.estimator(image, box)


def validation_samples(config: TrainConfig, cache: Path | None = None) -> Samples:
    """What a run is measured on.

    Args:
        config: Of the run.
        cache: Folder of the decoded pictures; none takes the one that all runs share.
    """
    val = read_data(config, Path(config.root).resolve(), cache or cache_dir() / "pictures").val
    columns = with_sigmas(val.skeleton, config.sigmas)
    return Samples(
        val.pictures, columns, val.picture, xy=val.xy, boxes=val.boxes, areas=val.areas, crowds=val.crowds
    )


def compare_models(
    before: str, after: str, samples: Samples, limits: Limits, names: tuple[str, str] = ("before", "after")
) -> Comparison:
    """Measure two models in the true boxes of the same instances, and time them in turns.

    Args:
        before: A model that `load` knows, a file, or the folder or the weights of a run.
        after: Another.
        samples: The instances.
        limits: What is allowed.
        names: What the two are called in the table.
    """
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        first, second = Contender.of(before, Path(one)), Contender.of(after, Path(two))
        (old, new), ratio = interleaved([first.once(samples), second.once(samples)], RUNS)
        return Comparison(
            first.figures(samples, old),
            second.figures(samples, new),
            ratio,
            limits=limits,
            names=names,
            subject=f"{len(samples)} instances in true boxes; time: one of them, from the picture to its "
            "keypoints, on one thread",
        )


def set_aside(run: Path) -> Path:
    """Rename the best weights of a run, so that nothing takes them for what they failed to be."""
    best = run / BEST
    failed = best.with_stem(FAILED)
    best.replace(failed)
    if (words := best.with_suffix(".json")).exists():
        words.replace(failed.with_suffix(".json"))
    return failed
