"""What can be measured in batches: each metric says how, and `Accumulator` adds up.

ap = Accumulator(KeypointAP.of(skeleton("coco17")))
for truth, found in batches:
    ap.update(truth, found)
ap.compute().values["AP"]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinpoint.evaluation.accumulate import Measured
from pinpoint.evaluation.average_precision import MOST, Found, Truth, match
from pinpoint.evaluation.calibration import BINS, reliability
from pinpoint.evaluation.crowding import LEVELS, match_by_crowding
from pinpoint.evaluation.curves import Matches, precision_recall
from pinpoint.evaluation.error_kinds import Diagnosis, diagnose
from pinpoint.evaluation.errors import (
    area_under_errors,
    area_under_pck,
    exact_mean,
    failure_rate,
    mean_error,
    mean_errors,
    point_errors,
    share_within,
    shares_within,
)
from pinpoint.evaluation.parts import match_parts, part_columns
from pinpoint.evaluation.space import acceleration_errors, aligned, scaled
from pinpoint.geometry import Float
from pinpoint.skeletons import Skeleton

__all__ = [
    "Calibration",
    "CrowdAP",
    "EndPoint",
    "ErrorKinds",
    "KeypointAP",
    "NormalisedError",
    "PartAP",
    "PointAccuracy",
    "PoseError",
]

Tally = tuple[int, int]  # how many points are not labelled, of how many


@dataclass(frozen=True)
class KeypointAP:
    """COCO's AP and AR.

    Args:
        sigmas: OKS falloff of each keypoint, K of them.
        whose: Whose sigmas these are.
        areas: What the areas are.
        most: Found instances of one picture that count.
    """

    sigmas: tuple[float, ...]
    whose: str = "as given"
    areas: str = "as given"
    most: int = MOST

    @classmethod
    def of(cls, skeleton: Skeleton) -> "KeypointAP":
        """With the sigmas of a skeleton.

        Raises:
            ValueError: Nobody published any.
        """
        return cls(_sigmas(skeleton), f"those of {skeleton.name}")

    def look(self, truth: Truth, found: Found) -> tuple[Matches, Tally]:
        """Match the instances of pictures; each picture is whole, in one batch, and has its own number."""
        return match(truth, found, np.array(self.sigmas), most=self.most), _tally(truth)

    def total(self, parts: Sequence[tuple[Matches, Tally]]) -> Measured:
        """AP AP50 AP75 APm APl AR AR50 AR75 ARm ARl."""
        matches, tallies = zip(*parts, strict=True)
        values = precision_recall(Matches.merge(matches)).measures()
        return Measured(values, self._assumed() | _not_labelled(tallies))

    def _assumed(self) -> dict[str, str]:
        return {
            "sigmas": _in_words(self.sigmas, self.whose),
            "areas": self.areas,
            "most": f"{self.most} a picture",
        }


@dataclass(frozen=True)
class PartAP:
    """COCO's AP and AR of every part of a whole body; see `match_parts`.

    Args:
        skeleton: With sigmas and parts, such as `coco_wholebody133`.
        areas: What the areas are.
    """

    skeleton: Skeleton
    areas: str = "of whole instances"

    def look(
        self, truth: Truth, found: Found, part_scores: Mapping[str, Float] | None = None
    ) -> tuple[dict[str, Matches], Tally]:
        """Match the parts in some pictures; each picture is whole, in one batch, and has its own number."""
        sigmas = np.array(_sigmas(self.skeleton))
        matches = match_parts(truth, found, sigmas, part_columns(self.skeleton), part_scores)
        return matches, _tally(truth)

    def total(self, parts: Sequence[tuple[dict[str, Matches], Tally]]) -> Measured:
        """Ten numbers for each part, named like `AP50 left_hand`; those of the whole have no part's name."""
        matches, tallies = zip(*parts, strict=True)
        values: dict[str, float] = {}
        for part in reversed(part_columns(self.skeleton)):
            measures = precision_recall(Matches.merge([one[part] for one in matches])).measures()
            name = "" if part == "whole" else f" {part}"
            values |= {f"{key}{name}": value for key, value in measures.items()}
        words = _in_words(_sigmas(self.skeleton), f"those of {self.skeleton.name}")
        return Measured(values, {"sigmas": words, "areas": self.areas} | _not_labelled(tallies))


