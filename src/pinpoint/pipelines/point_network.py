"""A network that reads the keypoints of one instance from one crop, of as many as are asked for at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import Decoder, Extras, MirrorCodec
from pinpoint.geometry import Float, Image, compose, invert, mirror, transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.boxes import in_rows
from pinpoint.pipelines.preparation import Preparation, picture_size
from pinpoint.pipelines.regions import Region, Regions
from pinpoint.runtime import Session
from pinpoint.skeletons import Skeleton

__all__ = ["MIN_PRESENCE", "PointNetwork", "View", "averaged"]

SIDES = {"left": "right", "right": "left"}
MIN_PRESENCE = 0.5
"""Presence from which an instance is there, for networks that tell it; MediaPipe's graphs ask for as much."""

MOST_AT_ONCE = 64  # crops in one run: a crowd of hundreds would take all memory


class View(NamedTuple):
    """What a network is asked to look at in one picture."""

    image: Image
    """RGB, shape (H, W, 3)."""
    found: Keypoints
    """N instances, whose boxes, ids and labels are kept."""
    regions: Regions
    """Where each of them is."""

    def only(self, rows: NDArray[np.bool_]) -> "View":
        """The same picture with some of the instances; which ones, shape (N,)."""
        if rows.all():
            return self
        return View(self.image, self.found[rows], Regions(*(values[rows] for values in self.regions)))


