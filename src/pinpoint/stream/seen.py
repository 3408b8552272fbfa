"""What an engine says of one frame of a stream."""

from dataclasses import dataclass

from pinpoint.geometry import Image
from pinpoint.io.records import Record
from pinpoint.keypoints import Keypoints

__all__ = ["Seen", "to_record"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in one frame of a stream.

    Args:
        stream: Name of the stream.
        image: The frame as it was read: RGB, shape (H, W, 3).
        index: Number of the frame in its stream, from 0, counting those that were dropped.
        seconds: The frame's own time.
        keypoints: What was found, with track ids.
        age: Seconds from the arrival of the frame to the moment when this result was fetched.
    """

    stream: str
    image: Image
    index: int
    seconds: float
    keypoints: Keypoints
    age: float = 0.0


def to_record(seen: Seen) -> Record:
    """What is written down of a frame: everything but its picture and its age."""
    height, width = seen.image.shape[:2]
    return Record(seen.keypoints, seen.stream, (width, height), seen.index, seen.seconds)
