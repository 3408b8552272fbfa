"""How well identities are kept over time: IDF1 (arXiv 1609.01775), MOTA and HOTA (arXiv 2009.07736)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.codecs.assignment import assigned
from pinpoint.evaluation.oks import oks
from pinpoint.geometry import Float, boxes_of_points, iou
from pinpoint.keypoints import Keypoints

__all__ = ["ALPHAS", "Similarity", "box_similarity", "point_similarity", "track_measures"]

ALPHAS = np.arange(1, 20) / 20
"""The similarities from which HOTA takes instances for found."""

Similarity = Callable[[Keypoints, Keypoints], Float]
"""How alike labelled and found instances of one frame are: of N and M, shape (N, M), in [0, 1]."""

Rows = NDArray[np.intp]
_SLACK = np.finfo(float).eps
_KEPT = 1000.0  # what going on with the same track is worth, more than any similarity


def box_similarity(truth: Keypoints, found: Keypoints) -> Float:
    """IoU of boxes, or of the boxes around the keypoints where there are none, shape (N, M)."""
    return iou(*(boxes_of_points(k.xy) if k.boxes is None else k.boxes for k in (truth, found)))


def point_similarity(truth: Keypoints, found: Keypoints) -> Float:
    """OKS by the skeleton's sigmas, shape (N, M). Areas that are not given are .53 of the boxes.

    Raises:
        ValueError: The skeleton has no sigmas.
    """
    if truth.skeleton.sigmas is None:
        raise ValueError(f"skeleton {truth.skeleton.name!r} has no sigmas, expected one with them")
    boxes = boxes_of_points(truth.xy) if truth.boxes is None else truth.boxes
    areas = 0.53 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) if truth.areas is None else truth.areas
    return oks(truth.xy, found.xy, areas, np.array(truth.skeleton.sigmas))


@dataclass(frozen=True, eq=False)
class _Frame:
    """Numbers of the labelled and found tracks of one frame, from 0, and how alike they are, shape (N, M)."""

    truth: Rows
    found: Rows
    alike: Float


@dataclass(frozen=True, eq=False)
class _Clip:
    """All frames, and in how many of them each labelled and each found track is, shapes (I,) and (J,)."""

    frames: Sequence[_Frame]
    truth: Float
    found: Float


def track_measures(
    truth: Sequence[Keypoints],
    found: Sequence[Keypoints],
    similarity: Similarity = box_similarity,
    *,
    threshold: float = 0.5,
) -> dict[str, float]:
    """Compare the tracks of one clip with labelled ones, as trackeval does.

    Args:
        truth: Labelled instances of every frame, with track ids.
        found: Found instances of the same frames, with track ids. Instances without an id (-1) do not count.
        similarity: By boxes or by keypoints.
        threshold: From which similarity IDF1 and MOTA take an instance for found.

    Returns:
        `HOTA`, `DetA`, `AssA` (means over `ALPHAS`), `IDF1`, `IDP`, `IDR`, `MOTA`, and the counts `switches`,
        `missed` and `false` that MOTA is made of. NaN where nothing is labelled and nothing found.

    Raises:
        ValueError: The numbers of frames differ, or an instance comes without `track_ids`, or with one twice.
    """
    clip = _clip(truth, found, similarity)
    return _hota(clip) | _identity(clip, threshold) | _mota(clip, threshold)


def _clip(truth: Sequence[Keypoints], found: Sequence[Keypoints], similarity: Similarity) -> _Clip:
    if len(truth) != len(found):
        raise ValueError(f"found has {len(found)} frames, expected {len(truth)} as in truth")
    sides = [[_known(kps, side, frame) for frame, kps in enumerate(of)] for side, of in _named(truth, found)]
    numbers = [_numbered(side) for side in sides]
    alike = [similarity(*pair) for pair in zip(*sides, strict=True)]
    frames = [_Frame(*one) for one in zip(*(rows for rows, _ in numbers), alike, strict=True)]
    return _Clip(frames, *(counts for _, counts in numbers))


def _named(truth: Sequence[Keypoints], found: Sequence[Keypoints]) -> list[tuple[str, Sequence[Keypoints]]]:
    return [("truth", truth), ("found", found)]


def _known(kps: Keypoints, side: str, frame: int) -> Keypoints:
    """The instances that have an id."""
    if kps.track_ids is None:
        if len(kps):
            raise ValueError(f"{side}[{frame}] has {len(kps)} instances without track_ids")
        return kps
    kept = kps[kps.track_ids >= 0]
    ids = kept.track_ids
    if ids is not None and len(np.unique(ids)) < len(ids):
        raise ValueError(f"{side}[{frame}] has a track id twice: {sorted(ids.tolist())}")
    return kept


def _numbered(frames: Sequence[Keypoints]) -> tuple[list[Rows], Float]:
    """Tracks of every frame by numbers from 0, and in how many frames each is."""
    ids = [np.zeros(0, np.int64) if kps.track_ids is None else kps.track_ids for kps in frames]
    together = np.concatenate([*ids, np.zeros(0, np.int64)])
    _, numbers, counts = np.unique(together, return_inverse=True, return_counts=True)
    ends = np.cumsum([len(one) for one in ids])
    return np.split(numbers, ends)[: len(ids)], counts.astype(float)


def _matched(worth: Float) -> tuple[Rows, Rows]:
    """The pairs of rows and columns that are worth most together."""
    rows, columns = assigned(-worth).T
    return rows, columns


def _identity(clip: _Clip, threshold: float) -> dict[str, float]:
    """One found track for each labelled one, over the whole clip."""
    together = np.zeros((len(clip.truth), len(clip.found)))
    for frame in clip.frames:
        rows, columns = np.nonzero(frame.alike >= threshold)
        together[frame.truth[rows], frame.found[columns]] += 1
    right = together[_matched(together)].sum()
    labelled, found = clip.truth.sum(), clip.found.sum()
    return {
        "IDF1": _share(2 * right, labelled + found),
        "IDP": _share(right, found),
        "IDR": _share(right, labelled),
    }


def _mota(clip: _Clip, threshold: float) -> dict[str, float]:
    """Frame by frame, going on with the tracks of the frame before where they are similar enough."""
    ever, last = (np.full(len(clip.truth), -1) for _ in range(2))
    switches = right = 0
    for frame in clip.frames:
        if not frame.alike.size:
            continue
        same = frame.found[None] == last[frame.truth][:, None]
        worth = np.where(frame.alike >= threshold - _SLACK, _KEPT * same + frame.alike, 0.0)
        rows, columns = _matched(worth)
        taken = worth[rows, columns] > _SLACK
        labelled, found = frame.truth[rows[taken]], frame.found[columns[taken]]
        switches += np.count_nonzero((ever[labelled] >= 0) & (ever[labelled] != found))
        right += len(labelled)
        last[:] = -1
        ever[labelled] = last[labelled] = found
    missed, false = clip.truth.sum() - right, clip.found.sum() - right
    return {
        "MOTA": _share(right - false - switches, clip.truth.sum()),
        "switches": float(switches),
        "missed": float(missed),
        "false": float(false),
    }


def _hota(clip: _Clip) -> dict[str, float]:
    """Higher order tracking accuracy: the root of how much is found times how well it is held together."""
    both = clip.truth[:, None] + clip.found[None]
    hopes = sum((_hopes(frame, both.shape) for frame in clip.frames), np.zeros(both.shape))
    favour = hopes / np.maximum(both - hopes, _SLACK)
    counts = np.zeros((len(ALPHAS), *both.shape))
    for frame in clip.frames:
        rows, columns = _matched(favour[np.ix_(frame.truth, frame.found)] * frame.alike)
        enough = frame.alike[rows, columns] >= ALPHAS[:, None] - _SLACK
        counts[:, frame.truth[rows], frame.found[columns]] += enough
    right = counts.sum(axis=(1, 2))
    held = (counts * counts / np.maximum(1, both - counts)).sum(axis=(1, 2)) / np.maximum(1, right)
    found = right / np.maximum(1, clip.truth.sum() + clip.found.sum() - right)
    if not clip.truth.sum() + clip.found.sum():
        held = found = np.full(len(ALPHAS), np.nan)
    return {
        "HOTA": float(np.sqrt(found * held).mean()),
        "DetA": float(found.mean()),
        "AssA": float(held.mean()),
    }


def _hopes(frame: _Frame, shape: tuple[int, ...]) -> Float:
    """How much each pair of tracks may have in common in one frame."""
    total = frame.alike.sum(axis=0)[None] + frame.alike.sum(axis=1)[:, None] - frame.alike
    hopes = np.zeros(shape)
    hopes[np.ix_(frame.truth, frame.found)] = np.divide(
        frame.alike, total, out=np.zeros(total.shape), where=total > _SLACK
    )
    return hopes


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
