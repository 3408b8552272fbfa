"""Whoever answers for labelled instances in true boxes: teachers, and what is compared with them."""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.datasets.samples import Samples
from pinpoint.evaluation.points import point_measures
from pinpoint.geometry import Float, Image
from pinpoint.hub import ModelSpec, find, pull, requirements
from pinpoint.keypoints import Estimator, convert
from pinpoint.pipelines.load import DEFAULTS, is_file_name, load
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.top_down import TopDown
from pinpoint.runtime import Session
from pinpoint.training.export import load_trained
from pinpoint.training.gate_samples import NetworkSession

__all__ = ["Answers", "answers", "file_bytes", "in_boxes", "is_run", "measured", "remembered", "teacher_of"]

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class Answers(NamedTuple):
    """What somebody says of labelled instances, in pixels of their pictures."""

    xy: Float
    """Shape (M, K, 2), NaN where nothing is known."""
    scores: Float
    """Shape (M, K), 0 where nothing is known."""


def is_run(name: str) -> bool:
    """Whether a name means what a run wrote: its folder or its weights."""
    return Path(name).is_dir() or Path(name).suffix == ".safetensors"


def teacher_of(name: str, threads: int = 0) -> Estimator:
    """Return the estimator of a name, to be called with boxes.

    Args:
        name: A model that `load` knows, a file, or the folder or the weights of a top-down run.
        threads: Of an engine; 0: what suits the machine.

    Raises:
        ValueError: There is no such model, or the run is not top-down.
    """
    if not is_run(name):
        return load(name, threads=threads)
    network, spec = load_trained(name)
    return in_boxes(NetworkSession(network, spec), spec)


def in_boxes(session: Session, spec: ModelSpec) -> Estimator:
    """A top-down network that reads whoever is in the boxes that it is called with, and looks for nobody."""
    if spec.pipeline != "top-down" or spec.codec is None or spec.skeleton is None:
        raise ValueError(f"{spec.name} is {spec.pipeline}, expected a top-down network")
    prepare = Preparation.of(spec, session.input)
    network = PointNetwork(session, spec.codec, prepare, spec.skeleton)  # pyright: ignore[reportArgumentType]
    region = BoxRegion(spec.input_size[0] / spec.input_size[1], spec.box_scale)
    return TopDown(_nobody, network, region, region)


def answers(estimator: Estimator, samples: Samples, progress: Progress | None = None) -> Answers:
    """Ask an estimator about every instance, in its true box; its keypoints are matched by name."""
    xy = np.full(samples.xy.shape, np.nan)
    scores = np.zeros(samples.xy.shape[:2])
    pictures = np.unique(samples.picture)
    for done, number in enumerate(pictures.tolist(), 1):
        rows = samples.of_picture(number)
        kps = estimator(np.ascontiguousarray(samples.pictures[number]), samples.boxes[rows])
        if kps.skeleton != samples.skeleton:
            kps = convert(kps, samples.skeleton)
        xy[rows], scores[rows] = kps.xy, kps.scores
        if progress is not None:
            progress(done, len(pictures))
    known = np.asarray(np.isfinite(xy).all(axis=2))
    return Answers(xy, np.where(known, scores, 0.0))


def remembered(name: str, samples: Samples, folder: Path, progress: Progress | None = None) -> Answers:
    """What a teacher says; asked once, and read from the folder when a run goes on."""
    words = "|".join((name, _state(name), samples.skeleton.name, samples.digest()))
    path = folder / f"{hashlib.sha256(words.encode()).hexdigest()[:24]}.npz"
    if not path.exists():
        log.info("asking %s about %d instances", name, len(samples))
        told = answers(teacher_of(name), samples, progress)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npz")  # each of several processes may write it
        np.savez(part, xy=told.xy, scores=told.scores)
        part.replace(path)
    with np.load(path, allow_pickle=False) as stored:
        return Answers(stored["xy"], stored["scores"])


def measured(told: Answers, samples: Samples) -> Mapping[str, float]:
    """OKS average precision in true boxes, and PCK; see `pinpoint.evaluation.points.point_measures`."""
    sigmas = np.array(samples.skeleton.sigmas)
    return point_measures(samples.xy, told.xy, told.scores, samples.boxes, samples.areas, sigmas)


def file_bytes(name: str) -> int:
    """Size of all files of a model that `load` knows."""
    if is_file_name(name):
        return Path(name).stat().st_size
    spec = find(DEFAULTS.get(name, (name,))[0])
    return sum(path.stat().st_size for part in requirements(spec) for path in pull(part).values())


def _nobody(image: Image, boxes: ArrayLike | None = None) -> NoReturn:
    raise ValueError("this estimator has no detector, expected boxes")


def _state(name: str) -> str:
    """What changes when a file or a run is another one."""
    path = Path(name)
    files = sorted(path.glob("best.*")) if path.is_dir() else [path] if path.is_file() else []
    return "|".join(f"{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)
