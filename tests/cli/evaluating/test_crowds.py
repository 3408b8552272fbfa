"""AP by how crowded pictures are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pinpoint.cli.evaluating.crowds import crowding_of, measures_by_crowding
from pinpoint.cli.evaluating.labels import Labels
from pinpoint.cli.evaluating.runs import Run
from pinpoint.evaluation.pictures import Judged
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton

CROWD = skeleton("crowdpose14")
SIGMAS = np.array(CROWD.sigmas)
NOTHING = np.zeros((0, 4))


def people(rng, n):
    low = np.arange(n)[:, None] * [300.0, 0]
    xy = low[:, None] + rng.random((n, 14, 2)) * [100, 200]
    boxes, seen = np.concatenate([low, low + np.array([100, 200])], axis=1), np.ones((n, 14), bool)
    return Keypoints(xy, np.ones((n, 14)), CROWD, visible=seen, boxes=boxes, areas=np.full(n, 1e4))


def labels(truth, name="1.jpg"):
    return [Labels(name, 1, Path(name), (64, 48), truth, NOTHING)]


def test_pictures_count_for_their_level(rng):
    easy, hard = people(rng, 2), people(rng, 2)
    judged = [Judged(easy, NOTHING, Keypoints.empty(CROWD)), Judged(hard, NOTHING, hard)]
    measures = measures_by_crowding(Run("net", "file", judged), SIGMAS, np.array([0.0, 0.9]))
    assert list(measures) == ["APeasy", "APmedium", "APhard"]
    assert (measures["APeasy"], measures["APhard"]) == (0, pytest.approx(1))
    assert np.isnan(measures["APmedium"])


def test_who_is_hidden_altogether_does_not_count(rng):
    truth = people(rng, 2)
    hidden = replace(truth, visible=np.array([[True], [False]]) & np.ones((2, 14), bool))
    crowd = np.array([[900.0, 0, 950, 50]])
    index = np.array([0.5])
    for one, expected in ((truth, 0.5), (hidden, 1)):
        run = Run("net", "file", [Judged(one, crowd, truth[:1])])
        assert measures_by_crowding(run, SIGMAS, index)["APmedium"] == pytest.approx(expected, abs=0.01)


def test_the_index_is_the_file_s_or_that_of_the_labels(rng, tmp_path):
    truth, notes = people(rng, 2), {}
    (tmp_path / "gt.json").write_text(json.dumps({"images": [{"file_name": "1.jpg", "crowdIndex": 0.7}]}))
    assert crowding_of(labels(truth), tmp_path / "gt.json", notes) == [0.7]
    assert notes["crowding"].startswith("as labelled, easy below")
    assert crowding_of(labels(truth, "2.jpg"), tmp_path / "gt.json", notes) == [0]  # they stand apart
    assert notes["crowding"].startswith("from boxes and points")


def test_other_keypoints_are_not_measured_by_it(rng):
    body = replace(people(rng, 1), skeleton=replace(CROWD, name="own"))
    assert crowding_of(labels(body), Path("gt.json"), {}) is None
