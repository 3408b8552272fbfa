"""Learning from a teacher."""

import numpy as np
import pytest
import torch

from pinpoint.datasets.order import Draw
from pinpoint.losses.distillation import divergence
from pinpoint.training import Listener, plan, train
from pinpoint.training.checkpoint import read_checkpoint
from pinpoint.training.compress.distill import taught
from pinpoint.training.compress.teachers import Answers, answers, teacher_of
from pinpoint.training.config import Distill, config_from_dict
from pinpoint.training.export import load_trained
from pinpoint.training.loop import StoppedError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PINPOINT_CACHE", str(tmp_path / "models"))


@pytest.fixture(scope="module")
def samples(plain, run):
    """Eight instances, each with its first point not labelled."""
    whole = plan(config_from_dict(plain), cache=run / "cache").data.train[0][np.arange(8)]
    xy = whole.xy.copy()
    xy[:, 0] = np.nan
    return type(whole)(**{**vars(whole), "xy": xy})


def test_a_teacher_fills_in_what_is_not_labelled_by_its_score(samples):
    told = Answers(np.full(samples.xy.shape, 7.0), np.full(samples.xy.shape[:2], 0.5))
    result = taught(samples, told, Distill("any", points=0.8))
    assert (result.samples.xy[:, 0] == 7).all()
    np.testing.assert_array_equal(result.samples.xy[:, 1:], samples.xy[:, 1:])
    np.testing.assert_allclose(result.certainty, [[0.4, 1, 1, 1]] * 8)


def test_labels_move_towards_the_teacher_by_share_and_score(samples):
    told = Answers(samples.xy + 4.0, np.where(np.isnan(samples.xy[..., 0]), 0.0, 0.5))
    result = taught(samples, told, Distill("any", mix=0.5))
    np.testing.assert_allclose(result.samples.xy, samples.xy + 1.0)


def test_what_the_teacher_does_not_know_stays_as_it_was(samples):
    told = Answers(np.full(samples.xy.shape, np.nan), np.zeros(samples.xy.shape[:2]))
    result = taught(samples, told, Distill("any", mix=1.0))
    np.testing.assert_array_equal(result.samples.xy, samples.xy)


def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn():
    said = [torch.randn(2, 3, 4, 5)]
    shifted = [said[0] + 3.0]  # the same distribution
    torch.testing.assert_close(divergence(shifted, said, 1.0, 2.0), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_divergence_is_that_of_the_softened_distributions():
    own, said = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 2.0]]])
    p, q = torch.softmax(said / 2, dim=2), torch.softmax(own / 2, dim=2)
    expected = 4 * (p * (p / q).log()).sum(dim=2)
    torch.testing.assert_close(divergence([own], [said], 1.0, 2.0), expected)


def test_a_run_answers_in_true_boxes_by_the_names_of_the_points(run, samples):
    told = answers(teacher_of(str(run)), samples)
    assert told.xy.shape == samples.xy.shape
    low, high = samples.boxes[:, None, :2], samples.boxes[:, None, 2:]
    inside = ((told.xy > low - 20) & (told.xy < high + 20)).all(axis=2)
    assert inside.mean() > 0.9


def _task(plain, run, **table):
    config = config_from_dict({**plain, "distill": {"teacher": str(run), **table}})
    return plan(config, cache=run / "cache").task


def test_certainty_follows_the_sides_of_a_mirrored_crop(plain, run):
    """Where left and right have changed places, so has what their points count."""
    task = _task(plain, run)
    source = task._task.sources[0]  # pyright: ignore
    flip = np.array([0, 2, 1, 3])
    columns = type("Columns", (), {"flip_index": flip})
    task._certainty = (np.tile([1.0, 0.2, 0.6, 1.0], (len(source), 1)),)  # pyright: ignore
    object.__setattr__(source.samples, "skeleton", columns)
    epochs = {source.is_mirrored(3, epoch): epoch for epoch in range(20)}
    for mirrored, wanted in ((False, [1.0, 0.2, 0.6, 1.0]), (True, [1.0, 0.6, 0.2, 1.0])):
        found = task._certainty_of(Draw(epochs[mirrored], 0, 3))  # pyright: ignore
        np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize("table", [{"logits": 1.0, "points": 0.0}, {"features": 1.0, "points": 0.0}])