@dataclass(frozen=True)
class CrowdAP:
    """CrowdPose's AP by how crowded pictures are; see `match_by_crowding`.

    Args:
        sigmas: OKS falloff of each keypoint, K of them.
        whose: Whose sigmas these are.
        areas: What the areas are.
    """

    sigmas: tuple[float, ...]
    whose: str = "as given"
    areas: str = "as given"

    def look(self, truth: Truth, found: Found, index: Float) -> tuple[dict[str, Matches], Tally]:
        """Match the instances of some pictures; `index` is of all pictures, by their number."""
        return match_by_crowding(truth, found, np.array(self.sigmas), index), _tally(truth)

    def total(self, parts: Sequence[tuple[dict[str, Matches], Tally]]) -> Measured:
        """AP AP50 AP75 AR AR50 AR75 APeasy APmedium APhard."""
        matches, tallies = zip(*parts, strict=True)
        merged = {level: Matches.merge([one[level] for one in matches]) for level in LEVELS}
        measures = {level: precision_recall(one).measures() for level, one in merged.items()}
        values = measures[""] | {f"AP{level}": measures[level]["AP"] for level in LEVELS if level}
        assumed = {"sigmas": _in_words(self.sigmas, self.whose), "areas": self.areas}
        return Measured(
            values, assumed | {"crowding": "easy below .2, hard from .8"} | _not_labelled(tallies)
        )


@dataclass(frozen=True)
class PointAccuracy:
    """PCK, PCKh and PDJ: which share of points lies within a share of a length.

    Args:
        by: What the lengths are, such as `torso`.
        shares: Of the length.
        most: Up to which share the area under the curve reaches.
    """

    by: str
    shares: tuple[float, ...] = (0.05, 0.1, 0.2)
    most: float = 0.2

    def look(self, truth: Float, predicted: Float, lengths: Float) -> Float:
        """Errors of points (N, K, D) as shares of lengths of instances (N,) or points (N, K)."""
        return point_errors(truth, predicted, lengths)

    def total(self, parts: Sequence[Float]) -> Measured:
        """`PCK@.1` of all points, `mPCK@.1` as the mean of the keypoints', and `AUC@.2` under the latter."""
        errors = np.concatenate(parts)
        values = {f"PCK@{_short(share)}": share_within(errors, share) for share in self.shares}
        for share in self.shares:
            by_keypoint = shares_within(errors, share)
            values[f"mPCK@{_short(share)}"] = exact_mean(by_keypoint[~np.isnan(by_keypoint)])
        values[f"AUC@{_short(self.most)}"] = area_under_pck(errors, self.most)
        return Measured(values, {"normaliser": self.by} | _of_errors(errors))


@dataclass(frozen=True)
class NormalisedError:
    """NME of instances, as faces are judged.

    Args:
        by: What the lengths are, such as `inter-ocular`.
        limit: From which error an instance is a failure, and up to which the area reaches.
    """

    by: str
    limit: float = 0.08

    def look(self, truth: Float, predicted: Float, lengths: Float) -> Float:
        """Errors of points (N, K, D) as shares of lengths of instances (N,)."""
        return point_errors(truth, predicted, lengths)

    def total(self, parts: Sequence[Float]) -> Measured:
        """`NME` of the instances that were found, `AUC@.08` and `FR@.08` of all, where a missed one fails."""
        errors = np.concatenate(parts)
        each = mean_errors(errors)
        limit = _short(self.limit)
        values = {
            "NME": exact_mean(each[np.isfinite(each)]),
            f"AUC@{limit}": area_under_errors(each, self.limit),
            f"FR@{limit}": failure_rate(each, self.limit),
        }
        missed = {"missed": f"{int(np.isinf(each).sum())} of {int((~np.isnan(each)).sum())} instances"}
        return Measured(values, {"normaliser": self.by} | missed | _of_errors(errors))


@dataclass(frozen=True)
class EndPoint:
    """EPE: the mean distance of points in pixels, and the area under their PCK.

    Args:
        most: Up to which distance the area under the curve reaches, in pixels.
    """

    most: float = 30.0

    def look(self, truth: Float, predicted: Float) -> Float:
        """Distances of points (N, K, D)."""
        return point_errors(truth, predicted)

    def total(self, parts: Sequence[Float]) -> Measured:
        """`EPE` of the points that are predicted, and `AUC@30`, in which a missing one is wrong."""
        errors = np.concatenate(parts)
        values = {"EPE": mean_error(errors), f"AUC@{_short(self.most)}": area_under_pck(errors, self.most)}
        return Measured(values, {"normaliser": "none: pixels"} | _of_errors(errors))


