"""Faces by Face Mesh (arXiv 1907.06724), their eyes by Iris (2006.11341), and the 68 points of 300-W."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.codecs.mediapipe import EYE_POINTS, IRIS_POINTS
from pinpoint.geometry import Float, Image, boxes_of_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.boxes import in_boxes
from pinpoint.pipelines.duplicates import distinct_hulls
from pinpoint.pipelines.following import LEAST_CARRIED, CropFollower, all_of_them, present_hulls
from pinpoint.pipelines.point_network import MIN_PRESENCE, PointNetwork, averaged
from pinpoint.pipelines.regions import AlignedBoxRegion, BoxRegion, HullRegion, LineRegion, Regions
from pinpoint.pipelines.turns import read_by_turns
from pinpoint.skeletons import Skeleton, skeleton

__all__ = ["Face68", "Face68Network", "FaceIris", "FaceMesh", "LinearMap", "eye_skeleton"]

FROM_DETECTOR = AlignedBoxRegion("right_eye", "left_eye", scale=1.5)
BOX_SCALE = 1.5
AGAIN = HullRegion("mesh-33", "mesh-263", scale=1.5)
RIGHT_EYE = LineRegion("mesh-33", "mesh-133", scale=2.3)
LEFT_EYE = LineRegion("mesh-362", "mesh-263", scale=2.3)
TINY = 1e-9  # points that coincide have no direction and no spread


@dataclass(frozen=True)
class FaceMesh:
    """All faces of a picture, as the 468 points of the mesh.

    Args:
        detector: Finds faces as `face6`, or as boxes only.
        network: Reads `facemesh468`.
        looks: How often the network looks; the second look is at the mirror image of where the first one saw
            the face, and the two are averaged.
    """

    detector: Estimator
    network: PointNetwork
    looks: int = 1

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._again(image, self._in_boxes(image, given)))
        kps = distinct_hulls(self.read(image, self.detector(image)))
        return replace(kps, boxes=boxes_of_points(kps.xy))

    def read(self, image: Image, found: Keypoints) -> Keypoints:
        """Read the faces among what was found: `face6` with boxes, or boxes only. Their boxes are kept."""
        if "right_eye" in found.skeleton:
            kps = self.network(image, found, FROM_DETECTOR)
        else:
            kps = self._in_boxes(image, found)
        return self._again(image, kps.above(MIN_PRESENCE))

    def follower(self) -> CropFollower:
        """Return its parts for video; see `Follower`. It looks once, where the frame before saw the face."""
        columns = self.network.skeleton
        return CropFollower(
            self._found, self.network, FROM_DETECTOR, AGAIN, present_hulls, all_of_them, columns
        )

    def _found(self, image: Image) -> Keypoints:
        found = self.detector(image)
        return found if "right_eye" in found.skeleton else self._in_boxes(image, found)

    def _in_boxes(self, image: Image, found: Keypoints) -> Keypoints:
        return read_by_turns(self.network, image, found, BOX_SCALE, sure=MIN_PRESENCE)

    def _again(self, image: Image, kps: Keypoints) -> Keypoints:
        if self.looks < 2 or not len(kps):
            return kps
        return averaged(kps, self.network(image, kps, AGAIN, mirrored=True))


@dataclass(frozen=True)
class Face68Network:
    """The 68 points of all faces of a picture, by a network that was trained on boxes around these points.

    The detector's boxes are about as large as those, and sit higher: over 336 faces of 300-W's training sets,
    the longer side of the points' box is .95 of the detector's (.87 to 1.07 for nine in ten), and its middle
    .07 of the height lower.

    Args:
        detector: Finds faces as `face6`, or as boxes only.
        network: Reads `face68`.
        box_scale: How far the points' boxes were grown in training.
        looks: 2 looks again where the first look saw the face, and at its mirror image too.
    """

    detector: Estimator
    network: PointNetwork
    box_scale: float = 1.25
    looks: int = 2

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. With `boxes`, there is one row for each, in their order."""
        if boxes is not None:
            return in_boxes(image, boxes, lambda given: self._read(image, given))
        kps = distinct_hulls(self._read(image, self.detector(image).above(MIN_PRESENCE)))
        return replace(kps, boxes=boxes_of_points(kps.xy))

    def follower(self) -> CropFollower:
        """Return its parts for video; see `Follower`. It looks once, where the frame before saw the face."""
        columns = self.network.skeleton
        return CropFollower(
            self.detector, self.network, self._first, self._again, _scored_hulls, all_of_them, columns
        )

    def _read(self, image: Image, found: Keypoints) -> Keypoints:
        kps = self.network(image, found, self._first)
        if self.looks < 2 or not len(kps):
            return kps
        return self.network.twice(image, kps, self._again)

    def _first(self, found: Keypoints) -> Regions:
        if "right_eye" not in found.skeleton:
            return BoxRegion(1.0, self.box_scale)(found)
        return AlignedBoxRegion("right_eye", "left_eye", scale=0.95 * self.box_scale, shift=0.07)(found)

    @property
    def _again(self) -> HullRegion:
        return HullRegion("face-36", "face-45", scale=self.box_scale)


