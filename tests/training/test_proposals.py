from dataclasses import replace

import numpy as np
import pytest

from pinpoint.datasets.samples import Samples
from pinpoint.models import ARCHITECTURES, architecture
from pinpoint.skeletons import Skeleton, skeleton
from pinpoint.training.config import config_from_dict
from pinpoint.training.proposals import proposals, statistics, turn_spread, with_proposals

OWN = Skeleton("tool", ("tip", "jaw", "bolt", "end"))
LEAST = {"data": [{"annotations": "a.json"}]}
SHAPE = np.array([[30.0, 0], [5, -15], [-10, 12], [-30, 0]])


def samples(count=200, box=(100.0, 100.0), columns=OWN, turn=0.0):
    """Instances with boxes of about one size and points that are turned by a normal angle in degrees."""
    rng = np.random.default_rng(0)
    angles = np.radians(rng.normal(scale=turn, size=count))
    turns = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], -1).reshape(-1, 2, 2)
    xy = np.full((count, len(columns), 2), np.nan)
    xy[:, : len(SHAPE)] = SHAPE @ turns.swapaxes(1, 2) * rng.uniform(0.5, 2, (count, 1, 1)) + rng.uniform(
        50, 500, (count, 1, 2)
    )
    corner = rng.uniform(0, 50, (count, 2))
    boxes = np.concatenate(
        [corner, corner + np.array(box) * np.exp(rng.normal(scale=0.2, size=(count, 1)))], 1
    )
    pictures = None  # proposals do not look at them
    return Samples(pictures, columns, np.arange(count), xy, boxes, np.ones(count), {})  # pyright: ignore


def proposed(said=None, **data):
    found = proposals(LEAST | (said or {}), statistics([samples(**data)]))
    assert all(proposal.reason for proposal in found)
    return {proposal.key: proposal.value for proposal in found}


SAID = {
    "model": "plain-s",
    "input_size": [128, 128],
    "batch": 3,
    "epochs": 2,
    "lr": 0.5,
    "warmup": 1,
    "sigmas": [1.0],
}


@pytest.mark.parametrize("key", SAID)
def test_what_was_said_is_never_proposed(key):
    assert key in proposed()
    assert key not in proposed({key: SAID[key]})


def test_of_a_table_what_was_said_stays_and_the_rest_is_proposed():
    said = LEAST | {"augmentation": {"flip": 0.25}}
    made = proposals(said, statistics([samples()]))
    table = with_proposals(said, made)["augmentation"]
    assert table["flip"] == 0.25
    assert "rotate" in table
    assert said["augmentation"] == {"flip": 0.25}


@pytest.mark.parametrize("count", [1, 2, 30, 200, 5000, 30_000])
@pytest.mark.parametrize("columns", [OWN, Skeleton("dot", ("dot",)), skeleton("coco17")], ids=repr)
def test_proposals_make_a_whole_configuration(count, columns):
    if len(columns) == 1:
        data = samples(count)
        data = replace(data, skeleton=columns, xy=data.xy[:, :1])
    else:
        data = samples(count, columns=columns)
    made = proposals(LEAST, statistics([data]))
    config = config_from_dict(with_proposals(LEAST, made))
    assert 8 <= config.batch <= 64
    assert 60 <= config.epochs <= 1000
    steps = config.epochs * count / config.batch
    assert config.warmup <= steps / 10
    assert steps / config.val_every < 62  # once an epoch, or about forty times


@pytest.mark.parametrize("model", [name for name in ARCHITECTURES if "rtmpose" in name or "plain" in name])
@pytest.mark.parametrize("box", [(20, 30), (90, 210), (400, 90), (900, 1000)], ids=str)
def test_an_input_has_the_aspect_of_the_boxes_and_a_size_that_the_architecture_takes(model, box):
    kind = architecture(model)
    size = proposed({"model": model}, box=box).get("input_size")
    if kind.pipeline != "top-down":
        assert size is None  # what it sees is whole pictures
        return
    step = 32 if "rtmpose" in model else 16
    assert all(96 <= side <= 384 and side % step == 0 for side in size)
    assert size[0] * size[1] <= 1.35 * kind.input_size[0] * kind.input_size[1]  # sides are rounded
    assert (size[0] - size[1]) * (box[0] - box[1]) >= 0


def test_a_larger_object_gets_a_larger_input():
    sizes = [proposed({"model": "plain-n"}, box=(side, side))["input_size"][0] for side in (60, 100, 140)]
    assert sizes == sorted(set(sizes))


def test_an_object_without_left_and_right_is_not_mirrored():
    assert proposed()["augmentation.flip"] == 0
    assert proposed(columns=skeleton("coco17"))["augmentation.flip"] == 0.5


def test_falloffs_are_proposed_only_where_nobody_published_any():
    assert proposed()["sigmas"] == [0.05]
    assert "sigmas" not in proposed(columns=skeleton("coco17"))


@pytest.mark.parametrize(
    ("count", "said", "optimizer"),
    [
        (200, {}, "muon"),
        (100_000, {}, None),
        (200, {"weights": "w.pt"}, None),
        (200, {"prune": {"run": "r"}}, None),
    ],
)
def test_few_samples_are_learnt_with_muon_but_not_by_weights_that_are_there(count, said, optimizer):
    assert proposed(said, count=count).get("optimizer") == optimizer
    assert config_from_dict(LEAST | {"model": "plain-n"}).optimizer == "adamw"


def test_less_data_is_changed_more():
    few, some, many = (proposed(count=count).get("augmentation.light", 0.15) for count in (50, 2000, 30_000))
    assert few > some > many


@pytest.mark.parametrize("degrees", [5, 20, 40])
def test_the_spread_of_turns_is_that_of_the_angles_whatever_place_and_size(degrees):
    """The circular standard deviation of a wrapped normal distribution is that of the normal one."""
    assert turn_spread(samples(2000, turn=degrees).xy) == pytest.approx(degrees, rel=0.06)


def test_objects_that_lie_in_all_directions_are_turned_in_all():
    assert turn_spread(samples(500, turn=500).xy) > 90
    assert proposed(turn=500)["augmentation.rotate"] == 90
    assert proposed(turn=1)["augmentation.rotate"] == 15


def test_missing_points_do_not_change_the_spread_of_turns(rng):
    xy = samples(2000, turn=20).xy
    xy[rng.random(xy.shape[:2]) < 0.3] = np.nan
    assert turn_spread(xy) == pytest.approx(20, rel=0.15)


def test_weights_to_start_from_are_moved_less():
    assert proposed({"weights": "w.safetensors"})["lr"] < proposed()["lr"]