class _Reading(NamedTuple):
    """What a network says of N instances, in pixels of their pictures."""

    xy: Float
    scores: Float
    xyz: Float | None
    presence: Float | None
    labels: NDArray[np.str_] | None

    def part(self, rows: slice) -> "_Reading":
        """What it says of some of them."""
        return _Reading(
            self.xy[rows],
            self.scores[rows],
            xyz=None if self.xyz is None else self.xyz[rows],
            presence=None if self.presence is None else self.presence[rows],
            labels=None if self.labels is None else self.labels[rows],
        )

    def told(self, found: Keypoints, skeleton: Skeleton) -> Keypoints:
        """Put it into what was found, whose boxes and ids are kept."""
        return replace(
            found,
            xy=self.xy,
            scores=self.scores,
            skeleton=skeleton,
            visible=None,
            xyz=self.xyz,
            box_scores=found.box_scores if self.presence is None else self.presence,
            labels=found.labels if self.labels is None else self.labels,
        )


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
    codec: Decoder
    prepare: Preparation
    skeleton: Skeleton

    def __call__(
        self, image: Image, found: Keypoints, region: Region, *, mirrored: bool = False
    ) -> Keypoints:
        """Read the keypoints of every instance found, in one batch.

        An instance whose region is not known (NaN) or lies outside the picture keeps its row; its keypoints
        are missing and its scores 0.

        Args:
            image: RGB, shape (H, W, 3).
            found: Instances with whatever `region` needs. Their boxes, ids and labels are kept.
            region: Where to look.
            mirrored: Show the network the mirror image of each crop; the answer is mirrored back.
        """
        return self._of_seen(
            image, found, region, lambda found, maps: self._read(image, found, maps, mirrored)
        )

    def twice(self, image: Image, found: Keypoints, region: Region) -> Keypoints:
        """Look at each crop and at its mirror image, and read the mean of what the network says of both.

        Outputs are averaged before they are read if the codec can (see `MirrorCodec`), the points if not.
        Where the network takes a left side for a right one in one of the two, the mean of the outputs still
        has its peak on a side; the mean of the points lies between them.
        """
        if not hasattr(self.codec, "mirrored"):
            return averaged(self(image, found, region), self(image, found, region, mirrored=True))
        return self._of_seen(image, found, region, lambda found, maps: self._read_mean(image, found, maps))

    def together(self, views: Sequence[View]) -> list[Keypoints]:
        """Read the instances of several pictures in one batch.

        Returns:
            For each picture what a call for it alone would give.
        """
        read = iter(self._together([view for view in views if len(view.found)]))
        return [next(read) if len(view.found) else Keypoints.empty(self.skeleton) for view in views]

    def _together(self, views: Sequence[View]) -> list[Keypoints]:
        """Read views with somebody in them; see `together`. Arithmetic is done for all of them at once."""
        if not views:
            return []
        ends = np.cumsum([len(view.found) for view in views])[:-1]
        regions = Regions(*(np.concatenate(parts) for parts in zip(*(v.regions for v in views), strict=True)))
        sizes = np.repeat([picture_size(v.image) for v in views], [len(v.found) for v in views], axis=0)
        seen = regions.within(sizes)
        rows = np.split(seen, ends)
        if not seen.any():
            empty = Keypoints.empty(self.skeleton)
            return [in_rows(empty, some, view.found) for view, some in zip(views, rows, strict=True)]
        maps, angles = regions.matrices(self.prepare.size), regions.angles[seen]
        shown = zip(views, rows, np.split(maps, ends), strict=True)
        crops = [crop for view, some, each in shown for crop in self.prepare.crops(view.image, each[some])]
        reading = self._reading(maps[seen], angles, self._run(crops))
        told, start = [], 0
        for view, some in zip(views, rows, strict=True):
            part = reading.part(slice(start, start + np.count_nonzero(some)))
            start += len(part.xy)
            told.append(in_rows(part.told(view.only(some).found, self.skeleton), some, view.found))
        return told

    def _of_seen(
        self, image: Image, found: Keypoints, region: Region, read: Callable[[Keypoints, Regions], Keypoints]
    ) -> Keypoints:
        """Read the instances whose regions are known and have a part in the picture."""
        if not len(found):
            return Keypoints.empty(self.skeleton)
        view = View(image, found, region(found))
        seen = view.regions.within(picture_size(image))
        if not seen.any():
            return in_rows(Keypoints.empty(self.skeleton), seen, found)
        shown = view.only(seen)
        return in_rows(read(shown.found, shown.regions), seen, found)

    def _read_mean(self, image: Image, found: Keypoints, regions: Regions) -> Keypoints:
        codec = cast(MirrorCodec, self.codec)
        input_from_image = regions.matrices(self.prepare.size)
        mirrored = compose(np.array([[-1.0, 0.0, codec.mirror_sum], [0.0, 1.0, 0.0]]), input_from_image)
        both = self._outputs(image, np.concatenate([input_from_image, mirrored]))
        plain, seen_mirrored = (tuple(part[half] for part in both) for half in _halves(len(found)))
        turned = codec.mirrored(*seen_mirrored, order=self.skeleton.flip_index)
        xy, scores = codec.decode(*((a + b) / 2 for a, b in zip(plain, turned, strict=True)))
        known = np.asarray(np.isfinite(xy).all(axis=-1))
        return replace(
            found,
            xy=transform_points(np.where(known[..., None], xy, np.nan), invert(input_from_image)),
            scores=np.where(known, np.clip(scores, 0, 1), 0.0),
            skeleton=self.skeleton,
            visible=None,
            xyz=None,
        )

    def _read(self, image: Image, found: Keypoints, regions: Regions, mirrored: bool) -> Keypoints:
        input_from_image = regions.matrices(self.prepare.size)
        if mirrored:
            input_from_image = compose(mirror(self.prepare.size[0]), input_from_image)
        outputs = self._outputs(image, input_from_image)
        reading = self._reading(input_from_image, regions.angles, outputs, mirrored=mirrored)
        return reading.told(found, self.skeleton)

    def _reading(
        self, input_from_image: Float, angles: Float, outputs: tuple[NDArray, ...], *, mirrored: bool = False
    ) -> "_Reading":
        """What outputs say of crops that were shown by maps (N, 2, 3), turned by angles (N,)."""
        xy, scores = self.codec.decode(*outputs)
        read_extras = getattr(self.codec, "extras", None)
        extras = None if read_extras is None else read_extras(*outputs)
        known = np.asarray(np.isfinite(xy).all(axis=-1))
        xy = np.where(known[..., None], xy, np.nan)
        order = self.skeleton.flip_index if mirrored else slice(None)
        if extras is not None and mirrored:
            extras = self._unmirrored(extras)
        return _Reading(
            xy=transform_points(xy, invert(input_from_image))[:, order],
            scores=np.where(known, np.clip(scores, 0, 1), 0.0)[:, order],
            xyz=None if extras is None or extras.xyz is None else _turned(extras.xyz, angles),
            presence=None if extras is None else np.clip(extras.presence, 0, 1),
            labels=None if extras is None else extras.labels,
        )

    def _outputs(self, image: Image, input_from_image: Float) -> tuple[NDArray, ...]:
        """What the network says of the crops that maps show of a picture."""
        return self._run(self.prepare.crops(image, input_from_image))

    def _run(self, crops: Sequence[Image]) -> tuple[NDArray, ...]:
        """What the network says of every crop, in runs of as many as it takes at a time.

        Like work is done together, all crops first and all decoding last, because a run of a network drives
        everything else out of the processor's caches.
        """
        if not crops:
            return ()
        size = self.session.input.shape[0] or MOST_AT_ONCE
        runs = [
            self.session.run(self.prepare.batch(crops[start : start + size]))
            for start in range(0, len(crops), size)
        ]
        return (
            runs[0] if len(runs) == 1 else tuple(np.concatenate(parts) for parts in zip(*runs, strict=True))
        )

    def _unmirrored(self, extras: Extras) -> Extras:
        xyz, labels = extras.xyz, extras.labels
        return Extras(
            presence=extras.presence,
            xyz=None if xyz is None else xyz[:, self.skeleton.flip_index] * (-1, 1, 1),
            labels=None if labels is None else np.array([SIDES.get(label, label) for label in labels]),
        )


def averaged(a: Keypoints, b: Keypoints) -> Keypoints:
    """Mean of two looks at the same instances: points, scores and metres. Everything else is the first's."""
    return replace(
        a,
        xy=(a.xy + b.xy) / 2,
        scores=(a.scores + b.scores) / 2,
        box_scores=None
        if a.box_scores is None or b.box_scores is None
        else (a.box_scores + b.box_scores) / 2,
        xyz=None if a.xyz is None or b.xyz is None else (a.xyz + b.xyz) / 2,
    )


def _halves(count: int) -> tuple[slice, slice]:
    return slice(count), slice(count, None)


def _turned(xyz: Float, angles: Float) -> Float:
    """Turn (N, K, 3) about the z axis by N angles, from the crop's orientation to the picture's."""
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    x, y, z = np.moveaxis(xyz, -1, 0)
    return np.stack([x * cos - y * sin, x * sin + y * cos, z], axis=-1)
