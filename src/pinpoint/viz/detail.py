"""How much of a small face or hand is drawn: rims, points and inner lines give way to the picture below.

Everything fades with the extent of the face or hand, so that nothing flickers in a video where a person comes
closer, and from twice the size where the fading ends everything is drawn in full.
"""

from dataclasses import dataclass

import numpy as np

from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton
from pinpoint.viz.palette import MESH, Look

__all__ = ["Detail", "detail_of"]

# Extents in pixels between which things appear; those of a mesh, with lines so much denser, are twice that.
FULL = (24.0, 72.0)  # rims and opacity of lines
POINTS = (48.0, 72.0)  # points, and the lines of a body's own head below a dense face
INNER = (18.0, 42.0)  # all lines but the outline of the face
MESH_SCALE = 2.0
FAINTEST = 0.8  # opacity of the lines of the smallest instances relative to those of large ones


@dataclass(frozen=True, eq=False)
class Detail:
    """Factors in [0, 1] of what is drawn; 1 in large instances and for all that is neither face nor hand.

    Args:
        opacity: Of every edge, shape (N, E); 0 leaves it out.
        edge_rims: Of the dark rim of every edge, shape (N, E).
        radii: Of the size of every keypoint, shape (N, K); 0 leaves it out.
    """

    opacity: Float
    edge_rims: Float
    radii: Float


def detail_of(look: Look, skeleton: Skeleton, extents: Float) -> Detail:
    """Choose what is drawn of instances whose groups have extents in pixels, shape (N, G); 0 or NaN: all."""
    scale = MESH_SCALE if look.dots.sum() > MESH else 1.0
    known = np.where(extents > 0, extents, np.inf) / scale
    if known.min(initial=np.inf) >= FULL[1] or look.detail_group.max(initial=-1) < 0:
        return _everything(len(extents), skeleton)
    sizes = np.where(look.detail_group >= 0, known[:, look.detail_group], np.inf)
    a, b = skeleton.edge_index.T
    edge_sizes = np.maximum(sizes[:, a], sizes[:, b])
    full = _ramp(edge_sizes, FULL)
    outline = look.outline[a] & look.outline[b] | ~(look.dots[a] & look.dots[b])
    covered = look.covered[a] & look.covered[b]
    shown = np.where(outline, 1.0, _ramp(edge_sizes, INNER)) * np.where(
        covered, _ramp(edge_sizes, POINTS), 1.0
    )
    return Detail(
        opacity=shown * (FAINTEST + (1 - FAINTEST) * full), edge_rims=full, radii=_ramp(sizes, POINTS)
    )


def _everything(count: int, skeleton: Skeleton) -> Detail:
    edges = np.broadcast_to(1.0, (count, len(skeleton.edges)))
    return Detail(edges, edges, np.broadcast_to(1.0, (count, len(skeleton))))


def _ramp(sizes: Float, span: tuple[float, float]) -> Float:
    low, high = span
    return np.clip((sizes - low) / (high - low), 0.0, 1.0)
