"""What is in a file: how large instances are, what is labelled, where, in which poses."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.sheet import Sheet
from pinpoint.geometry import Float
from pinpoint.io.known import skeleton_by_names

__all__ = ["Statistics", "statistics_of", "write_plots"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
CELLS = 48  # side of a map of places
POSES = 6  # kinds of poses that are told apart


@dataclass(frozen=True, eq=False)
class Statistics:
    """Distributions over one file.

    Args:
        counts: How many images, annotations, labelled points and the like there are.
        quantiles: Smallest, 5, 25, 50, 75 and 95 % and largest of each measure.
        keypoints: For each category and keypoint the shares that are visible, hidden and not labelled.
        measures: Values of each measure, over instances.
        places: How many points are at each place of the picture, shape (48, 48), y first.
        poses: Typical poses, shape (P, K, 2) in units of their extent, NaN where seldom labelled; of the
            category with most annotations.
        pose_shares: How many of the instances are closest to each, shape (P,).
        edges: Columns of the ends of limbs, shape (E, 2).
    """

    counts: Mapping[str, int]
    quantiles: Mapping[str, tuple[float, ...]]
    keypoints: Mapping[tuple[str, str], tuple[float, float, float]]
    measures: Mapping[str, Float]
    places: Float
    poses: Float
    pose_shares: Float
    edges: NDArray[np.intp]


def statistics_of(sheet: Sheet) -> Statistics:
    """Count and measure what is in a file; what is broken in it is left out."""
    measures = _measures(sheet)
    poses, shares, edges = _poses(sheet)
    return Statistics(
        counts=_counts(sheet),
        quantiles={name: tuple(np.quantile(one, QUANTILES)) for name, one in measures.items() if len(one)},
        keypoints=_visibility(sheet),
        measures=measures,
        places=_places(sheet),
        poses=poses,
        pose_shares=shares,
        edges=edges,
    )


def write_plots(statistics: Statistics, folder: Path) -> list[Path]:
    """Draw the distributions into `sizes.png`, `keypoints.png`, `places.png` and `poses.png`.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('drawing needs matplotlib: pip install "pinpoint-keypoints[report]"') from error
    folder.mkdir(parents=True, exist_ok=True)
    plots = {"sizes": _draw_sizes, "keypoints": _draw_keypoints, "places": _draw_places, "poses": _draw_poses}
    written = []
    for name, draw in plots.items():
        figure = Figure(figsize=(9, 5), layout="constrained")
        draw(statistics, figure)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=120)
    return written


def _counts(sheet: Sheet) -> dict[str, int]:
    there = sheet.image[sheet.image >= 0]
    return {
        "images": len(sheet.images),
        "images without annotations": len(sheet.images) - len(np.unique(there)),
        "annotations": len(sheet.annotations),
        "crowds": int(sheet.crowd.sum()),
        "annotations with points": int(sheet.sound.any(axis=1).sum()),
        "labelled points": int(sheet.sound.sum()),
        "hidden points": int((sheet.sound & (sheet.xyv[..., 2] == 1)).sum()),
        "categories": len(sheet.categories),
    }


def _measures(sheet: Sheet) -> dict[str, Float]:
    rows = sheet.has_box & ~sheet.crowd
    width, height = sheet.boxes[rows, 2:].T
    sized = np.isfinite(sheet.size_of[rows]).all(axis=1)
    share = np.sqrt((sheet.boxes[rows][sized, 2:] / sheet.size_of[rows][sized]).prod(axis=1))
    per_image = np.bincount(sheet.image[sheet.image >= 0], minlength=len(sheet.images))
    sizes = sheet.sizes[np.isfinite(sheet.sizes).all(axis=1)]
    measures = {
        "image width": sizes[:, 0],
        "image height": sizes[:, 1],
        "instances per image": per_image.astype(float),
        "side of box in pixels": np.sqrt(width * height),
        "side of box, share of image": share,
        "height / width of box": height / width,
        "labelled points": sheet.sound.sum(axis=1)[~sheet.crowd & sheet.in_order].astype(float),
    }
    return {name: np.asarray(one, dtype=float) for name, one in measures.items()}


def _visibility(sheet: Sheet) -> dict[tuple[str, str], tuple[float, float, float]]:
    shares: dict[tuple[str, str], tuple[float, float, float]] = {}
    for row, names in enumerate(sheet.names):
        of_it = (sheet.category == row) & sheet.in_order & ~sheet.crowd
        sound, hidden = sheet.sound[of_it], sheet.xyv[of_it][..., 2] == 1
        for column, name in enumerate(names if of_it.any() else ()):
            known, out_of_sight = sound[:, column].mean(), (sound & hidden)[:, column].mean()
            shares[str(sheet.categories[row].get("name")), name] = (
                float(known - out_of_sight),
                float(out_of_sight),
                float(1 - known),
            )
    return shares


