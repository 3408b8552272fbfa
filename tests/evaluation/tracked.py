"""Small clips with labelled and found tracks, made by arithmetic, and what published evaluations say of them.

The numbers in `GOLDEN` were printed by trackeval 1.3.0 for the clips `crossing(0)` to `crossing(2)`:

    python benchmarks/tracking.py measures
"""

import numpy as np

import pinpoint as pp

BOX = pp.Skeleton("box", ())
MEASURES = ("HOTA", "DetA", "AssA", "IDF1", "IDP", "IDR", "MOTA", "switches", "missed", "false")
GOLDEN = (
    (
        *(0.42772638144169106, 0.5157502835446128, 0.3549442068945052),
        *(0.6063348416289592, 0.6320754716981132, 0.5826086956521739, 0.6782608695652174, 2, 22, 13),
    ),
    (
        *(0.35947148570004755, 0.5207517404597573, 0.24889781494676946),
        *(0.4864864864864865, 0.5046728971962616, 0.46956521739130436, 0.6782608695652174, 3, 21, 13),
    ),
    (
        *(0.3650697565625211, 0.5180776116608318, 0.2579795907689435),
        *(0.5225225225225225, 0.5420560747663551, 0.5043478260869565, 0.6782608695652174, 3, 21, 13),
    ),
)


def boxes_of(ids, boxes):
    """Instances without keypoints."""
    count = len(ids)
    return pp.Keypoints(
        np.zeros((count, 0, 2)), np.zeros((count, 0)), BOX, boxes=np.reshape(boxes, (count, 4)), track_ids=ids
    )


def sway(seed, *shape):
    """Numbers in [-1, 1] that look random and are the same everywhere."""
    steps = np.arange(1, np.prod(shape) + 1) * 0.6180339887498949 + seed * 0.7548776662466927
    return np.round(2 * ((steps + 7.3 * steps**2) % 1) - 1, 4).reshape(shape)


def crossing(seed, frames=40):
    """Three people walk past each other; found with gaps, false ones, and ids that change.

    Returns:
        Labelled and found instances of every frame.
    """
    truth, found = [], []
    for frame in range(frames):
        x = np.array([10 + 4.0 * frame, 170 - 4.0 * frame, 90.0])
        boxes = np.stack([x, [20, 24, 30], x + 40, [120, 124, 130]], axis=1).astype(float)
        here = sway(seed + frame, 3) > -0.9
        truth.append(boxes_of(np.array([1, 2, 3])[here], boxes[here]))
        off = boxes + 9 * sway(seed + 100 + frame, 3, 4)
        seen = sway(seed + 200 + frame, 3) > -0.7
        ids = np.array([7, 8, 9]) if frame < 20 + 3 * seed else np.array([8, 7, 9 + 2 * (seed > 0)])
        wrong = sway(seed + 300 + frame, 1)[0] > 0.6
        strays = np.array([[200.0, 10, 240, 110]]) if wrong else np.zeros((0, 4))
        found.append(
            boxes_of(
                np.concatenate([ids[seen], [20] * len(strays)]).astype(int),
                np.concatenate([off[seen], strays]),
            )
        )
    return truth, found