@dataclass(frozen=True)
class PoseError:
    """MPJPE and its kin: errors of poses in space, in the unit of the points.

    Args:
        unit: Of the points, for people.
        clips: Whether a batch is consecutive frames of one pose, so that its motion can be judged.
    """

    unit: str = "m"
    clips: bool = False

    def look(self, truth: Float, predicted: Float) -> dict[str, Float]:
        """Errors of poses (N, K, 3), both about the same root."""
        ways = {
            "MPJPE": predicted,
            "N-MPJPE": scaled(truth, predicted),
            "PA-MPJPE": aligned(truth, predicted),
        }
        errors = {name: point_errors(truth, found) for name, found in ways.items()}
        return errors | ({"acceleration": acceleration_errors(truth, predicted)} if self.clips else {})

    def total(self, parts: Sequence[dict[str, Float]]) -> Measured:
        """`MPJPE`, `N-MPJPE`, `PA-MPJPE` and, of clips, `acceleration` error per frame squared."""
        errors = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        values = {name: mean_error(one) for name, one in errors.items()}
        assumed = {"unit": self.unit, "root": "as given"}
        return Measured(values, assumed | _of_errors(errors["MPJPE"]))


@dataclass(frozen=True)
class ErrorKinds:
    """What kinds of mistakes there are and what each costs; see `diagnose`.

    Args:
        skeleton: Whose mirror pairs can be confused.
        sigmas: OKS falloff of each keypoint, K of them.
        whose: Whose sigmas these are.
    """

    skeleton: Skeleton
    sigmas: tuple[float, ...]
    whose: str = "as given"

    @classmethod
    def of(cls, skeleton: Skeleton) -> "ErrorKinds":
        """With the sigmas of a skeleton.

        Raises:
            ValueError: Nobody published any.
        """
        return cls(skeleton, _sigmas(skeleton), f"those of {skeleton.name}")

    def look(self, truth: Truth, found: Found) -> tuple[Diagnosis, Tally]:
        """Diagnose some pictures; each picture is whole, in one batch, and has its own number."""
        return diagnose(truth, found, np.array(self.sigmas), self.skeleton.flip_index), _tally(truth)

    def total(self, parts: Sequence[tuple[Diagnosis, Tally]]) -> Measured:
        """Shares of `good jitter inversion swap miss`, `AP`, and their cost, `AP-jitter` to `AP-miss`."""
        diagnoses, tallies = zip(*parts, strict=True)
        assumed = {"sigmas": _in_words(self.sigmas, self.whose), "pairs": "from an OKS of .1"}
        return Measured(Diagnosis.merge(diagnoses).measures(), assumed | _not_labelled(tallies))


@dataclass(frozen=True)
class Calibration:
    """Whether the scores of points mean how many of them are right; see `reliability`.

    Args:
        by: What the lengths are, such as `longer side of the box`.
        share: Of the length, within which a point is right.
        bins: Of the scores.
    """

    by: str
    share: float = 0.1
    bins: int = BINS

    def look(self, truth: Float, predicted: Float, scores: Float, lengths: Float) -> tuple[Float, Float]:
        """Errors of points (N, K, D) as shares of lengths (N,) or (N, K), and their scores (N, K)."""
        return point_errors(truth, predicted, lengths), scores

    def total(self, parts: Sequence[tuple[Float, Float]]) -> Measured:
        """`ECE`, `overconfidence` (mean score less the share that is right), `score` and `right`."""
        errors, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        known = np.isfinite(errors)
        right: NDArray[np.bool_] = errors[known] <= self.share
        curve = reliability(scores[known], right, self.bins)
        means = {"score": exact_mean(scores[known]), "right": exact_mean(right.astype(np.float64))}
        values = {"ECE": curve.ece, "overconfidence": curve.overconfidence} | means
        assumed = {
            "right": f"within {_short(self.share)} of the {self.by}",
            "bins": f"{self.bins} of equal width",
        }
        return Measured(values, assumed | _of_errors(errors))


def _sigmas(skeleton: Skeleton) -> tuple[float, ...]:
    if skeleton.sigmas is None:
        raise ValueError(f"{skeleton!r} has no sigmas: estimate or give some")
    return skeleton.sigmas


def _in_words(sigmas: tuple[float, ...], whose: str) -> str:
    low, high = (_short(end(sigmas)) for end in (min, max))
    return f"{whose}, {low} to {high}"


def _short(number: float) -> str:
    return f"{number:g}".removeprefix("0") or "0"


def _tally(truth: Truth) -> Tally:
    people = truth.labelled[~truth.crowd]
    return int((~people).sum()), people.size


def _not_labelled(tallies: Sequence[Tally]) -> dict[str, str]:
    bare, points = (sum(numbers) for numbers in zip(*tallies, strict=True))
    return {"not labelled": f"{bare} of {points} points"}


def _of_errors(errors: Float) -> dict[str, str]:
    """What did not count in errors; a length that is unknown looks like a point that is not labelled."""
    return {
        "not labelled": f"{int(np.isnan(errors).sum())} of {errors.size} points, or without a length",
        "not predicted": f"{int(np.isinf(errors).sum())} of {int((~np.isnan(errors)).sum())} labelled points",
    }
