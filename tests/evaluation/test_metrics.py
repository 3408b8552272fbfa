"""Batches add up to what all at once gives, to the last bit, and every number says what it assumed."""

import pickle

import numpy as np
import pytest

from evaluation.coco_oracle import random_world
from evaluation.published import GOLDEN, arrays
from pinpoint.evaluation.accumulate import Accumulator
from pinpoint.evaluation.average_precision import keypoint_measures
from pinpoint.evaluation.crowding import crowd_measures
from pinpoint.evaluation.metrics import (
    Calibration,
    CrowdAP,
    EndPoint,
    ErrorKinds,
    KeypointAP,
    NormalisedError,
    PartAP,
    PointAccuracy,
    PoseError,
)
from pinpoint.skeletons import Skeleton

FIVE = Skeleton(
    "five",
    ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    swaps=(("left_eye", "right_eye"), ("left_ear", "right_ear")),
    sigmas=(0.05, 0.06, 0.06, 0.07, 0.07),
    parts={"body": ("nose", "left_eye"), "face": ("right_eye",)},
)
TRUTH, FOUND, _, IMAGES = random_world(4)
CROWDING = np.linspace(0, 1, IMAGES)
DATA = arrays()
PLANE = np.where(DATA["labelled"][..., None], DATA["truth"], np.nan)
PREDICTED = DATA["predicted"].copy()
PREDICTED[3, 2] = np.nan
SCORES = np.abs(np.sin(np.arange(PLANE[..., 0].size))).reshape(PLANE.shape[:2])


def pictures(number):
    return TRUTH[TRUTH.picture == number], FOUND[FOUND.picture == number]


def rows(*data):
    return [tuple(array[row : row + 2] for array in data) for row in range(0, 12, 2)]


BATCHES = [
    (KeypointAP.of(FIVE), [pictures(n) for n in range(IMAGES)]),
    (PartAP(FIVE), [pictures(n) for n in range(IMAGES)]),
    (CrowdAP(FIVE.sigmas), [(*pictures(n), CROWDING) for n in range(IMAGES)]),
    (ErrorKinds.of(FIVE), [pictures(n) for n in range(IMAGES)]),
    (PointAccuracy("box"), rows(PLANE, PREDICTED, DATA["sizes"])),
    (NormalisedError("inter-ocular"), rows(PLANE, PREDICTED, DATA["sizes"])),
    (EndPoint(), rows(PLANE, PREDICTED)),
    (PoseError(), rows(DATA["xyz"], DATA["found_xyz"])),
    (Calibration("box"), rows(PLANE, PREDICTED, SCORES, DATA["sizes"])),
]
WHOLE = {
    KeypointAP: (TRUTH, FOUND),
    PartAP: (TRUTH, FOUND),
    CrowdAP: (TRUTH, FOUND, CROWDING),
    ErrorKinds: (TRUTH, FOUND),
    PointAccuracy: (PLANE, PREDICTED, DATA["sizes"]),
    NormalisedError: (PLANE, PREDICTED, DATA["sizes"]),
    EndPoint: (PLANE, PREDICTED),
    PoseError: (DATA["xyz"], DATA["found_xyz"]),
    Calibration: (PLANE, PREDICTED, SCORES, DATA["sizes"]),
}
NAMES = [type(metric).__name__ for metric, _ in BATCHES]


def measured(metric, batches):
    accumulator = Accumulator(metric)
    for batch in batches:
        accumulator.update(*batch)
    return accumulator


@pytest.mark.parametrize(("metric", "batches"), BATCHES, ids=NAMES)
def test_batches_processes_and_orders_add_up_to_the_last_bit(metric, batches):
    there = pickle.loads(pickle.dumps(measured(metric, batches[3:])))
    pieces = measured(metric, batches[:3][::-1]).merge(there).compute()
    whole = measured(metric, [WHOLE[type(metric)]]).compute()
    np.testing.assert_equal(pieces.values, whole.values)
    assert pieces.assumed == whole.assumed
    assert np.isfinite(list(whole.values.values())).any()


@pytest.mark.parametrize(("metric", "batches"), BATCHES, ids=NAMES)
def test_every_number_says_how_many_points_were_not_labelled_and_what_by(metric, batches):
    assumed = measured(metric, batches).compute().assumed
    of_pictures = isinstance(metric, (KeypointAP, PartAP, CrowdAP, ErrorKinds))
    labelled = TRUTH.labelled[~TRUTH.crowd] if of_pictures else DATA["labelled"]
    bare = 0 if isinstance(metric, PoseError) else (~labelled).sum()
    assert assumed["not labelled"].startswith(f"{bare} of {labelled.size} points")
    assert {"sigmas", "normaliser", "unit", "right"} & set(assumed)


@pytest.mark.parametrize(
    ("metric", "name", "golden"),
    [
        (EndPoint(), "EPE", "EPE"),
        (EndPoint(), "AUC@30", "AUC"),
        (PointAccuracy("box"), "mPCK@.05", "mPCK@.05"),
        (PoseError(), "PA-MPJPE", "PA-MPJPE"),
    ],
)
def test_the_numbers_are_those_of_mmpose(metric, name, golden):
    batch = {EndPoint: (PLANE, DATA["predicted"]), PointAccuracy: (PLANE, DATA["predicted"], DATA["sizes"])}
    values = measured(metric, [batch.get(type(metric), WHOLE[type(metric)])]).compute().values
    assert values[name] == pytest.approx(GOLDEN[golden], abs=1e-6)


def test_they_are_those_of_the_functions():
    sigmas = np.array(FIVE.sigmas)
    ours = measured(KeypointAP.of(FIVE), [(TRUTH, FOUND)]).compute().values
    np.testing.assert_equal(ours, keypoint_measures(TRUTH, FOUND, sigmas))
    ours = measured(CrowdAP(FIVE.sigmas), [(TRUTH, FOUND, CROWDING)]).compute().values
    np.testing.assert_equal(ours, crowd_measures(TRUTH, FOUND, sigmas, CROWDING))


def test_a_clip_is_judged_by_its_motion_too():
    values = measured(PoseError(clips=True), [(DATA["xyz"], DATA["xyz"])]).compute().values
    assert values["acceleration"] == values["MPJPE"] == 0


def test_what_was_measured_otherwise_is_not_added():
    with pytest.raises(ValueError, match=r"most=10.*most=30"):
        Accumulator(EndPoint()).merge(Accumulator(EndPoint(most=10)))


def test_nothing_measured_is_no_number():
    with pytest.raises(ValueError, match="nothing yet"):
        Accumulator(EndPoint()).compute()


def test_a_skeleton_without_sigmas_is_refused():
    with pytest.raises(ValueError, match="has no sigmas"):
        KeypointAP.of(Skeleton("bare", ("tip",)))
