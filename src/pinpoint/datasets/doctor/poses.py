"""What the poses of a file have in common, and which labels are far from it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pinpoint.datasets.doctor.fault import Case, Spot, Spots
from pinpoint.datasets.doctor.groups import GROUPS
from pinpoint.datasets.doctor.points import at_one_place, beyond_picture, in_pixels, swapped_axes
from pinpoint.datasets.doctor.sheet import Mask, Rows, Sheet
from pinpoint.geometry import Float
from pinpoint.skeletons import skeleton, skeleton_names, swaps_by_name

__all__ = ["far_points", "side_scores", "swapped_evidence"]

LEAST = 60  # instances that a model of the pose is made of
COARSE = 0.2  # extents of a pose that a linear function may miss by where labels are fine
LEAST_POSES = 200  # instances that single points are judged by
LEARNT = 6000  # instances that it is made of at most
WIDEST = 1000  # products of features, and
SCARCE = 4  # instances for each of them at least
RIDGE = 1e-3
COMMON = 300  # instances that say what is usual well enough to doubt a single one
FIRM = 0.3  # a score this far below 0 may speak for itself
BEYOND_DOUBT = (
    100.0  # evidence for swapped sides that one instance may give by itself: faces do, bodies do not
)
SPREAD = 0.05  # least spread of scores
CLIPPED = 6.0  # evidence that one instance may give for the part that it is in
PROOF = 40.0  # evidence that a part has to give
PART = 10  # instances of a part
RUNS = 5  # runs of a file that are looked at
HANDS = ("folder", "annotator", "annotator_id", "source", "batch", *GROUPS)  # what parts are known by
MOSTLY = 0.6  # share of the other keypoints that foretell one
REMOTE = 2.0  # extents of a pose beyond which no limb reaches
STRANGE = 3.5  # a point is far off that is missed by this many times what one in a hundred is missed by
MOST_POINTS = 140  # keypoints beyond which a function for each takes too long


def sides(case: Case) -> Spots:
    """Instances with left and right swapped: in a part of the file where most are, or beyond doubt."""
    for category, _ in enumerate(case.sheet.categories):
        rows, scores = side_scores(case.sheet, category)
        doubt = swapped_evidence(scores)
        said: set[int] = set()
        for name, part in _parts(case.sheet, rows, doubt):
            if _is_swapped(doubt[part], scores[part]):
                named = f"most of {len(part)} in {name}"
                wrong = [int(rows[one]) for one in part if scores[one] < 0]
                yield from (Spot("annotations", row, named) for row in wrong if row not in said)
                said |= set(wrong)
        alone = rows[(doubt > BEYOND_DOUBT) & (scores < -FIRM) & (len(rows) >= COMMON)]
        yield from (Spot("annotations", int(row), "by itself") for row in alone if int(row) not in said)


def strange(case: Case) -> Spots:
    """Points that are far from where the rest of their instance says they are."""
    sheet = case.sheet
    for category, _ in enumerate(sheet.categories):
        rows, far = far_points(sheet, category)
        for one, columns in zip(rows, far, strict=True):
            if columns.any():
                names = ", ".join(sheet.keypoint(int(one), int(c)) for c in np.flatnonzero(columns)[:3])
                yield Spot("annotations", int(one), names)


def side_scores(sheet: Sheet, category: int) -> tuple[Rows, Float]:
    """How sure it is that left is left in each instance of a category.

    Swapping left and right turns the sign of what differs between them (where the one lies from the other,
    which of them is labelled) and leaves the rest as it is (where the middle is, what is labelled at all). A
    linear function of the products of both kinds is fitted to be 1 for all instances, so it is -1 for their
    swapped copies, and each instance is judged by a function that was fitted without it. Most of the data is
    taken to be right.

    Returns:
        Rows of the instances that can be judged, shape (M,), and their scores, shape (M,): near 1 as most of
        the data, near -1 the other way round. Both are empty where there are too few.
    """
    pairs, middle = _columns(sheet.names[category])
    k = len(sheet.names[category])
    rows = _judged(sheet, category)
    rows = (
        rows[sheet.sound[rows][:, pairs].all(axis=2).sum(axis=1) >= min(2, len(pairs))]
        if len(pairs)
        else rows[:0]
    )
    if len(rows) < LEAST:
        return rows[:0], np.zeros(0)
    place, there = _normalised(sheet, rows, k)
    visible = there & (sheet.xyv[rows, :k, 2] == 2)
    odd = _odd(place, there, visible, pairs)
    even = _even(place, there, pairs, middle)
    even = even[:, : max(1, min(WIDEST, len(rows) // SCARCE) // odd.shape[1])]
    return rows, _cross_fitted(odd, even)


def swapped_evidence(scores: Float) -> Float:
    """Logarithm of how much likelier each score is for swapped sides than for right ones, shape (M,).

    Both are taken for normal distributions of the same spread, one on either side of 0. The tails of real
    scores are heavier, so single poses that are rare are no proof, and only a sum over many is.
    """
    if not len(scores):
        return np.zeros(0)
    middle = max(float(np.median(scores)), 0.0)
    spread = 1.4826 * float(np.median(np.abs(scores - middle)))
    return -2 * middle * scores / max(spread, SPREAD) ** 2


def far_points(sheet: Sheet, category: int) -> tuple[Rows, Mask]:
    """Points that are far from where the other points of their instance say they are.

    Each keypoint is foretold from the others by a linear function that is fitted to the other half of the
    instances, after the usual pose was laid over the others, and judged where it is amid them or remote,
    since legs are not foretold from a head. It is far where that misses it by 3.5 times as much as all but
    one in a hundred instances.

    Returns:
        Rows of the instances that can be judged, shape (M,), and which points are far, shape (M, K).
    """
    k = len(sheet.names[category])
    rows = _judged(sheet, category)
    if len(rows) < LEAST_POSES or not 4 <= k <= MOST_POINTS:
        return rows[:0], np.zeros((0, k), dtype=bool)
    xy = sheet.xy[rows, :k]
    place, there = _normalised(sheet, rows, k)
    seen = there.any(axis=0)
    usual = np.zeros((k, 2))
    usual[seen] = np.nanmedian(np.where(there[..., None], place, np.nan)[:, seen], axis=0)
    misses = np.stack([_missed(xy, column, usual) for column in range(k)], axis=1)
    known = np.isfinite(misses).sum(axis=0) >= LEAST
    limits = np.full(k, np.inf)
    most = 1 - max(0.01, 3 / len(rows))  # of few instances, the worst three do not say what is usual
    limits[known] = STRANGE * np.nanquantile(misses[:, known], most, axis=0)
    return rows, np.asarray(misses > np.maximum(limits, COARSE))


def _missed(xy: Float, column: int, usual: Float) -> Float:
    """How far a keypoint is from where the others say it is, in extents of the usual pose, shape (M,)."""
    others = np.delete(xy, column, axis=1)
    there = np.isfinite(others[..., 0])
    enough = max(4, MOSTLY * others.shape[1])  # a few points of a face do not say where a hip is
    judged = np.flatnonzero((there.sum(axis=1) >= enough) & np.isfinite(xy[:, column, 0]))
    missed = np.full(len(xy), np.nan)
    if len(judged) < LEAST:
        return missed
    usual, others, there = np.delete(usual, column, axis=0), others[judged], there[judged]
    centre, scale = _fit(usual, others, there)
    apart_at_all, scale = scale[:, 0, 0] > 1e-3, np.maximum(scale, 1e-3)
    place = np.where(there[..., None], (others - centre) / scale, usual)
    goal = (xy[judged, column] - centre[:, 0]) / scale[:, 0]
    by_point, known = np.ascontiguousarray(place.swapaxes(0, 1)), there.T[..., None]  # several times as fast
    low = np.where(known, by_point, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, by_point, -np.inf).max(axis=0, initial=-np.inf)
    features = np.concatenate([np.ones((len(judged), 1)), there, place.reshape(len(judged), -1)], axis=1)
    foretold = _foretold(features, goal)
    apart = np.linalg.norm(goal - foretold, axis=1)
    slack, both = 0.1 * (high - low), np.stack([goal, foretold])
    amid = ((both > low - slack) & (both < high + slack)).all(axis=(0, 2))
    told = (amid | (apart > REMOTE)) & apart_at_all
    missed[judged[told]] = apart[told]
    return missed


def _fit(usual: Float, xy: Float, there: Mask) -> tuple[Float, Float]:
    """Centre (M, 1, 2) and scale (M, 1, 1) that lay a pose over the points that are labelled.

    The scale is 0 where all of them are at one place.
    """
    count, known = there.sum(axis=1)[:, None], there.astype(float)
    filled = np.where(there[..., None], xy, 0.0)
    mean, middle = filled.sum(axis=1) / count, known @ usual / count
    spread = (filled**2).sum(axis=(1, 2)) - (count * mean**2).sum(axis=1)
    of_usual = known @ (usual**2).sum(axis=1) - (count * middle**2).sum(axis=1)
    scale = np.sqrt(np.maximum(spread, 0) / np.maximum(of_usual, 1e-12))[:, None]
    return (mean - scale * middle)[:, None], scale[:, None]


def _parts(sheet: Sheet, rows: Rows, doubt: Float) -> Iterator[tuple[str, Rows]]:
    """Parts of a file that may be of one hand (runs, folders, what entries say), as numbers in `rows`."""
    doubt = np.clip(doubt, -CLIPPED, CLIPPED)
    for _ in range(RUNS):
        run = _best_run(doubt)
        if run is None:
            break
        first, last = (sheet.annotations[rows[one]].get("id") for one in (run[0], run[-1]))
        yield f"annotations {first} to {last}", run
        doubt = doubt.copy()
        doubt[run] = -CLIPPED
    said = {"folder"}.union(*sheet.images, *sheet.annotations)
    for key in (key for key in HANDS if key in said):
        values = _said(sheet, rows, key)
        for value in sorted(set(values) - {""}):
            yield f"{key} {value}", np.flatnonzero([one == value for one in values])


def _said(sheet: Sheet, rows: Rows, key: str) -> list[str]:
    """What each annotation says of a key, or its image, or the name of its file."""
    if key == "folder":
        of_image = [sheet.file_name(row).rpartition("/")[0] for row in range(len(sheet.images))]
    else:
        of_image = [str(image.get(key, "")) for image in sheet.images]
    own = [str(item.get(key, "")) for item in sheet.annotations]
    if not any(own) and not any(of_image):
        return []
    return [own[row] or of_image[sheet.image[row]] for row in rows]


def _best_run(gains: Float) -> Rows | None:
    """The run of numbers with the largest sum, if that is above 0 (Kadane)."""
    total = np.concatenate([[0.0], np.cumsum(gains)])
    rise = total - np.minimum.accumulate(total)
    stop = int(np.argmax(rise))
    if rise[stop] <= 0:
        return None
    return np.arange(int(np.argmin(total[:stop])), stop)


def _is_swapped(doubt: Float, scores: Float) -> bool:
    total = float(np.clip(doubt, -CLIPPED, CLIPPED).sum())
    return len(scores) >= PART and total > PROOF and float((scores < 0).mean()) > 0.6


def _judged(sheet: Sheet, category: int) -> Rows:
    """Annotations of a category whose points are as they should be otherwise."""
    sane = (sheet.category == category) & sheet.in_order & ~sheet.crowd & (sheet.image >= 0)
    sane &= in_pixels(sheet) & ~at_one_place(sheet) & ~swapped_axes(sheet)
    sane &= ~beyond_picture(sheet.xy, sheet.size_of[:, None]).any(axis=1)
    return np.flatnonzero(sane & (sheet.sound.sum(axis=1) >= 4))


def _columns(names: list[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns of the mirror pairs, shape (P, 2), and of the points in the middle."""
    same = [one for one in map(skeleton, skeleton_names()) if list(one.keypoints) == names]
    swaps = same[0].swaps if same else swaps_by_name(names) if len(set(names)) == len(names) else ()
    pairs = np.array([[names.index(left), names.index(right)] for left, right in swaps], dtype=np.intp)
    pairs = pairs.reshape(-1, 2)
    return pairs, np.setdiff1d(np.arange(len(names)), pairs)


