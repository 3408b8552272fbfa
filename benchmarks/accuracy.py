"""How right the estimators are on annotated photographs, detection included and with true boxes.

Usage: python benchmarks/accuracy.py [face] [body] [hand] [--pictures N]
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import pinpoint as pp
from metrics import (
    coco_keypoint_scores,
    hull,
    longer_side,
    match,
    normalised_mean_error,
    point_errors,
)
from pinpoint.keypoints import Estimator, Keypoints
from report import Report, arguments
from samples import DATA, Picture, body_pictures, face_pictures, hand_pictures

SAME = 0.2
"""Overlap of the hulls from which a face or hand that was found is the labelled one."""

Results = Sequence[tuple[Picture, Keypoints]]
"""Each picture and what was found on it."""

DETECTED = (
    ("the default", {}),
    ('`search="whole"`', {"search": "whole"}),
    ('`search="tiles"`', {"search": "tiles"}),
)
LOOKS = (("`looks=1`", {"looks": 1}), ("`looks=2`", {"looks": 2}))


def estimated(estimate: Estimator, pictures: Sequence[Picture], *, boxes: bool = False) -> Results:
    """Look at every picture, at its true boxes if asked."""
    results = []
    for picture in pictures:
        image = pp.read_image(picture.path)
        results.append((picture, estimate(image, picture.boxes) if boxes else estimate(image)))
    return results


def face_cells(results: Results) -> list[str]:
    """Mean and median NME over the found, share found, further faces."""
    errors, further = [], 0
    for picture, kps in results:
        pairs = match(hull(kps.xy), hull(picture.xy), SAME)
        errors += [normalised_mean_error(kps.xy[a : a + 1], picture.xy[b : b + 1])[0] for a, b in pairs]
        further += len(kps) - len(pairs)
    total = sum(len(picture) for picture, _ in results)
    return [f"{np.mean(errors):.4f}", f"{np.median(errors):.4f}", _share(len(errors), total), str(further)]


def body_cells(results: Results) -> list[str]:
    """AP, AP50, AP75 and AR."""
    entries = [entry for picture, kps in results for entry in _coco_results(picture, kps)]
    seen = [picture.image_id for picture, _ in results]
    scores = coco_keypoint_scores(DATA / "coco_person/val.json", entries, seen)
    return [f"{score:.3f}" for score in scores.values()]


def hand_cells(results: Results, *, given: bool = False) -> list[str]:
    """Error as a share of the box, mean and median, PCK@.2, share found; `given`: one answer per true box."""
    errors = []
    for picture, kps in results:
        rows = [(row, row) for row in range(len(kps))]
        for found, true in rows if given else match(hull(kps.xy), hull(picture.xy), SAME):
            size = longer_side(picture.boxes[true : true + 1])
            errors.append(point_errors(kps.xy[found : found + 1], picture.xy[true : true + 1], size)[0])
    total = sum(len(picture) for picture, _ in results)
    table = np.array(errors)
    labelled = np.isfinite(table)
    return [
        f"{np.nanmean(table):.3f}",
        f"{np.nanmedian(table):.3f}",
        f"{(table[labelled] < 0.2).mean():.3f}",
        _share(len(table), total),
    ]


def _coco_results(picture: Picture, kps: Keypoints) -> list[dict[str, Any]]:
    scores = kps.box_scores if kps.box_scores is not None else kps.scores.mean(axis=1)
    flat = np.concatenate([kps.xy, np.ones((*kps.xy.shape[:2], 1))], axis=2).reshape(
        -1, 3 * len(kps.skeleton)
    )
    return [
        {"image_id": picture.image_id, "category_id": 1, "keypoints": row.tolist(), "score": float(score)}
        for row, score in zip(flat, scores, strict=True)
    ]


def _share(part: int, total: int) -> str:
    return f"{part} of {total} ({100 * part / total:.1f} %)"


def _rows(
    task: str,
    pictures: Sequence[Picture],
    cells: Callable[[Results], list[str]],
    options: Sequence[Any],
    *,
    boxes: bool,
) -> list[list[str]]:
    return [
        [words, *cells(estimated(pp.load(task, **chosen), pictures, boxes=boxes))]
        for words, chosen in options
    ]


def measure_face(report: Report, count: int | None) -> None:
    pictures = face_pictures()[:count]
    report.add(
        f"## face68\n\n{len(pictures)} photographs of one face, distance of the outer eye corners = 1."
    )
    rows = _rows("face", pictures, face_cells, (*DETECTED, *LOOKS), boxes=False)
    report.table(("face", "NME, mean", "NME, median", "found", "further faces"), rows)


def measure_body(report: Report, count: int | None) -> None:
    pictures = [with_labels(picture) for picture in body_pictures()[:count]]
    people = sum(map(len, pictures))
    report.add(
        f"## coco17\n\n{len(pictures)} photographs, {people} people with labelled points, OKS by pycocotools."
    )
    columns = ("AP", "AP50", "AP75", "AR")
    true = _rows("body", pictures, body_cells, (DETECTED[0], *LOOKS), boxes=True)
    report.table(("body, true boxes", *columns), true)
    found = _rows("body", body_pictures()[:count], body_cells, (*DETECTED, LOOKS[1]), boxes=False)
    report.table(("body, detection included", *columns), found)


def measure_hand(report: Report, count: int | None) -> None:
    pictures = [picture for picture in hand_pictures() if len(picture)][:count]
    report.add(
        f"## hand21\n\n{len(pictures)} photographs; errors as shares of the longer side of the true box."
    )
    columns = ("mean", "median", "PCK@.2", "found")
    report.table(
        ("hand, true boxes", *columns),
        _rows("hand", pictures, partial(hand_cells, given=True), LOOKS[:1], boxes=True),
    )
    found = _rows("hand", pictures, hand_cells, (*DETECTED, LOOKS[1]), boxes=False)
    report.table(("hand, detection included", *columns), found)


def with_labels(picture: Picture) -> Picture:
    """Only the people who have a labelled point."""
    rows = np.isfinite(picture.xy).any(axis=(1, 2))
    return replace(picture, xy=picture.xy[rows], boxes=picture.boxes[rows])


PARTS = {"face": measure_face, "body": measure_body, "hand": measure_hand}


def main() -> None:
    chosen = arguments(__doc__.partition("\n")[0], list(PARTS))
    report = Report("Accuracy", kept=chosen.whole)
    for part in chosen.parts:
        PARTS[part](report, chosen.pictures)


if __name__ == "__main__":
    main()