def _places(sheet: Sheet) -> Float:
    share = sheet.xy / sheet.size_of[:, None]
    share = share[np.isfinite(share).all(axis=-1)]
    return np.histogram2d(share[:, 1], share[:, 0], bins=CELLS, range=((0, 1), (0, 1)))[0]


def _poses(sheet: Sheet) -> tuple[Float, Float, NDArray[np.intp]]:
    """Means of clusters of poses (Lloyd's k-means on what is labelled), their shares, and the limbs."""
    category = int(np.bincount(sheet.category[sheet.category >= 0], minlength=1).argmax())
    k = len(sheet.names[category]) if sheet.categories else 0
    rows = np.flatnonzero((sheet.category == category) & (sheet.sound.sum(axis=1) >= max(3, k / 2)))[:20_000]
    if len(rows) < POSES or not k:
        return np.zeros((0, k, 2)), np.zeros(0), np.zeros((0, 2), np.intp)
    span = sheet.span[rows]
    extent = (span[:, 2:] - span[:, :2]).max(axis=1)
    rows, span, extent = rows[extent > 0], span[extent > 0], extent[extent > 0]
    middle = (span[:, None, :2] + span[:, None, 2:]) / 2
    poses, own = _clusters((sheet.xy[rows, :k] - middle) / extent[:, None, None])
    shares = np.bincount(own, minlength=len(poses)) / len(own)
    order = np.argsort(-shares)
    return poses[order], shares[order], _limbs(sheet, category)


def _clusters(xy: Float, rounds: int = 12) -> tuple[Float, NDArray[np.intp]]:
    rng = np.random.default_rng(0)
    there = np.isfinite(xy)
    filled = np.where(there, xy, 0.0)
    centres = filled[rng.choice(len(xy), POSES, replace=False)]
    own = np.zeros(len(xy), dtype=np.intp)
    for _ in range(rounds):
        gaps = np.stack([(((filled - centre) ** 2) * there).sum(axis=(1, 2)) for centre in centres])
        own = np.asarray((gaps / there.sum(axis=(1, 2))).argmin(axis=0))
        for number in range(POSES):
            if (own == number).any():
                known = there[own == number].sum(axis=0)
                centres[number] = filled[own == number].sum(axis=0) / np.maximum(known, 1)
    seldom = [
        there[own == number].mean(axis=0) < 0.2 if (own == number).any() else True for number in range(POSES)
    ]
    return np.array([np.where(bare, np.nan, c) for bare, c in zip(seldom, centres, strict=True)]), own


def _limbs(sheet: Sheet, category: int) -> NDArray[np.intp]:
    k = len(sheet.names[category])
    edges = sheet.categories[category].get("skeleton")
    known = skeleton_by_names(tuple(sheet.names[category]))
    if not edges and known is not None:
        return known.edge_index
    edges = edges if isinstance(edges, list) else []
    good = [
        edge
        for edge in edges
        if isinstance(edge, list) and len(edge) == 2 and 1 <= min(edge) <= max(edge) <= k
    ]
    return np.array(good, dtype=np.intp).reshape(-1, 2) - 1


def _draw_sizes(statistics: Statistics, figure) -> None:
    axes = figure.subplots(2, math.ceil(len(statistics.measures) / 2)).ravel()
    for axis, (name, values) in zip(axes, statistics.measures.items(), strict=False):
        axis.hist(values, bins=40, color="tab:blue")
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes[len(statistics.measures) :]:
        axis.set_axis_off()


def _draw_keypoints(statistics: Statistics, figure) -> None:
    axis = figure.subplots()
    shares = np.array(list(statistics.keypoints.values())).reshape(-1, 3)
    left = np.zeros(len(shares))
    for column, (name, color) in enumerate(
        (("visible", "tab:blue"), ("hidden", "tab:orange"), ("not labelled", "0.85"))
    ):
        axis.barh(np.arange(len(shares)), shares[:, column], left=left, label=name, color=color)
        left += shares[:, column]
    axis.set_yticks(np.arange(len(shares)), [name for _, name in statistics.keypoints], fontsize=7)
    axis.invert_yaxis()
    axis.legend(loc="lower right")


def _draw_places(statistics: Statistics, figure) -> None:
    axis = figure.subplots()
    shown = axis.imshow(statistics.places, extent=(0, 1, 1, 0), cmap="magma", interpolation="nearest")
    axis.set_title("labelled points, by their place in the image")
    figure.colorbar(shown)


def _draw_poses(statistics: Statistics, figure) -> None:
    axes = np.atleast_1d(figure.subplots(1, max(1, len(statistics.poses)), sharex=True, sharey=True))
    for axis, pose, share in zip(axes, statistics.poses, statistics.pose_shares, strict=False):
        for a, b in statistics.edges:
            axis.plot(*pose[[a, b]].T, color="tab:blue")
        axis.plot(*pose.T, "o", color="tab:orange", markersize=3)
        axis.set_title(f"{share:.{0 if share >= 0.01 else 1}%}", fontsize=9)
        axis.set(aspect="equal", xticks=[], yticks=[])
    axes[0].invert_yaxis()