def _normalised(sheet: Sheet, rows: Rows, k: int) -> tuple[Float, Mask]:
    """Points from the middle of their extent in units of it, 0 where not labelled; and which are labelled."""
    span, there = sheet.span[rows], sheet.sound[rows][:, :k]
    centre = (span[:, None, :2] + span[:, None, 2:]) / 2
    extent = (span[:, 2:] - span[:, :2]).max(axis=1)[:, None, None]
    place = (sheet.xyv[rows][:, :k, :2] - centre) / extent
    return np.where(there[..., None], place, 0.0), there


def _odd(place: Float, there: Mask, visible: Mask, pairs: NDArray[np.intp]) -> Float:
    left, right = pairs.T
    both = (there[:, left] & there[:, right])[..., None]
    gap = np.where(both, place[:, left] - place[:, right], 0.0).reshape(len(place), -1)
    known = there[:, left].astype(float) - there[:, right]
    seen = visible[:, left].astype(float) - visible[:, right]
    return np.concatenate([gap, known, seen], axis=1)


def _even(place: Float, there: Mask, pairs: NDArray[np.intp], middle: NDArray[np.intp]) -> Float:
    """1, and what is labelled and where: of the points in the middle, then of the pairs."""
    left, right = pairs.T
    count = there[:, left].astype(float) + there[:, right]
    mean = (place[:, left] + place[:, right]) / np.maximum(count, 1)[..., None]
    n = len(place)
    parts = [
        np.ones((n, 1)),
        there[:, middle],
        count / 2,
        place[:, middle].reshape(n, -1),
        mean.reshape(n, -1),
    ]
    return np.concatenate(parts, axis=1)


