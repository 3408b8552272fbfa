"""Boxes from a keypoint file, in the place of a detector's."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from pinpoint.cli.frames import View
from pinpoint.geometry import Float, boxes_of_points, meets_picture
from pinpoint.io.coco import number_of_image
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records
from pinpoint.keypoints import Keypoints

__all__ = ["GivenBoxes", "read_boxes"]

Frames = Mapping[int, Float]


@dataclass(frozen=True)
class GivenBoxes:
    """Boxes by the image that they belong to.

    Args:
        path: The file they come from.
        by_name: Boxes (N, 4) by the name of the image or the video, then by the number of the frame.
    """

    path: str
    by_name: Mapping[str, Frames]

    def of(self, name: str, view: View, complain: Callable[[str, str], None]) -> Float:
        """Return the boxes of one view that can be looked at, shape (N, 4).

        Args:
            name: Name of the picture or the video.
            view: The picture.
            complain: Told the name and the reason for each box that is left out.

        Raises:
            UnreadableError: The file says nothing of this view.
        """
        for known in (name, PurePath(name).name):
            frames = self.by_name.get(known, {})
            if view.seconds is None and len(frames) == 1:  # formats without times number pictures like frames
                (boxes,) = frames.values()
                return _usable(boxes, name, view, complain)
            if view.index in frames:
                return _usable(frames[view.index], name, view, complain)
        where = "it" if view.seconds is None else f"its frame {view.index}"
        raise UnreadableError(name, f"{self.path} has no boxes for {where}")


def read_boxes(path: Path, pictures: Sequence[str] = ()) -> GivenBoxes:
    """Read the boxes of a keypoint file; where it has none, those around its keypoints.

    An image is known by the name that the file gives it, and by the last part of that where only one image
    has it. COCO results hold numbers in the place of names: a picture whose name ends in such a number is
    known by it, where no other one's does.

    Args:
        path: The file.
        pictures: Names of the pictures that boxes are wanted for.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form.
    """
    full: dict[str, dict[int, Float]] = {}
    for record in read_records(path):
        frames = full.setdefault(record.image, {})
        boxes = _boxes(record.keypoints)
        known = frames.get(record.index)
        frames[record.index] = boxes if known is None else np.concatenate([known, boxes])
    return GivenBoxes(str(path), _by_number(full, pictures) | _by_last_part(full) | full)


def _by_number(full: Mapping[str, Frames], pictures: Sequence[str]) -> dict[str, Frames]:
    numbers = {name: str(number_of_image(name)) for name in pictures}
    shared = Counter(numbers.values())
    return {name: full[at] for name, at in numbers.items() if at in full and shared[at] == 1}


def _by_last_part(full: Mapping[str, Frames]) -> dict[str, Frames]:
    shared = Counter(PurePath(name).name for name in full)
    return {last: full[name] for name in full if shared[last := PurePath(name).name] == 1}


def _boxes(kps: Keypoints) -> Float:
    around = boxes_of_points(kps.xy)
    return around if kps.boxes is None else np.where(np.isnan(kps.boxes), around, kps.boxes)


def _usable(boxes: Float, name: str, view: View, complain: Callable[[str, str], None]) -> Float:
    height, width = view.image.shape[:2]
    reasons = [_defect(box, width, height) for box in boxes]
    for number, reason in enumerate(reasons):
        if reason:
            at = "" if view.seconds is None else f"frame {view.index}, "
            complain(name, f"{at}box {number} is {np.round(boxes[number], 1).tolist()}, {reason}: left out")
    return boxes[[not reason for reason in reasons]]


def _defect(box: Float, width: int, height: int) -> str:
    left, top, right, bottom = box
    if not np.isfinite(box).all():
        return "not four numbers"
    if right <= left or bottom <= top:
        return "without area (x1 y1 x2 y2 is expected)"
    if not meets_picture(box[None], (width, height))[0]:
        return f"outside the picture of {width}x{height}"
    return ""
