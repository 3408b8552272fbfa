"""Codecs of bottom-up networks beside mmpose 1.3.2's, on the same arrays, and why they differ where they do.

Usage: python benchmarks/parity/codecs_bottom_up.py [--pictures N]

The script runs in mmpose's environment, as `mmpose_networks.py` does.
"""

import argparse
import warnings
from collections.abc import Iterator

import mmpose_networks  # noqa: F401 - first: it changes to mmpose's environment

# isort: split
import numpy as np
import torch
from mmpose.codecs import SPR
from mmpose.codecs import AssociativeEmbedding as Theirs
from mmpose.evaluation.functional.nms import nearby_joints_nms
from numpy.typing import NDArray

from pinpoint.codecs import Instances
from pinpoint.codecs.associative import COCO_ORDER, AssociativeEmbedding
from pinpoint.codecs.dekr import Dekr
from report import Report

SIZE, K = (512, 512), 17
LENGTHS = (60, 160)  # sides of the boxes that people's points are in

WHY = (
    "Five people in each picture, points of a kind 24 pixels apart; differences are the largest. Half a "
    "pixel is added to mmpose's points by tags, whose cells start at the corner of the input where ours lie "
    "in its middle. With noise, a few people are found twice, and what lacks is filled in: mmpose leaves "
    "such points in the middle of their cells, ours move by a quarter as all do. mmpose reads the scores of "
    "poses half a cell beside their points, as it scales places for `grid_sample(align_corners=True)` and "
    "calls it without; given places that make up for that, its scores are ours."
)

Array = NDArray[np.floating]


def crowd(rng: np.random.Generator, people: int, apart: float) -> Array:
    """Points by chance, those of a kind at least so far apart, shape (people, K, 2)."""
    found: list[Array] = []
    while len(found) < people:
        side = rng.uniform(*LENGTHS)
        person = rng.uniform(0, side, (K, 2)) + rng.uniform(8, SIZE[0] - 8 - side, 2)
        if all(np.linalg.norm(person - other, axis=1).min() > apart for other in found):
            found.append(person)
    return np.array(found)


def boxes(xy: Array) -> Array:
    return np.concatenate([np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)], axis=1)


def tag_maps(xy: Array, noise: float, rng: np.random.Generator) -> Array:
    """Everywhere the number of the person whose point is nearest, twice, with noise."""
    y, x = np.indices((256, 256)) * 2 + 0.5
    away = np.hypot(x - xy[..., 0, None, None], y - xy[..., 1, None, None])
    nearest = np.nan_to_num(away, nan=1e9).argmin(axis=0)
    return (2 * nearest + noise * rng.normal(size=nearest.shape))[None].astype(np.float32)


def tags(rng: np.random.Generator, pictures: int) -> Iterator[tuple[object, ...]]:
    """People by their tags: the same bells, with noise, and with points that lack."""
    ours = AssociativeEmbedding(SIZE, K, min_score=0)
    theirs = Theirs(SIZE, (256, 256), 2, False, list(COCO_ORDER), decode_max_instances=30)
    for words, noise, lacking in (("bells", 0.0, 0.0), ("noise", 0.02, 0.0), ("a tenth lacks", 0.0, 0.1)):
        rows = []
        for _ in range(pictures):
            xy = crowd(rng, 5, 24)
            xy[rng.random(xy.shape[:2]) < lacking] = np.nan
            maps = ours.encode(boxes(xy), xy, np.zeros((0, 4)))[2][None]
            maps = maps + noise * rng.normal(size=maps.shape).astype(np.float32)
            told = tag_maps(xy, 10 * noise, rng)
            points, scores, _ = theirs.batch_decode(torch.from_numpy(maps), torch.from_numpy(told))
            rows.append(_compared(ours.decode(maps, told), points[0] + 0.5, scores[0], xy))
        yield "AssociativeEmbedding", words, *_summed(rows)


def middles(rng: np.random.Generator, pictures: int) -> Iterator[tuple[object, ...]]:
    """People by their middles."""
    ours = Dekr(SIZE, K, min_score=0)
    theirs = SPR(SIZE, (128, 128), (4, 2), generate_keypoint_heatmaps=True, minimal_diagonal_length=32**0.5)
    for words, noise, at_points in (("bells", 0.0, False), ("noise", 0.02, False), ("noise", 0.02, True)):
        rows = []
        for _ in range(pictures):
            xy = crowd(rng, 5, 24)
            maps, _, offsets, _ = (one[None] for one in ours.encode(boxes(xy), xy, np.zeros((0, 4))))
            maps = maps + noise * rng.normal(size=maps.shape).astype(np.float32)
            offsets = offsets + 10 * noise * rng.normal(size=offsets.shape).astype(np.float32)
            points, (roots, seen) = theirs.decode(torch.from_numpy(maps[0]), torch.from_numpy(offsets[0]))
            if at_points:
                seen = theirs.get_keypoint_scores(
                    torch.from_numpy(maps[0, :K]), (points / 4 + 0.5) * 127 / 128
                )
            found = [{"keypoints": p, "score": s} for p, s in zip(points.numpy(), seen.numpy(), strict=True)]
            kept = nearby_joints_nms(found, 0.05, K // 2, score_per_joint=True)
            scores = (roots[:, None] * seen).numpy()[kept]
            rows.append(_compared(ours.decode(maps, offsets), points.numpy()[kept], scores, xy))
        place = "scores at the points" if at_points else "nearby_joints_nms"
        yield f"SPR, {place}", words, *_summed(rows)


def _compared(ours: Instances, points: Array, scores: Array, xy: Array) -> tuple[float, ...]:
    """How many both find, and of the people who are there, how far labelled points and scores are apart."""
    mine, theirs = (_likest(found, xy) for found in (ours.xy, points))
    known = np.isfinite(xy).all(axis=-1)
    distance = np.abs(ours.xy[mine] - points[theirs]).max(axis=-1)
    apart = np.abs(ours.scores[mine] - scores.clip(0, 1)[theirs])
    return len(ours.xy), len(points), distance[known].max(), apart[known].max()


def _likest(found: Array, xy: Array) -> list[int]:
    """Which of the poses that are found is each person's."""
    return [int(np.nanmean(np.abs(found - person), axis=(1, 2)).argmin()) for person in xy]


def _summed(rows: list[tuple[float, ...]]) -> tuple[object, ...]:
    mine, theirs, distance, scores = np.array(rows).T
    return int(mine.sum()), int(theirs.sum()), f"{distance.max():.1e}", f"{scores.max():.1e}"


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=50, help="of each kind")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    report = Report("Codecs of bottom-up networks beside mmpose 1.3.2's", kept=chosen.pictures >= 50)
    rng = np.random.default_rng(0)
    columns = ("mmpose", "arrays", "people, ours", "theirs", "points apart, px", "scores apart")
    report.table(columns, [*tags(rng, chosen.pictures), *middles(rng, chosen.pictures)])
    report.add(WHY)


if __name__ == "__main__":
    main()
