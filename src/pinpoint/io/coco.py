"""COCO results: a JSON list of what was found, one entry for each instance.

https://cocodataset.org/#format-results

COCO counts keypoints in whole pixels as Pinpoint does, but measures boxes from the outer edge of the first
pixel, half a pixel up and left of its centre; boxes are moved by that half pixel on reading and writing.
Results hold `xy`, `scores`, `boxes` and `box_scores`, to the decimals of `plain`, and numbers instead of
image names.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pinpoint.geometry import Float, boxes_of_points
from pinpoint.io.growing import GrowingList, load_json
from pinpoint.io.known import skeleton_by_count
from pinpoint.io.plain import blame, rounded, to_line
from pinpoint.io.records import Admission, Record, RecordWriter
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton

__all__ = [
    "HOLDS",
    "CocoWriter",
    "ImageNumbers",
    "boxes_from_coco",
    "boxes_to_coco",
    "is_results",
    "number_of_image",
    "read_coco_results",
    "records_of_results",
]

log = logging.getLogger(__name__)

HOLDS = frozenset({"xy", "scores", "boxes", "box_scores"})

Item = Mapping[str, Any]
Flags = NDArray[np.bool_]

_EDGE = 0.5  # from the outer edge of the first pixel to its centre


class CocoWriter(RecordWriter):
    """Writes COCO results: `image_id, category_id, score, bbox, keypoints`; valid JSON after every record.

    A missing keypoint is 0 0 0. Where there is no box, `bbox` surrounds the keypoints; where there are no
    box scores, `score` is the mean of the scores of the keypoints that are there. An image without instances
    leaves no trace.

    The number of an image is the one that ends its name (`000000000872.jpg` is 872), as COCO has it, and that
    of a video's frame is the frame's; else, or if that number is taken, it is the next free one.

    Args:
        path: The file, replaced if it exists.
        skeleton: The skeleton of all records, or none to take the first record's.
        image_ids: Number of each image by its name as given, instead of the rule above.
        category_id: Written with every instance; COCO's person is 1.
    """

    def __init__(
        self,
        path: str | Path,
        skeleton: Skeleton | None = None,
        *,
        image_ids: Mapping[str, int] | None = None,
        category_id: int = 1,
    ) -> None:
        self._admit = Admission(HOLDS, "COCO results", skeleton)
        self._numbers = ImageNumbers(image_ids)
        self._category_id = category_id
        self._file = Path(path).open("wb")  # noqa: SIM115 closed by `close`
        self._list = GrowingList(self._file, "[", "]")

    def write(self, record: Record) -> None:
        """Add the instances of one record.

        Raises:
            ValueError: Its skeleton is not that of the file, a number is infinite, or `image_ids` lacks its
                image.
        """
        kps = self._admit(record)
        shared = {"image_id": self._numbers.of(record), "category_id": self._category_id}
        self._list.extend(to_line(shared | result) for result in _results(kps))

    def close(self) -> None:
        """Finish the file; one without instances is valid too."""
        self._file.close()


def read_coco_results(path: str | Path, skeleton: Skeleton | None = None) -> list[Record]:
    """Read COCO results of keypoints, or of boxes alone.

    Args:
        path: The file.
        skeleton: What the keypoints are. By itself a count is taken for the one skeleton of this package that
            has as many, and 17 for COCO's own.

    Returns:
        One record for each image in order of its first mention, named by its number.

    Raises:
        UnreadableError: The file is damaged or of another form, or what its keypoints are is not known.
    """
    return records_of_results(Path(path), load_json(Path(path)), skeleton)


def is_results(document: Any) -> bool:
    """Whether a parsed document may be COCO results: a list."""
    return isinstance(document, list)


def records_of_results(
    path: Path, document: Sequence[Item], skeleton: Skeleton | None = None
) -> list[Record]:
    """Read parsed results; the path is for messages.

    Raises:
        UnreadableError: Something in it is not what it should be, or what its keypoints are is not known.
    """
    by_image: dict[Any, list[tuple[int, Item]]] = {}
    for number, item in enumerate(document, 1):
        with blame(path, f"result {number}"):
            by_image.setdefault(item["image_id"], []).append((number, item))
            skeleton = skeleton_by_count(len(_triples(item))) if skeleton is None else skeleton
    return [
        Record(_found(path, items, skeleton), image=str(image), index=index)
        for index, (image, items) in enumerate(by_image.items())
        if skeleton is not None
    ]


def boxes_from_coco(boxes: ArrayLike) -> Float:
    """Turn COCO's x y width height into x1 y1 x2 y2 from the centre of the first pixel, shape (N, 4).

    >>> boxes_from_coco([[0, 0, 640, 480]]).tolist()
    [[-0.5, -0.5, 639.5, 479.5]]
    """
    xywh = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1) - _EDGE


def boxes_to_coco(boxes: NDArray[Any]) -> NDArray[Any]:
    """Turn x1 y1 x2 y2 into COCO's x y width height, shape (N, 4); the inverse of `boxes_from_coco`."""
    return np.concatenate([boxes[:, :2] + _EDGE, boxes[:, 2:] - boxes[:, :2]], axis=1)


