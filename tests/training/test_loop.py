import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from fake_task import FakeTask, Log, config_of, losses, told
from pinpoint.training.checkpoint import read_checkpoint, read_facts, write_checkpoint
from pinpoint.training.loop import BEST, LAST, DivergedError, StoppedError, Trainer
from pinpoint.training.task import Batch


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


class MeasuredTask(FakeTask):
    """Measures what it is told to."""

    def __init__(self, values):
        super().__init__()
        self.values = list(values)

    def evaluate(self, network):
        return {"score": self.values.pop(0)}


class PoisonedTask(FakeTask):
    """Has targets in the last quarter of the run that are no numbers."""

    def batch(self, draws, progress):
        images, (wanted, weights) = super().batch(draws, progress)
        return Batch(images, (wanted * (math.nan if progress >= 0.75 else 1), weights))


class UnlabelledTask(FakeTask):
    """Has no label in the second half of the run."""

    def batch(self, draws, progress):
        images, (wanted, weights) = super().batch(draws, progress)
        return Batch(images, (wanted, weights * (progress < 0.5)))


def trained(task, out, **changes):
    trainer = Trainer(task, config_of(**changes), out, [Log(out)])
    trainer.run()
    return trainer


def stopped_after(step, out, task=None, **changes):
    """Leave a run of the fake task there."""
    trainer = Trainer(task or FakeTask(), config_of(**changes), out, [Log(out)])
    with pytest.raises(StoppedError, match=f"after step {step} of 24"):
        trainer.run(lambda: trainer.progress.step == step)
    return trainer


def resumed(out, task=None, **changes):
    trainer = Trainer(task or FakeTask(), config_of(**changes), out, [Log(out)])
    assert trainer.resume()
    return trainer


def test_it_learns(tmp_path):
    trained(FakeTask(), tmp_path, samples=8 * 100)
    assert np.mean(losses(tmp_path)[-10:]) < 0.1 * losses(tmp_path)[0]


def test_best_weights_are_those_of_the_best_measurement(tmp_path):
    """Which is the third; the fourth is no number and the fifth worse."""
    task = MeasuredTask([0.1, 0.2, 0.9, math.nan, 0.3])
    trainer = Trainer(task, config_of(), tmp_path)
    assert trainer.run() == {"score": 0.9}
    assert read_facts(tmp_path / BEST)["step"] == 12
    assert vars(trainer.progress) == {"step": 24, "best": 0.9, "best_step": 12, "waited": 2}


def test_a_first_measure_that_is_no_number_does_not_stand_in_the_way(tmp_path):
    assert Trainer(MeasuredTask([math.nan, 0.1, 0.2, 0.2, 0.2]), config_of(), tmp_path).run() == {
        "score": 0.2
    }


def test_of_equal_measures_the_later_weights_are_kept_and_waited_for_no_less(tmp_path):
    trainer = trained(MeasuredTask([0.1, 0.5, 0.5, 0.4, 0.5]), tmp_path, patience=2)
    assert vars(trainer.progress) == {"step": 18, "best": 0.5, "best_step": 12, "waited": 2}
    assert read_facts(tmp_path / BEST)["step"] == 12


def test_a_run_without_a_better_measure_stops(tmp_path):
    trainer = trained(MeasuredTask([0.5, 0.4, 0.5, 0.9, 0.9]), tmp_path, patience=2)
    assert trainer.progress.step == 12


def test_a_run_that_stopped_early_stays_stopped(tmp_path):
    trained(MeasuredTask([0.5, 0.4, 0.5]), tmp_path, patience=2)
    trainer = resumed(tmp_path, MeasuredTask([]), patience=2)
    assert trainer.run() == {"score": 0.5}
    assert trainer.progress.step == 12


def test_a_finished_run_has_nothing_to_resume(tmp_path):
    first = trained(FakeTask(), tmp_path)
    again = resumed(tmp_path, MeasuredTask([]))
    again.run()
    assert again.progress == first.progress


def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    """The network's convolutions are channels last, and so must be what the optimizer remembers of them."""
    trained(FakeTask(dropout=0.3), tmp_path / "whole")
    stopped_after(9, tmp_path / "parts", FakeTask(dropout=0.3))
    resumed(tmp_path / "parts", FakeTask(dropout=0.3)).run()
    assert told(tmp_path / "parts") == told(tmp_path / "whole")
    found, wanted = (read_checkpoint(tmp_path / name / LAST)[0] for name in ("parts", "whole"))
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_what_was_measured_before_the_first_step_is_not_measured_again(tmp_path):
    Trainer(MeasuredTask([0.5]), config_of(), tmp_path, [Log(tmp_path)])._measure()
    trainer = resumed(tmp_path, MeasuredTask([0.1, 0.2, 0.3, 0.4]))
    trainer.run()
    assert (trainer.progress.best_step, trainer.progress.waited) == (0, 4)


def test_checkpoints_come_between_measurements_too(tmp_path):
    seen = []
    trainer = Trainer(FakeTask(), config_of(save_every=4), tmp_path)

    def look():
        seen.append(read_facts(tmp_path / LAST)["progress"]["step"])
        return False

    trainer.run(look)
    assert seen[:12] == [0, 0, 0, 4, 4, 6, 6, 8, 8, 8, 8, 12]


