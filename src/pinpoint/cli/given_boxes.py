"""Boxes from a keypoint file, in the place of a detector's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from pinpoint.cli.frames import View
from pinpoint.geometry import Float, boxes_of_points, meets_picture
from pinpoint.io.errors import UnreadableError
from pinpoint.io.formats import read_records
from pinpoint.keypoints import Keypoints

__all__ = ["GivenBoxes", "read_boxes"]


@dataclass(frozen=True)
class GivenBoxes:
    """Boxes by the image that they belong to.

    Args:
        path: The file they come from.
        by_name: Boxes (N, 4) by the name of the image and the number of the frame.
    """

    path: str
    by_name: Mapping[tuple[str, int], Float]

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
            if (known, view.index) in self.by_name:
                return _usable(self.by_name[known, view.index], name, view, complain)
        where = "it" if view.seconds is None else f"its frame {view.index}"
        raise UnreadableError(name, f"{self.path} has no boxes for {where}")


def read_boxes(path: Path) -> GivenBoxes:
    """Read the boxes of a keypoint file; where it has none, those around its keypoints.

    An image is known by the name that the file gives it, and by the last part of that where only one image
    has it.

    Raises:
        UnreadableError: The file is missing, damaged or of no known form.
    """
    full: dict[tuple[str, int], Float] = {}
    for record in read_records(path):
        key = (record.image, record.index)
        boxes = _boxes(record.keypoints)
        full[key] = np.concatenate([full[key], boxes]) if key in full else boxes
    short: dict[tuple[str, int], list[Float]] = {}
    for (name, index), boxes in full.items():
        short.setdefault((PurePath(name).name, index), []).append(boxes)
    return GivenBoxes(str(path), {key: boxes[0] for key, boxes in short.items() if len(boxes) == 1} | full)


def _boxes(kps: Keypoints) -> Float:
    return boxes_of_points(kps.xy) if kps.boxes is None else kps.boxes


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
