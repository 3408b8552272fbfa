import json
import time

import numpy as np
import pytest

from cli.fake_model import find_one
from pinpoint.cli import estimators
from pinpoint.cli.stages import STAGES, Clock, timed
from pinpoint.codecs.regression import Regression
from pinpoint.pipelines.point_network import PointNetwork
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import BoxRegion
from pinpoint.pipelines.top_down import TopDown
from pinpoint.runtime import FakeSession, TensorSpec
from pinpoint.skeletons import skeleton

PAUSE = 0.004


def answer(batch):
    """The brightest shade of each crop as a place, after a pause for each."""
    time.sleep(PAUSE * len(batch))
    return (np.repeat(batch.mean(axis=(1, 2, 3))[:, None, None], 17, 1).repeat(2, 2),)


@pytest.fixture
def model(monkeypatch):
    """A top-down pipeline whose network takes four milliseconds for each instance."""
    session = FakeSession(answer, input=TensorSpec("image", (None, 32, 24, 3), np.dtype(np.float32)))
    network = PointNetwork(session, Regression((24, 32)), Preparation((24, 32)), skeleton("coco17"))
    pipeline = TopDown(find_one, network, BoxRegion(0.75), BoxRegion(0.75))
    monkeypatch.setattr(estimators, "load_estimator", lambda choice: pipeline)
    return pipeline


def test_a_timed_pipeline_gives_the_same_answer(model, astronaut):
    plain, kept = model(astronaut), timed(model, Clock())(astronaut)
    for name, values in plain.arrays().items():
        np.testing.assert_array_equal(values, getattr(kept, name))


def test_each_part_has_its_stage_and_the_network_its_time(model, astronaut):
    clock = Clock()
    timed(model, clock)(astronaut)
    assert set(clock.seconds) == {"detect", "crop", "infer", "decode"}
    assert PAUSE <= clock.seconds["infer"] < sum(clock.seconds.values())


def test_the_pipeline_that_was_timed_is_left_as_it_was(model, astronaut):
    clock = Clock()
    timed(model, clock)
    model(astronaut)
    assert clock.seconds == {}


def test_every_stage_and_number_of_people_is_in_the_table(model, pinpoint, picture):
    picture("people.jpg")
    lines = pinpoint("bench", "fake", "people.jpg", "--people", "1,3", "--repeats", 2).out.splitlines()
    assert lines[1].split() == ["people", *STAGES, "total"]
    assert [line.split()[:3] for line in lines[2::2]] == [
        ["1", "found", "p50"],
        ["1", "given", "p50"],
        ["3", "given", "p50"],
    ]
    assert [line.split()[0] for line in lines[3::2]] == ["p95"] * 3


def test_the_network_takes_its_time_for_each_of_the_people(model, pinpoint, picture):
    picture("people.jpg")
    outcome = pinpoint("bench", "fake", "people.jpg", "--people", "1,4", "--repeats", 3, "--json")
    found, one, four = json.loads(outcome.out)["timings"]
    assert [row["people"] for row in (found, one, four)] == [1, 1, 4]
    assert found["p50"]["detect"] is not None
    assert one["p50"]["detect"] is None, "boxes that are given need no detector"
    assert four["p50"]["infer"] >= 4 * PAUSE * 1e3


def test_the_stages_of_each_lap_sum_up_to_its_total(model, pinpoint, picture):
    picture("people.jpg")
    outcome = pinpoint("bench", "fake", "people.jpg", "--people", "1", "--repeats", 1, "--json")
    for row in json.loads(outcome.out)["timings"]:
        stages = [row["p50"][stage] or 0.0 for stage in STAGES]
        assert sum(stages) == pytest.approx(row["p50"]["total"])


@pytest.mark.parametrize(
    "arguments", [("missing.jpg",), ("people.jpg", "--people", "1,x"), ("people.jpg", "--people", "0")]
)
def test_a_bench_of_nothing_is_wrong_usage(arguments, model, pinpoint, picture):
    picture("people.jpg")
    outcome = pinpoint("bench", "fake", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
