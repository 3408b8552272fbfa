"""From a name to an estimator: the one place where strings become objects."""

import difflib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.codecs import Decoder, InstanceCodec
from pinpoint.codecs.ssd import Ssd
from pinpoint.geometry import Image
from pinpoint.hub import ModelSpec, catalogue, find, pull, spec_of_file
from pinpoint.keypoints import Estimator, Keypoints, convert
from pinpoint.pipelines.blazepose import BlazePose, WholePersonBoxes, blazepose35
from pinpoint.pipelines.boxes import whole_picture
from pinpoint.pipelines.dlib_faces import DlibFaces, load_dlib
from pinpoint.pipelines.duplicates import likely_bodies
from pinpoint.pipelines.face import Face68, Face68Network, FaceIris, FaceMesh, LinearMap, eye_skeleton
from pinpoint.pipelines.following import EveryFrame, Follower, ToldAs, all_of_them, follower_of
from pinpoint.pipelines.hand import Hands
from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.search import Search, SearchMode
from pinpoint.pipelines.top_down import TopDown
from pinpoint.pipelines.whole_body import WholeBody
from pinpoint.runtime import Session, open_session
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["DEFAULTS", "Converted", "detector_for", "is_file_name", "load", "load_follower"]

log = logging.getLogger(__name__)

DEFAULTS: Mapping[str, tuple[str, str]] = {
    "body": ("body-s", "coco17"),
    "face": ("mediapipe-face68", "face68"),
    "hand": ("mediapipe-hand-full", "hand21"),
    "wholebody": ("mediapipe-wholebody", "coco_wholebody133"),
}
"""The model and the skeleton that a task name stands for."""

PEOPLE = ("person-detector", "body", "wholebody")
FINDERS: Mapping[str, tuple[str, ...]] = {
    "body": PEOPLE,
    "wholebody": PEOPLE,
    "face": ("face-detector", "face"),
    "hand": ("hand-detector", "hand"),
}
"""The tasks of the models that find what models of a task read; detectors come first. Objects are found by
whatever finds them."""

USUAL_DETECTORS: Mapping[str, str] = {
    "body": "person-n",
    "wholebody": "person-n",
    "face": "mediapipe-face-short",
    "hand": "rtmdet-nano.hand",
}
"""What finds the instances for a model that names no detector, such as one that a user trained."""

# MediaPipe's detectors box faces and palms, and report what they are not sure of, from which a search tells
# whether to look closer. Others box whole bodies, which overlap, and have a threshold of their own: at .5,
# RTMDet-nano finds 97 of 199 people, at its own .3 it finds 162.
WHOLE_BODY_IOU = 0.6