def test_what_a_run_teaches_reaches_the_student(table, plain, run):
    """The loss has a gradient beyond that of the labels."""
    task = _task(plain, run, **table)
    batch = task.batch([Draw(0, 0, row) for row in range(4)], 0.0)
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float() / 60 - 2
    targets = [torch.from_numpy(target) for target in batch.targets]
    targets[1].zero_()  # no label counts
    outputs = task.network(images)
    loss = task.loss(outputs, tuple(targets))
    (loss.total / loss.weight).backward()
    stem = next(iter(task.network.parameters()))
    assert stem.grad is not None and float(stem.grad.abs().sum()) > 0


def _losses(task, progress):
    batch = task.batch([Draw(0, 0, row) for row in range(4)], progress)
    images = torch.from_numpy(batch.images).permute(0, 3, 1, 2).float() / 60 - 2
    with torch.no_grad():
        loss = task.loss(task.network.eval()(images), tuple(torch.from_numpy(t) for t in batch.targets))
    return float(loss.total / loss.weight)


def test_a_teacher_that_fades_leaves_the_last_word_to_the_labels(plain, run):
    table = {"logits": 1.0, "points": 0.0}
    faded, steady = (_task(plain, run, **table, fade=fade) for fade in (1.0, 0.0))
    labels = _losses(_task(plain, run, mix=1e-9, points=0.0), 1.0)
    assert _losses(faded, 1.0) == pytest.approx(labels, rel=1e-4)
    assert _losses(faded, 0.0) == _losses(steady, 0.0) == _losses(steady, 1.0) > labels
    half = (_losses(faded, 0.0) + labels) / 2
    assert _losses(faded, 0.5) == pytest.approx(half, rel=1e-4)


def test_without_labels_a_network_has_nothing_to_learn_from_itself(plain, run):
    """The second stage of DWPose, before its head is made anew."""
    table = {"teacher": str(run), "logits": 1.0, "points": 0.0, "labels": 0.0}
    config = config_from_dict({**plain, "distill": table, "weights": str(run)})
    assert _losses(plan(config, cache=run / "cache").task, 0.0) == pytest.approx(0, abs=1e-4)


def test_a_fresh_part_starts_from_chance_and_the_others_from_the_weights(plain, run):
    tasks = [
        plan(config_from_dict({**plain, **extra}), cache=run / "cache").task
        for extra in ({}, {"weights": str(run)}, {"weights": str(run), "fresh": ["head"]})
    ]
    chance, taken, mixed = (task.network.state_dict() for task in tasks)
    heads = [name for name in mixed if name.startswith("head")]
    assert heads
    assert not any(torch.equal(taken[name], chance[name]) for name in heads if name.endswith("weight"))
    for name, tensor in mixed.items():
        assert torch.equal(tensor, chance[name] if name in heads else taken[name])


def test_a_run_with_a_teacher_goes_on_as_if_it_had_not_been_stopped(plain, run, tmp_path):
    """To the last bit, the adapter and the averaged weights included."""
    table = {"teacher": str(run), "mix": 0.5, "logits": 1.0, "features": 1.0}
    config = config_from_dict({**plain, "samples": 24, "distill": table})
    steps = iter((False, True))
    train(config, tmp_path / "whole", cache=run / "cache")
    with pytest.raises(StoppedError):
        train(config, tmp_path / "parts", cache=run / "cache", listener=Listener(stop=lambda: next(steps)))
    train(config, tmp_path / "parts", cache=run / "cache", resume=True)
    whole, parts = (read_checkpoint(tmp_path / name / "last.safetensors")[0] for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not torch.equal(whole[name], parts[name])] == []


def test_an_adapter_to_the_teacher_is_not_in_the_network_that_is_loaded(plain, run, tmp_path):
    table = {"teacher": str(run), "features": 1.0, "points": 0.0}
    config = config_from_dict({**plain, "samples": 32, "distill": table})
    train(config, tmp_path / "out", cache=run / "cache")
    network, _ = load_trained(tmp_path / "out")
    assert network.state_dict().keys() == load_trained(run)[0].state_dict().keys()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"teacher": "mediapipe-pose-full", "points": 0.0, "logits": 1.0}, "keypoints only"),
        ({"teacher": "x", "points": 0.0}, "expected one that is more"),
        ({"teacher": "x", "mix": 2.0}, "mix"),
        ({"teacher": "x", "temperature": 0.0}, "temperature"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(table, words, plain, run):
    with pytest.raises(ValueError, match=words):
        plan(config_from_dict({**plain, "distill": table}), cache=run / "cache")
