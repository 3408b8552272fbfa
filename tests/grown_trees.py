"""Trees by chance: sound in form, and good for nothing."""

import numpy as np

from pinpoint.runtime.forest import Forest, Level

KEYPOINTS, PIXELS, RANK = 5, 20, 4


def level_by_chance(rng: np.random.Generator, trees: int = 6, depth: int = 3) -> Level:
    nodes = 2**depth - 1
    return Level(
        anchors=rng.integers(KEYPOINTS, size=PIXELS),
        offsets=rng.uniform(-8, 8, (PIXELS, 2)).astype(np.float32),
        pairs=rng.integers(PIXELS, size=(trees, nodes, 2)).astype(np.uint16),
        thresholds=rng.integers(-30, 30, (trees, nodes)).astype(np.int16),
        leaves=rng.integers(-127, 128, (trees, nodes + 1, RANK)).astype(np.int8),
        basis=rng.normal(0, 0.002, (RANK, KEYPOINTS, 2)).astype(np.float32),
    )


def forest_by_chance(rng: np.random.Generator, levels: int = 3) -> Forest:
    mean = rng.uniform(8, 24, (KEYPOINTS, 2)).astype(np.float32)
    return Forest((32, 40), mean, tuple(level_by_chance(rng, 4 + n, 2 + n) for n in range(levels)))