@dataclass(frozen=True)
class FaceIris:
    """The mesh with better eyes, and ten points more: the irises, from which gaze is told.

    Args:
        mesh: Finds `facemesh468`.
        network: Reads the points of one eye, as `eye_skeleton` names them.
    """

    mesh: Estimator
    network: PointNetwork

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`."""
        faces = self.mesh(image, boxes)
        if not len(faces):
            return Keypoints.empty(skeleton("facemesh478"))
        right = self.network(image, faces, RIGHT_EYE)
        left = self.network(image, faces, LEFT_EYE, mirrored=True)
        xy = np.concatenate([faces.xy, np.zeros((len(faces), 10, 2))], axis=1)
        xy[:, _eye_columns(mirrored=False)] = right.xy
        xy[:, _eye_columns(mirrored=True)] = left.xy
        scores = np.repeat(faces.scores[:, :1], xy.shape[1], axis=1)
        return replace(faces, xy=xy, scores=scores, skeleton=skeleton("facemesh478"))


def _scored_hulls(kps: Keypoints, _image: Image) -> Keypoints:
    """Sift what a network read that does not tell presence: by the mean score of the points."""
    kps = kps[kps.scores.mean(axis=1) >= LEAST_CARRIED]
    return distinct_hulls(replace(kps, boxes=boxes_of_points(kps.xy)))


@cache
def eye_skeleton() -> Skeleton:
    """The 76 points that the iris network reads from an eye; a mirrored eye has them in the same order."""
    return Skeleton("eye76", tuple(f"mesh-{index}" for index in (*EYE_POINTS, *IRIS_POINTS)))


@cache
def _eye_columns(*, mirrored: bool) -> NDArray[np.intp]:
    columns = skeleton("facemesh478")
    right = columns.indices(eye_skeleton().keypoints)
    return columns.flip_index[right] if mirrored else right


@dataclass(frozen=True)
class LinearMap:
    """A linear map from one set of points to another, both seen upright, centred and scaled to unit spread.

    Args:
        weights: Shape (2 K + 1, 2 L): coordinates of the K points as x0 y0 x1 y1 ..., then 1.
        axis: Columns of the two points between which the level runs, left to right in the picture.
    """

    weights: Float
    axis: tuple[int, int]

    def __call__(self, xy: Float) -> Float:
        """Map points (N, K, 2) to (N, L, 2), in pixels."""
        middle, turn, spread = upright_frame(xy, self.axis)
        seen = np.einsum("nij,nkj->nki", turn, xy - middle) / spread
        # not `@`: a linear algebra library wakes its threads for this, which costs more than it saves
        mapped = (
            np.einsum("nk,kl->nl", seen.reshape(len(xy), -1).astype(self.weights.dtype), self.weights[:-1])
            + self.weights[-1]
        )
        return np.einsum("nji,nkj->nki", turn, mapped.reshape(len(xy), -1, 2)) * spread + middle


def upright_frame(xy: Float, axis: tuple[int, int]) -> tuple[Float, Float, Float]:
    """How points (N, K, 2) lie in the picture.

    Returns:
        Middle (N, 1, 2), rotation to upright (N, 2, 2) and root mean square radius (N, 1, 1).
    """
    middle = xy.mean(axis=1, keepdims=True)
    spread = np.sqrt(((xy - middle) ** 2).sum(axis=2).mean(axis=1))[:, None, None]
    spread = np.maximum(spread, TINY)
    x, y = (xy[:, axis[1]] - xy[:, axis[0]]).T
    cos, sin = np.stack([x, y]) / np.maximum(np.hypot(x, y), TINY)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], axis=1)
    return middle, turn, spread


@dataclass(frozen=True)
class Face68:
    """The 68 points of 300-W, from the mesh by a linear map.

    Args:
        mesh: Finds `facemesh468`.
        face68_from_mesh: The map.
    """

    mesh: FaceMesh
    face68_from_mesh: LinearMap

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`. The box of each face is the hull of its points, or the one given."""
        faces = self._mapped(self.mesh(image, boxes))
        return faces if boxes is not None else replace(faces, boxes=boxes_of_points(faces.xy))

    def read(self, image: Image, found: Keypoints) -> Keypoints:
        """Read the faces among what was found: `face6` with boxes, or boxes only. Their boxes are kept."""
        return self._mapped(self.mesh.read(image, found))

    def follower(self) -> CropFollower:
        """Return its parts for video; see `Follower`. The mesh is followed, the 68 points are told."""
        return replace(self.mesh.follower(), tell=self._mapped, skeleton=skeleton("face68"))

    def _mapped(self, faces: Keypoints) -> Keypoints:
        if not len(faces):
            return Keypoints.empty(skeleton("face68"))
        xy = self.face68_from_mesh(faces.xy)
        scores = np.repeat(faces.scores[:, :1], xy.shape[1], axis=1)
        return replace(faces, xy=xy, scores=scores, skeleton=skeleton("face68"))