@dataclass(frozen=True)
class Converted:
    """An estimator whose answer is told in another skeleton."""

    estimator: Estimator
    skeleton: Skeleton

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`."""
        kps = self.estimator(image, boxes)
        return convert(kps, self.skeleton) if len(kps) else Keypoints.empty(self.skeleton)

    def follower(self) -> Follower:
        """Return its parts for video; see `Follower`."""
        return ToldAs(follower_of(self.estimator, self.skeleton), self.skeleton)


@dataclass(frozen=True)
class Options:
    """How the parts of an estimator are to be made; see `load`."""

    detector: Estimator | str | None = None
    search: SearchMode = "auto"
    looks: int | None = None
    threads: int = 0
    providers: Sequence[str] | None = None
    file: Path | None = None

    def __post_init__(self) -> None:
        if self.search not in ("auto", "whole", "tiles"):
            raise ValueError(f"search is {self.search!r}, expected auto, whole or tiles")
        if self.looks not in (None, 1, 2):
            raise ValueError(f"looks is {self.looks!r}, expected 1 or 2")
        if self.threads < 0:
            raise ValueError(f"threads is {self.threads}, expected 0 (what suits the machine) or more")
        if not (self.detector is None or isinstance(self.detector, str) or callable(self.detector)):
            raise ValueError(f"detector is {self.detector!r}, expected a model's name or an estimator")


def load(
    name: str | Path = "body",
    *,
    detector: Estimator | str | None = None,
    search: SearchMode = "auto",
    looks: int | None = None,
    threads: int = 0,
    providers: Sequence[str] | str | None = None,
) -> Estimator:
    """Load a model, fetching its files if they are not there yet.

    Args:
        name: A task (`body`, `face`, `hand`, `wholebody`), a model of the catalogue, or the path of a file
            that Pinpoint exported; or of a `.dat` of dlib with 68 points, which needs dlib.
        detector: What finds the instances instead of the model's own detector: an estimator, or the name of
            a model, a task or a file that finds such instances. A model that has none takes the usual one of
            its task, and for objects of a user's own kind the whole picture as one box.
        search: How hard to look for instances: `whole` shows the detector the whole picture, `tiles` parts of
            it too, `auto` those only if the picture seems to hold several people or none, which MediaPipe's
            detectors tell; others see several by themselves, and `auto` is `whole`.
        looks: 1 is fast; 2 looks again where the first look saw the instance, for accuracy. None: the model's
            choice.
        threads: Threads of each network; 0: what suits the machine.
        providers: What ONNX models run on, best first, such as `("cuda", "cpu")` or `"cuda"`; none: the CPU.

    Raises:
        ValueError: There is no such model, it finds no keypoints, or the detector finds something else.
        pinpoint.hub.PullError: A file is missing and cannot be fetched; the message says where to put it.
        ModuleNotFoundError: The file needs a package that is not installed; the message names it.
    """
    return _loaded(name, Options(detector, search, looks, threads, _as_names(providers)))[0]


def load_follower(
    name: str | Path = "body",
    *,
    detector: Estimator | str | None = None,
    search: SearchMode = "whole",
    looks: int | None = None,
    threads: int = 0,
    providers: Sequence[str] | str | None = None,
) -> Follower:
    """Load a model for video: what was seen in one frame says where to look in the next.

    Models that find and read in one look, those of dlib and those with irises look at the whole of every
    frame; so does what is asked to look twice.

    Args:
        name: See `load`.
        detector: See `load`.
        search: See `load`. In video, the next frame is another look.
        looks: See `load`.
        threads: See `load`.
        providers: See `load`.

    Raises:
        ValueError: See `load`.
        pinpoint.hub.PullError: See `load`.
        ModuleNotFoundError: See `load`.
    """
    estimator, columns = _loaded(name, Options(detector, search, looks, threads, _as_names(providers)))
    return EveryFrame(estimator, columns) if looks == 2 else follower_of(estimator, columns)


def _loaded(name: str | Path, options: Options) -> tuple[Estimator, Skeleton]:
    """Put an estimator together, and say what its columns are."""
    if str(name) in DEFAULTS:
        model, columns = DEFAULTS[str(name)]
        log.info("%s: using %s, the default for this task", name, model)
        estimator = _as_skeleton(_build(find(model), options), find(model), skeleton(columns))
        return estimator, skeleton(columns)
    if is_file_name(name):
        options = replace(options, file=Path(name))
        if Path(name).suffix.lower() == ".dat":
            return _dlib(Path(name), options), skeleton("face68")
    spec = _known(str(name)) if options.file is None else _of_file(options.file)
    log.info("using %s, as asked", spec.name)
    return _build(spec, options), spec.skeleton or skeleton("box")


def is_file_name(name: str | Path) -> bool:
    """Whether a name means a model file, not a task or a model of the catalogue."""
    return Path(name).suffix.lower() in (".onnx", ".tflite", ".xml", ".npz", ".dat")


def detector_for(spec: ModelSpec, name: str) -> ModelSpec:
    """Return the model of a name or a file, or a task's own, if it finds what another model reads.

    Raises:
        ValueError: There is no such model, or it finds something else.
    """
    if is_file_name(name):
        chosen = _of_file(Path(name))
    else:
        chosen = find(DEFAULTS[name][0]) if name in DEFAULTS else _known(name)
    tasks = FINDERS.get(spec.task, (chosen.task,))
    if chosen.task in tasks:
        return chosen
    fitting = [
        row.name for row in catalogue().values() if (row.task, row.pipeline) == (tasks[0], "one-stage")
    ]
    raise ValueError(
        f"detector {name!r} is for {chosen.task}, but {spec.name} needs a {tasks[0]}: {', '.join(fitting)}"
    )


def _as_names(providers: Sequence[str] | str | None) -> Sequence[str] | None:
    return (providers,) if isinstance(providers, str) else providers


def _known(name: str) -> ModelSpec:
    try:
        return find(name)
    except ValueError as error:
        if close := difflib.get_close_matches(name, DEFAULTS, n=1):
            raise ValueError(f"no model {name!r}; did you mean the task {close[0]!r}?") from error
        raise


def _of_file(path: Path) -> ModelSpec:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    spec = spec_of_file(path)
    if spec is None:
        raise ValueError(
            f"{path} does not say what it is; add it to the catalogue with "
            f"`pinpoint models add {path} --like ROW`, where ROW names a model that is fed and read alike"
        )
    if spec.parts:
        raise ValueError(f"{path} says that it is made of {', '.join(spec.parts)}, expected one network")
    return replace(spec, files=())  # a file may not name others to be fetched


def _as_skeleton(estimator: Estimator, spec: ModelSpec, columns: Skeleton) -> Estimator:
    return estimator if spec.skeleton == columns else Converted(estimator, columns)


def _build(spec: ModelSpec, options: Options) -> Estimator:
    if spec.pipeline not in BUILDERS:
        raise ValueError(
            f"{spec.name} is for {spec.task} and finds no keypoints of its own; it cannot be loaded alone"
        )
    return BUILDERS[spec.pipeline](spec, options)


def _session(spec: ModelSpec, options: Options) -> Session:
    path = options.file or next(iter(pull(spec).values()))
    return open_session(path, outputs=spec.outputs, threads=options.threads, providers=options.providers)


def _network(spec: ModelSpec, options: Options, columns: Skeleton | None = None) -> PointNetwork:
    session = _session(spec, options)
    columns = spec.skeleton if columns is None else columns
    if spec.codec is None or columns is None:
        raise ValueError(f"{spec.name} does not say how its outputs are read: codec or skeleton is missing")
    return PointNetwork(session, cast(Decoder, spec.codec), Preparation.of(spec, session.input), columns)


def _one_stage(spec: ModelSpec, options: Options) -> OneStage:
    session = _session(spec, options)
    if spec.codec is None:
        raise ValueError(f"{spec.name} does not say how its outputs are read: codec is missing")
    columns = skeleton("box") if spec.skeleton is None else spec.skeleton
    prepare = Preparation.of(spec, session.input)
    return OneStage(session, cast(InstanceCodec, spec.codec), prepare, columns, spec.align)


def _alone(spec: ModelSpec, options: Options) -> Estimator:
    twice = options.looks == 2
    if options.detector is not None or (twice and not hasattr(spec.codec, "mirrored")):
        given = "detector" if options.detector is not None else "second look"
        raise ValueError(
            f"{spec.name} finds and reads everything in one look at the picture: it takes no {given}"
        )
    estimator = replace(_one_stage(spec, options), flip_test=twice)
    if options.search != "tiles":
        return estimator
    return Search(estimator, None, "tiles", min_score=0.0, max_iou=WHOLE_BODY_IOU)


def _detector(spec: ModelSpec, options: Options) -> Estimator:
    if options.detector is not None and not isinstance(options.detector, str):
        return options.detector
    name = options.detector or spec.detector or USUAL_DETECTORS.get(spec.task, "")
    if not (options.detector or spec.detector):
        log.info("%s names no detector: using %s", spec.name, name or "the whole picture as the one box")
    if not name:
        return whole_picture
    if not options.detector and is_file_name(name):
        raise ValueError(f"{spec.name} names the file {name} as its detector; give it as detector={name!r}")
    chosen = detector_for(spec, name)
    alone = replace(options, detector=None, file=Path(name) if is_file_name(name) else None)
    if chosen.pipeline != "one-stage":
        return _build(chosen, alone)
    own = replace(alone, file=None)
    closer = _one_stage(find(chosen.tile_detector), own) if chosen.tile_detector else None
    detector = _one_stage(chosen, alone)
    if isinstance(chosen.codec, Ssd):
        return Search(detector, closer, options.search, expected=2 if chosen.task == "hand-detector" else 1)
    mode = "whole" if options.search == "auto" else options.search
    return Search(detector, closer, mode, min_score=0.0, max_iou=WHOLE_BODY_IOU)


def _top_down(spec: ModelSpec, options: Options) -> Estimator:
    if spec.skeleton == skeleton("face68"):
        detector, network = _detector(spec, options), _network(spec, options)
        return Face68Network(detector, network, spec.box_scale, options.looks or 2)
    width, height = spec.input_size
    region = BoxRegion(width / height, spec.box_scale)
    people = WholePersonBoxes(_detector(spec, options))
    body = spec.task == "body"
    return TopDown(
        people,
        _network(spec, options),
        region,
        region,
        flip_test=options.looks == 2,
        flip_given=options.looks == 2 or (options.looks is None and body),
        sift=likely_bodies if body and spec.skeleton and spec.skeleton.sigmas else all_of_them,
    )


def _blazepose(spec: ModelSpec, options: Options) -> BlazePose:
    return BlazePose(_detector(spec, options), _network(spec, options, blazepose35()), options.looks)


def _face_mesh(spec: ModelSpec, options: Options) -> FaceMesh:
    return FaceMesh(_detector(spec, options), _network(spec, options), options.looks or 1)


def _face_iris(spec: ModelSpec, options: Options) -> FaceIris:
    mesh, iris = (find(part) for part in spec.parts)
    return FaceIris(_face_mesh(mesh, options), _network(iris, options, eye_skeleton()))


def _face68(spec: ModelSpec, options: Options) -> Face68:
    mesh = _face_mesh(find(spec.parts[0]), replace(options, looks=options.looks or 2))
    with np.load(next(iter(pull(spec).values())), allow_pickle=False) as stored:
        return Face68(mesh, LinearMap(stored["weights"], tuple(stored["axis"])))


def _dlib(path: Path, options: Options) -> DlibFaces:
    if options.looks == 2:
        raise ValueError(f"{path} is read by dlib, which takes no second look")
    like = replace(options, file=None)
    return load_dlib(path, detector=None if options.detector is None else _detector(find("face-s"), like))


def _hand(spec: ModelSpec, options: Options) -> Hands:
    return Hands(_detector(spec, options), _network(spec, options), options.looks or 1)


def _whole_body(spec: ModelSpec, options: Options) -> WholeBody:
    body, face, hand = (find(part) for part in spec.parts)
    own = replace(options, detector=None)  # a detector that is given finds people
    return WholeBody(_blazepose(body, options), _face68(face, own), _hand(hand, own))


BUILDERS: Mapping[str, Callable[[ModelSpec, Options], Estimator]] = {
    "one-stage": _alone,
    "top-down": _top_down,
    "blazepose": _blazepose,
    "face-mesh": _face_mesh,
    "face-iris": _face_iris,
    "face68": _face68,
    "hand": _hand,
    "wholebody": _whole_body,
}
"""How each kind of pipeline in the catalogue is put together."""
