"""Growing the trees of one level: gradient boosting on differences of pixels.

Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees" (CVPR 2014): each
tree is fitted to what the ones before it left over, each node takes the best of a few pairs of pixels, and
pairs that lie close together are drawn more often. What keeps files small: the steps of a level lie in a
space of few dimensions, and trees are rounded to bytes while they grow, so that later ones mend what
rounding took away.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pinpoint.geometry import Float
from pinpoint.runtime.forest import Level, as_points

__all__ = ["Boosting", "grow_trees"]

MOST = 127  # of a signed byte, which holds what a leaf says of one dimension
TINY = 1e-9

Light = NDArray[np.int16]


@dataclass(frozen=True)
class Boosting:
    """How the trees of a level are grown.

    Args:
        trees: How many.
        depth: Questions from the root of a tree to a leaf.
        candidates: Pairs of pixels of which the nodes at one depth take their best.
        rank: Dimensions of the steps.
        rate: Share of the mean step of a leaf that it takes.
        share: Share of the instances that each tree sees.
        prior: Instances without a step that each leaf has on top of its own: few are not trusted.
    """

    trees: int = 500
    depth: int = 5
    candidates: int = 40
    rank: int = 40
    rate: float = 0.1
    share: float = 0.5
    prior: float = 5.0


@dataclass(frozen=True, eq=False)
class _Tree:
    pairs: NDArray[np.uint16]
    thresholds: NDArray[np.int16]
    leaves: NDArray[np.int8]


def grow_trees(
    wanted: NDArray[np.complexfloating],
    light: Light,
    places: tuple[NDArray[np.integer], Float],
    chances: Float,
    boosting: Boosting,
    rng: np.random.Generator,
) -> Level:
    """Grow the trees of one level.

    Args:
        wanted: The step that each of N instances needs, x + iy in pixels of the mean shape, shape (N, K).
        light: Its pixels, shape (N, P).
        places: Anchors and offsets of the pixels; see `Level`.
        chances: How likely each pair of pixels is drawn, shape (P, P).
        boosting: How.
        rng: Where chance comes from.
    """
    steps = as_points(wanted).reshape(len(wanted), -1)
    axes = np.linalg.eigh(steps.T @ steps)[1][:, : -boosting.rank - 1 : -1].T
    left = steps @ axes.T
    unit = np.maximum(boosting.rate / MOST * np.abs(left).max(axis=0), TINY).astype(np.float32)
    growing = _Growing(np.ascontiguousarray(light.T), np.cumsum(chances.ravel()), unit, boosting, rng)
    trees = [growing.tree(left) for _ in range(boosting.trees)]
    return Level(
        anchors=places[0].astype(np.uint16),
        offsets=places[1].astype(np.float32),
        pairs=np.stack([tree.pairs for tree in trees]),
        thresholds=np.stack([tree.thresholds for tree in trees]),
        leaves=np.stack([tree.leaves for tree in trees]),
        basis=(axes * unit[:, None]).reshape(len(axes), -1, 2).astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class _Growing:
    """What all trees of a level share.

    Args:
        light: Pixels by instance, shape (P, N).
        chances: Running sum over the pairs of pixels, shape (P * P,).
        unit: What 1 in a leaf stands for, shape (R,).
        boosting: How trees are grown.
        rng: Where chance comes from.
    """

    light: Light
    chances: Float
    unit: Float
    boosting: Boosting
    rng: np.random.Generator

    def tree(self, left: Float) -> _Tree:
        """Grow one tree on the steps that are left over, shape (N, R), and take from them what it gives."""
        nodes = 2**self.boosting.depth - 1
        pairs, thresholds = np.zeros((nodes, 2), np.uint16), np.zeros(nodes, np.int16)
        rows = np.flatnonzero(self.rng.random(len(left)) < self.boosting.share)
        steps, ends = left[rows], np.array([0, len(rows)])
        for depth in range(self.boosting.depth):
            first, second = self._drawn_pairs()
            differences = (self.light[first] - self.light[second])[:, rows]
            best, limits = _splits(differences, steps, ends, self.rng)
            here = slice(2**depth - 1, 2 ** (depth + 1) - 1)
            pairs[here], thresholds[here] = np.stack([first[best], second[best]], axis=1), limits
            node = np.repeat(np.arange(len(best)), np.diff(ends))
            child = 2 * node + (differences[best[node], np.arange(len(rows))] > limits[node])
            order = np.argsort(child, kind="stable")
            rows, steps = rows[order], steps[order]
            ends = np.searchsorted(child[order], np.arange(2 * len(best) + 1))
        leaves = self._leaves(steps, ends)
        left -= (leaves * self.unit)[_leaf_of_each(self.light, pairs, thresholds)]
        return _Tree(pairs, thresholds, leaves)

    def _drawn_pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        drawn = self.rng.random(self.boosting.candidates) * self.chances[-1]
        pair = np.searchsorted(self.chances, drawn, side="right").clip(max=len(self.chances) - 1)
        return np.divmod(pair, len(self.light))

    def _leaves(self, steps: Float, ends: NDArray[np.intp]) -> NDArray[np.int8]:
        """What each leaf says of the steps in it, whose rows lie between its ends."""
        counts = np.diff(ends)[:, None]
        padded = np.concatenate([steps, np.zeros((1, steps.shape[1]), steps.dtype)])
        sums = np.where(counts > 0, np.add.reduceat(padded, ends[:-1], axis=0), 0)
        said = self.boosting.rate * sums / (counts + self.boosting.prior + TINY)
        return np.rint(said / self.unit).clip(-MOST, MOST).astype(np.int8)


def _splits(
    differences: Light, steps: Float, ends: NDArray[np.intp], rng: np.random.Generator
) -> tuple[NDArray[np.intp], Light]:
    """The pair of pixels and the threshold that each node takes, whose instances lie between its ends."""
    parts = [slice(*pair) for pair in pairwise(ends)]
    found = [_split(differences[:, part], steps[part], rng) for part in parts]
    best, limits = zip(*found, strict=True)
    return np.array(best), np.array(limits, dtype=np.int16)


def _split(differences: Light, steps: Float, rng: np.random.Generator) -> tuple[int, int]:
    """The pair whose threshold, drawn from its own differences, parts the steps best: least squares."""
    if not len(steps):
        return 0, 0
    limits = differences[np.arange(len(differences)), rng.integers(len(steps), size=len(differences))]
    brighter = (differences > limits[:, None]).astype(np.float32)
    count, total = brighter.sum(axis=1), brighter @ steps
    rest = steps.sum(axis=0) - total
    gain = _squared(total) / np.maximum(count, 1) + _squared(rest) / np.maximum(len(steps) - count, 1)
    best = int(gain.argmax())
    return best, int(limits[best])


def _squared(sums: Float) -> Float:
    return np.square(sums).sum(axis=1)


def _leaf_of_each(light: Light, pairs: NDArray[np.uint16], thresholds: Light) -> NDArray[np.intp]:
    """The leaf of one tree that each instance comes to, from pixels (P, N) to (N,)."""
    count, flat = light.shape[1], light.ravel()
    first, second = (pairs.astype(np.intp) * count).T
    row, node = np.arange(count), np.zeros(count, dtype=np.intp)
    for _ in range(len(thresholds).bit_length()):
        node = 2 * node + 1 + (flat[first[node] + row] - flat[second[node] + row] > thresholds[node])
    return node - len(thresholds)