def test_best_weights_of_a_run_killed_before_its_last_ones_are_kept(tmp_path):
    """On hardware whose sums are not exact the same step may measure less when it is done again."""
    stopped_after(4, tmp_path, MeasuredTask([0.1]))
    facts = read_facts(tmp_path / BEST)
    marked = {"mark": torch.ones(1)}
    write_checkpoint(tmp_path / BEST, marked, {**facts, "step": 6, "measure": 0.9})
    trainer = resumed(tmp_path, MeasuredTask([0.8, 0.85, 0.85, 0.85]))
    trainer.run()
    assert (trainer.progress.best, trainer.progress.best_step, trainer.progress.waited) == (0.9, 6, 3)
    assert read_checkpoint(tmp_path / BEST)[0].keys() == {"mark"}


def test_a_new_run_takes_no_notice_of_the_best_weights_of_another(tmp_path):
    write_checkpoint(tmp_path / BEST, {"mark": torch.ones(1)}, {"step": 0, "measure": 99.0})
    Trainer(MeasuredTask([0.1] * 5), config_of(), tmp_path).run()
    assert "mark" not in read_checkpoint(tmp_path / BEST)[0]


def test_there_is_nothing_to_resume_in_an_empty_folder(tmp_path):
    assert not Trainer(FakeTask(), config_of(), tmp_path).resume()


def test_weights_of_another_network_are_refused(tmp_path):
    other = FakeTask()
    other.network.head = torch.nn.Linear(8, 3)
    Trainer(other, config_of(), tmp_path)._write_last()
    with pytest.raises(
        ValueError, match=r"last\.safetensors cannot be resumed from: it is of another network"
    ):
        Trainer(FakeTask(), config_of(), tmp_path).resume()


def test_weights_without_the_state_of_a_run_are_refused(tmp_path):
    write_checkpoint(tmp_path / LAST, Trainer(FakeTask(), config_of(), tmp_path).learner.tensors(), {})
    with pytest.raises(ValueError, match="cannot be resumed from: 'progress'"):
        Trainer(FakeTask(), config_of(), tmp_path).resume()


def test_a_state_written_before_there_was_a_loss_scale_is_resumed(tmp_path):
    """The groups of tensors that every version has: network, average and optimizer."""
    stopped_after(9, tmp_path)
    tensors, facts = read_checkpoint(tmp_path / LAST)
    assert {name.partition(".")[0] for name in tensors} == {"network", "average", "optimizer"}
    assert facts == {"progress": {"step": 9, "best": facts["progress"]["best"], "best_step": 6, "waited": 0}}


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_the_last_good_state(tmp_path):
    trainer = Trainer(PoisonedTask(), config_of(), tmp_path, [Log(tmp_path)])
    words = re.escape("the loss is nan and its gradient nan at step 19: try a lower lr than 0.01")
    with pytest.raises(DivergedError, match=words):
        trainer.run()
    tensors, facts = read_checkpoint(tmp_path / LAST)
    assert facts["progress"]["step"] == 18
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert len(losses(tmp_path)) == 18


def test_batches_without_a_label_change_no_weight(tmp_path):
    task = UnlabelledTask()
    trainer = Trainer(task, config_of(), tmp_path)
    with pytest.raises(StoppedError):
        trainer.run(lambda: trainer.progress.step == 12)
    before = [parameter.clone() for parameter in task.network.parameters()]
    trainer.run()
    assert trainer.progress.step == 24
    for old, new in zip(before, task.network.parameters(), strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("changes", [{"batch": 64}, {"samples": 3}, {"batch": 1, "samples": 4}], ids=str)
def test_little_data_is_enough_to_run(changes, tmp_path):
    """Of a batch larger than all the data, of less than one batch in all, and of one sample a step."""
    trained(FakeTask(), tmp_path, **changes)
    assert np.isfinite(losses(tmp_path)).all()


def test_one_value_per_channel_is_refused_with_what_to_do(tmp_path):
    task = FakeTask()
    task.network.stem[0] = torch.nn.Conv2d(3, 6, 8)
    words = "one value per channel in a batch of 1 at 8 x 8, and one value has no spread: raise batch or"
    with pytest.raises(ValueError, match=words):
        trained(task, tmp_path, batch=1)


def test_an_unknown_measure_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="best_by is 'AP', but the measures are score"):
        trained(FakeTask(), tmp_path, best_by="AP")


def test_an_unwritable_folder_is_said_before_anything_is_learnt(tmp_path):
    (tmp_path / "file").write_text("")
    trainer = Trainer(FakeTask(), config_of(), tmp_path / "file")
    with pytest.raises(OSError, match=r"file/best\.safetensors cannot be written"):
        trainer.run()
    assert trainer.progress.step == 0


def test_another_seed_is_another_run(tmp_path):
    for seed in (0, 1):
        trained(FakeTask(dropout=0.5), tmp_path / str(seed), seed=seed)
    assert losses(tmp_path / "0") != losses(tmp_path / "1")


def test_the_same_configuration_gives_the_same_run(tmp_path):
    for name in "ab":
        trained(FakeTask(dropout=0.5), tmp_path / name)
    assert told(tmp_path / "a") == told(tmp_path / "b")


def test_every_sample_of_both_sources_is_seen_once_an_epoch(tmp_path):
    seen = []
    task = FakeTask()
    task.image = lambda draw: seen.append(draw) or FakeTask.image(task, draw)
    Trainer(task, replace(config_of(), samples=0, epochs=2, batch=10, val_every=100), tmp_path).run()
    counted = [draw for draw in seen if draw.epoch < 1000]
    assert len(set(counted)) == len(counted) == 2 * sum(FakeTask.lengths)
