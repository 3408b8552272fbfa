"""One crop per instance: a detector says where, a network says what."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from pinpoint.codecs import Codec, Extras
from pinpoint.geometry import Float, Image, invert, transform_points
from pinpoint.keypoints import Estimator, Keypoints
from pinpoint.pipelines.one_stage import as_boxes
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import Region
from pinpoint.runtime import Session
from pinpoint.skeletons import Skeleton

__all__ = ["PointNetwork", "SecondLook", "TopDown"]


@dataclass(frozen=True)
class PointNetwork:
    """A network that reads the keypoints of one instance from one crop.

    Args:
        session: The network.
        codec: How its outputs are read.
        prepare: How crops are made for it.
        skeleton: What its K columns are.
    """

    session: Session
    codec: Codec
    prepare: Preparation
    skeleton: Skeleton

    def __call__(self, image: Image, found: Keypoints, region: Region) -> Keypoints:
        """Read the keypoints of every instance found, in one batch.

        Args:
            image: RGB, shape (H, W, 3).
            found: Instances with whatever `region` needs. Their boxes, ids and labels are kept.
            region: Where to look.
        """
        if not len(found):
            return Keypoints.empty(self.skeleton)
        regions = region(found)
        input_from_image = regions.matrices(self.prepare.size)
        outputs = self.session.run(self.prepare(image, input_from_image))
        xy, scores = self.codec.decode(*outputs)
        kps = replace(
            found,
            xy=transform_points(xy, invert(input_from_image)),
            scores=np.where(np.isnan(xy).any(axis=-1), 0.0, np.clip(scores, 0, 1)),
            skeleton=self.skeleton,
            visible=None,
            xyz=None,
        )
        read_extras = getattr(self.codec, "extras", None)
        return kps if read_extras is None else self._with_extras(kps, read_extras(*outputs), regions.angles)

    def _with_extras(self, kps: Keypoints, extras: Extras, angles: Float) -> Keypoints:
        return replace(
            kps,
            box_scores=np.clip(extras.presence, 0, 1),
            xyz=None if extras.xyz is None else _turned(extras.xyz, angles),
            labels=kps.labels if extras.labels is None else extras.labels,
        )


@dataclass(frozen=True)
class TopDown:
    """Find boxes, then the keypoints in each.

    Args:
        detector: Finds the instances.
        network: Reads their keypoints.
        region: Where the network looks for what the detector found.
        box_region: Where it looks for a box that the caller gives.
        min_score: What the network says of a detection below this is dropped. A box that the caller gives is kept.
    """

    detector: Estimator
    network: PointNetwork
    region: Region
    box_region: Region
    min_score: float = 0.0

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`."""
        if boxes is not None:
            return self.network(image, as_boxes(boxes), self.box_region)
        return self.network(image, self.detector(image), self.region).above(self.min_score)


@dataclass(frozen=True)
class SecondLook:
    """Look again where the keypoints of a first look say that the instance is.

    Args:
        first: Finds the keypoints.
        network: Reads them once more.
        region: Where, given the first look's keypoints.
    """

    first: Estimator
    network: PointNetwork
    region: Region

    def __call__(self, image: Image, boxes: ArrayLike | None = None) -> Keypoints:
        """Estimate; see `Estimator`."""
        return self.network(image, self.first(image, boxes), self.region)


def _turned(xyz: Float, angles: Float) -> Float:
    """Turn (N, K, 3) about the z axis by N angles, from the crop's orientation to the picture's."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(xyz, -1, 0)
    return np.stack([x * cos - y * sin, x * sin + y * cos, z], axis=-1)
