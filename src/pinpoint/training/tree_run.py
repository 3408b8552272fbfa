"""From labelled pictures to a file of regression trees that runs like any other model."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs import make_codec
from pinpoint.datasets.samples import Samples, read_samples
from pinpoint.geometry import Float, Size, transform_points, warp
from pinpoint.hub import ModelSpec
from pinpoint.hub.add import METADATA_KEY
from pinpoint.hub.cache import cache_dir
from pinpoint.io.files import check_folder, replacing
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.regions import BoxRegion, HullRegion, Region
from pinpoint.runtime.forest import grey
from pinpoint.runtime.trees import write_forest
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.specs import TASKS
from pinpoint.training.trees import Growth, Told, grow_forest

__all__ = ["instances_of", "train_trees"]

log = logging.getLogger(__name__)

SIZE: Size = (128, 128)
BOX_SCALE = 1.25
ROOM = 1.5  # how much more than the input is kept of a picture, for starts that lie off its middle


def train_trees(
    annotations: str | Path,
    out: str | Path,
    *,
    pictures: str | Path | None = None,
    growth: Growth | None = None,
    cache: str | Path | None = None,
    told: Told | None = None,
) -> ModelSpec:
    """Grow a forest on labelled pictures and write it as a file that `load` takes.

    Instances with a keypoint that is not labelled are left out. Faces of 68 points are learnt from upright,
    as their pipeline shows them; everything else as its boxes show it.

    Args:
        annotations: Labels, in any format.
        out: The `.npz` file.
        pictures: Folder of the pictures; none looks beside the labels.
        growth: How the forest is grown.
        cache: Folder of the decoded pictures; none takes the common one.
        told: Told of each level.

    Returns:
        What the file says of itself.

    Raises:
        UnreadableError: The labels cannot be read.
        FileNotFoundError: The folder of `out` does not exist.
        ValueError: `out` does not end in `.npz`, or fewer than two instances have all keypoints.
    """
    annotations, out = Path(annotations), Path(out)
    if out.suffix.lower() != ".npz":
        raise ValueError(f"{out} does not end in .npz, as files of trees do")
    check_folder(out)  # before the work, not after it
    folder = None if pictures is None else Path(pictures)
    samples = read_samples(annotations, folder, None, Path(cache or cache_dir() / "pictures"))
    whole = np.asarray(samples.labelled.all(axis=1))
    if lacking := int(np.sum(~whole)):
        log.warning("%s: %d of %d instances lack a keypoint: left out", annotations, lacking, len(whole))
    if whole.sum() < 2:
        raise ValueError(f"{annotations} has {whole.sum()} instances with all keypoints, expected 2 or more")
    crops, xy = instances_of(samples[whole])
    columns = samples.skeleton
    forest = grow_forest(
        crops,
        xy,
        size=SIZE,
        flip_index=columns.flip_index if columns.swaps else None,
        growth=growth or Growth(),
        told=told,
    )
    spec = _spec(out.stem, columns, f"{len(xy)} instances of {annotations.name}")
    with replacing(out) as part:
        write_forest(part, forest, {METADATA_KEY: spec.to_json()})
    return spec


def instances_of(samples: Samples) -> tuple[NDArray[np.uint8], Float]:
    """Cut every instance out, with room around it.

    Returns:
        Pictures as `grow_forest` takes them, shape (M, H, W), and the keypoints in them, shape (M, K, 2).
    """
    side = round(SIZE[0] * ROOM), round(SIZE[1] * ROOM)
    there = np.ones(samples.xy.shape[:2])
    labels = Keypoints(samples.xy, there, samples.skeleton, boxes=samples.boxes)
    matrices = _region(samples.skeleton)(labels).matrices(side)
    crops = [
        grey(warp(samples.pictures[number], matrix, side, None))
        for number, matrix in zip(samples.picture.tolist(), matrices, strict=True)
    ]
    return np.stack(crops), transform_points(samples.xy, matrices)


def _region(columns: Skeleton) -> Region:
    if columns == skeleton("face68"):
        return HullRegion("face-36", "face-45", scale=BOX_SCALE * ROOM)
    return BoxRegion(1.0, BOX_SCALE * ROOM)


def _spec(name: str, columns: Skeleton, learnt_from: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        task=TASKS.get(columns.name, "object"),
        pipeline="top-down",
        input_size=SIZE,
        skeleton=columns,
        codec=make_codec("regression", SIZE),
        pad_value=None,
        box_scale=BOX_SCALE,
        license="as the terms of what it learnt from",
        training_data=learnt_from,
        paper="https://openaccess.thecvf.com/content_cvpr_2014/html/Kazemi_One_Millisecond_Face_2014_CVPR_paper.html",
    )