def _cross_fitted(odd: Float, even: Float) -> Float:
    """Scores of each half by what the other half says."""
    scores = np.zeros(len(odd))
    for own, others in _halves(len(odd)):
        weights = _ridge(_products(odd[others], even[others]), np.ones(len(others)))
        for rows in _chunks(own):
            scores[rows] = _products(odd[rows], even[rows]) @ weights
    return scores


def _foretold(features: Float, goal: Float) -> Float:
    """What a linear function of the features says of each half that is fitted to the other half."""
    said = np.zeros_like(goal)
    for own, others in _halves(len(goal)):
        said[own] = features[own] @ _ridge(features[others], goal[others])
    return said


def _halves(count: int) -> Iterator[tuple[Rows, Rows]]:
    """Numbers of each half, and some of the other half to fit to."""
    half = np.random.default_rng(0).permutation(count) % 2
    for own in (0, 1):
        yield np.flatnonzero(half == own), np.flatnonzero(half != own)[:LEARNT]


def _ridge(features: Float, goal: Float) -> Float:
    """Weights of a ridge regression, by the smaller of its two systems of equations."""
    few, strength = len(features) < features.shape[1], RIDGE * len(features) + 1e-9
    gram = features @ features.T if few else features.T @ features
    gram[np.diag_indices_from(gram)] += strength
    return features.T @ np.linalg.solve(gram, goal) if few else np.linalg.solve(gram, features.T @ goal)


def _products(odd: Float, even: Float) -> Float:
    return (odd[:, :, None] * even[:, None, :]).reshape(len(odd), -1)


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), 4096):
        yield rows[start : start + 4096]