def number_of_image(name: str) -> int | None:
    """The number that ends the name of an image, which is its `image_id` in COCO; none if there is none.

    >>> number_of_image("val2017/000000000872.jpg")
    872
    """
    stem = Path(name).stem
    digits = stem[len(stem.rstrip("0123456789")) :]
    return int(digits) if digits else None


def _results(kps: Keypoints) -> Iterator[dict[str, Any]]:
    there: Flags = np.asarray(np.isfinite(kps.xy).all(axis=2))
    around = np.asarray(boxes_of_points(kps.xy))
    boxes = around if kps.boxes is None else np.where(np.isnan(kps.boxes), around, kps.boxes)
    bboxes = rounded("boxes", np.nan_to_num(boxes_to_coco(boxes))).tolist()
    scores = rounded("scores", np.nan_to_num(kps.scores)) * there
    xys = np.concatenate([rounded("xy", np.where(there[..., None], kps.xy, 0)), scores[..., None]], axis=2)
    for row, score in enumerate(_instance_scores(kps, there)):
        result: dict[str, Any] = {"score": score, "bbox": bboxes[row]}
        yield result | {"keypoints": xys[row].ravel().tolist()} if len(kps.skeleton) else result


def _instance_scores(kps: Keypoints, there: Flags) -> list[float]:
    if kps.box_scores is not None:
        return rounded("box_scores", np.nan_to_num(kps.box_scores)).tolist()
    total, count = (np.nan_to_num(kps.scores) * there).sum(axis=1), there.sum(axis=1)
    return rounded("box_scores", total / np.maximum(count, 1)).tolist()


def _found(path: Path, items: Sequence[tuple[int, Item]], skeleton: Skeleton) -> Keypoints:
    triples = np.zeros((len(items), len(skeleton), 3))
    for row, (number, item) in enumerate(items):
        with blame(path, f"result {number}"):
            triples[row] = _checked(_triples(item), skeleton)
    missing = (triples == 0).all(axis=2)
    with blame(path, f"results {items[0][0]} to {items[-1][0]}"):
        boxes = boxes_from_coco([item["bbox"] for _, item in items]) if _all_have(items, "bbox") else None
        scores = [item["score"] for _, item in items] if _all_have(items, "score") else None
        return Keypoints(
            xy=np.where(missing[..., None], np.nan, triples[..., :2]),
            scores=triples[..., 2],
            skeleton=skeleton,
            boxes=boxes,
            box_scores=scores,  # pyright: ignore[reportArgumentType] made an array by Keypoints
        )


def _all_have(items: Sequence[tuple[int, Item]], key: str) -> bool:
    return all(item.get(key) not in (None, []) for _, item in items)


def _triples(item: Item) -> Float:
    return np.asarray(item.get("keypoints") or (), dtype=np.float64).reshape(-1, 3)


def _checked(triples: Float, skeleton: Skeleton) -> Float:
    if len(triples) != len(skeleton):
        raise ValueError(f"it has {len(triples)} keypoints, expected those of {skeleton!r}")
    return triples


class ImageNumbers:
    """Gives every image, or frame of a video, a number of its own.

    Args:
        given: The number of each image by its name; none for the number that ends its name.
        taken: Numbers that are given otherwise.
    """

    def __init__(self, given: Mapping[str, int] | None = None, taken: Iterable[int | str] = ()) -> None:
        self._given = given
        self._number_of: dict[tuple[str, int], int] = {}
        self._taken = set(taken)
        self._next = 1

    def of(self, record: Record) -> int:
        """Return the number of a record's image.

        Raises:
            ValueError: Numbers were given, but none for this image.
        """
        if self._given is not None:
            return self._looked_up(record.image)
        key = (record.image, record.index)
        if key not in self._number_of:
            self._number_of[key] = self._chosen(record)
            self._taken.add(self._number_of[key])
        return self._number_of[key]

    def _looked_up(self, image: str) -> int:
        given = self._given or {}
        if image not in given:
            raise ValueError(f"image_ids has no number for {image!r}")
        return int(given[image])

    def _chosen(self, record: Record) -> int:
        wanted = record.index if record.seconds is not None else number_of_image(record.image)
        if wanted is not None and wanted not in self._taken:
            return wanted
        while self._next in self._taken:
            self._next += 1
        if wanted is not None:
            log.warning("image number %d is taken, so %s is image %d", wanted, record.image, self._next)
        return self._next
