"""The forms of all answers, as the OpenAPI description shows them."""

from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton
from pinpoint.viz.palette import look_of

__all__ = [
    "Batch",
    "Detection",
    "ErrorAnswer",
    "Health",
    "Models",
    "plain_instances",
    "plain_skeleton",
]


class Fault(BaseModel):
    """What went wrong."""

    status: int = Field(description="The HTTP status.")
    message: str = Field(description="What is wrong and what to do about it.")


class ErrorAnswer(BaseModel):
    """The answer to whatever is not answered otherwise."""

    error: Fault


class SkeletonAnswer(BaseModel):
    """What the keypoints are; left and right are the person's own."""

    name: str
    keypoints: list[str] = Field(description="Names in the order of an instance's keypoints.")
    edges: list[tuple[int, int]] = Field(description="Pairs of keypoints, by place, that a drawing joins.")
    colors: list[tuple[int, int, int]] = Field(description="RGB of every keypoint.")


class Instance(BaseModel):
    """One person, face, hand or object."""

    id: int | None = Field(description="Who it is, in a stream; null elsewhere, and while not sure.")
    score: float = Field(ge=0, le=1)
    box: tuple[float, float, float, float] | None = Field(description="x1, y1, x2, y2 in pixels.")
    label: str | None = Field(default=None, description="A word such as `left` for a hand; often absent.")
    keypoints: list[tuple[float, float, float] | None] = Field(
        description="x and y in pixels of the upright picture, pixel centres being whole numbers, and a "
        "score from 0 to 1; null where a keypoint was not found."
    )


class Detection(BaseModel):
    """What was found in one picture."""

    model: str
    skeleton: SkeletonAnswer
    size: tuple[int, int] = Field(description="Width and height of the upright picture.")
    instances: list[Instance]
    milliseconds: float = Field(description="What decoding and looking took, without waiting.")


class FileResult(BaseModel):
    """One picture of several; it has an error or the rest."""

    file: str = Field(description="The name that the client gave it.")
    size: tuple[int, int] | None = None
    instances: list[Instance] | None = None
    milliseconds: float | None = None
    error: Fault | None = None


class Batch(BaseModel):
    """What was found in several pictures, in their order."""

    model: str
    skeleton: SkeletonAnswer
    results: list[FileResult]


class TaskRow(BaseModel):
    """What a task stands for."""

    model: str
    skeleton: str


class ModelRow(BaseModel):
    """One model of the catalogue."""

    name: str
    task: str
    skeleton: str
    input: tuple[int, int] = Field(description="Width and height of the network's input.")
    license: str
    ready: bool = Field(description="Whether its files are here already.")


class Models(BaseModel):
    """The tasks and models to choose from."""

    tasks: dict[str, TaskRow]
    models: list[ModelRow]


class Health(BaseModel):
    """Whether requests are taken."""

    status: str = Field(description="`ready` or `stopping`.")


def plain_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """A skeleton as `SkeletonAnswer` describes it."""
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": skeleton.edge_index.tolist(),
        "colors": np.rint(look_of(skeleton).points).astype(int).tolist(),
    }


def plain_instances(kps: Keypoints) -> list[dict[str, Any]]:
    """Instances as `Instance` describes them: pixels to 2 decimals, scores to 4."""
    scores = kps.scores.mean(axis=1) if kps.box_scores is None else kps.box_scores
    points = np.concatenate([kps.xy.round(2), kps.scores[..., None].round(4)], axis=2).tolist()
    boxes = None if kps.boxes is None else kps.boxes.round(2).tolist()
    rows = []
    for at, score in enumerate(np.nan_to_num(scores).clip(0, 1).round(4).tolist()):
        row = {
            "id": _identity(kps, at),
            "score": score,
            "box": None if boxes is None or np.isnan(boxes[at]).any() else boxes[at],
            "keypoints": [point if point[0] == point[0] else None for point in points[at]],
        }
        rows.append(row if kps.labels is None else row | {"label": str(kps.labels[at])})
    return rows


def _identity(kps: Keypoints, at: int) -> int | None:
    return None if kps.track_ids is None or kps.track_ids[at] < 0 else int(kps.track_ids[at])
