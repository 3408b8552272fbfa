"""dlib's shape predictors, run by dlib itself where it is installed.

They are the ensembles of regression trees of Kazemi and Sullivan (CVPR 2014) in dlib's own form. The
published one for 68 points was learnt from 300-W, whose terms are research, non-commercial.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.codecs.activation import sigmoid
from pinpoint.geometry import Float, Image, boxes_of_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.boxes import as_boxes, in_boxes
from pinpoint.pipelines.preparation import picture_size
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["DlibDetector", "DlibFaces", "load_dlib"]

HOW_TO_INSTALL = "`pip install dlib-bin` takes a wheel, `pip install dlib` compiles for some minutes"


@dataclass(frozen=True)
class DlibDetector:
    """dlib's detector of frontal faces, which its published predictors were made for.

    Args:
        detector: What `dlib.get_frontal_face_detector` returns.
        doublings: How often the picture is doubled first; without, it finds faces from 80 pixels on.
    """

    detector: Any
    doublings: int = 1

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate boxes; see `Estimator`. Scores are a sigmoid of dlib's, which know no bound."""
        if boxes is not None:
            return as_boxes(boxes)
        picture_size(image)
        found, scores, _ = self.detector.run(np.ascontiguousarray(image), self.doublings, 0.0)
        corners = [(box.left(), box.top(), box.right(), box.bottom()) for box in found]
        if not corners:
            return Keypoints.empty(skeleton("box"))
        return replace(as_boxes(corners), box_scores=sigmoid(np.array(scores)))


@dataclass(frozen=True)
class DlibFaces:
    """All faces of a picture by a shape predictor of dlib.

    dlib rounds points to whole pixels and says nothing of how sure it is: scores are 1.

    Args:
        predictor: A `dlib.shape_predictor`.
        make_box: `dlib.rectangle`.
        detector: Finds faces, with boxes like those that the predictor was trained on.
        skeleton: What its K points are.
    """

    predictor: Any
    make_box: Any
    detector: Estimator
    skeleton: Skeleton

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._read(image, given))
        kps = self._read(image, self.detector(image))
        return replace(kps, boxes=boxes_of_points(kps.xy)) if len(kps) else kps

    def _read(self, image: Image, found: Keypoints) -> Keypoints:
        if not len(found):
            return Keypoints.empty(self.skeleton)
        image = np.ascontiguousarray(image)
        xy = np.array([self._points(image, box) for box in np.asarray(found.boxes)])
        return replace(found, xy=xy, scores=np.ones(xy.shape[:2]), skeleton=self.skeleton)

    def _points(self, image: Image, box: Float) -> list[tuple[int, int]]:
        shape = self.predictor(image, self.make_box(*np.rint(box).astype(int).tolist()))
        return [(point.x, point.y) for point in shape.parts()]


def load_dlib(
    path: str | Path, *, detector: Estimator | None = None, columns: Skeleton | str = "face68"
) -> DlibFaces:
    """Load a shape predictor of dlib.

    Args:
        path: A `.dat` file, such as `shape_predictor_68_face_landmarks.dat`.
        detector: Finds faces instead of dlib's own detector. A predictor is at its best in boxes like those
            it was trained on.
        columns: What its points are, or the name of a skeleton.

    Raises:
        ModuleNotFoundError: dlib is not installed.
        FileNotFoundError: There is no such file.
        ValueError: It is no shape predictor, or one of another number of points.
    """
    try:
        dlib = import_module("dlib")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{path} is read by dlib, which is missing: {HOW_TO_INSTALL}") from error
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        predictor = dlib.shape_predictor(str(path))
    except RuntimeError as error:
        raise ValueError(f"{path} is no shape predictor of dlib: {error}") from error
    columns = skeleton(columns) if isinstance(columns, str) else columns
    points = predictor(np.zeros((8, 8), np.uint8), dlib.rectangle(0, 0, 7, 7)).num_parts
    if points != len(columns):
        raise ValueError(f"{path} finds {points} points, {columns.name} has {len(columns)}")
    usual = DlibDetector(dlib.get_frontal_face_detector()) if detector is None else detector
    return DlibFaces(predictor, dlib.rectangle, usual, columns)
