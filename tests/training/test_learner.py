import pytest
import torch

from fake_task import FakeTask, config_of
from pinpoint.datasets.order import Draw
from pinpoint.training.learner import Learner

DRAWS = [Draw(0, 0, row) for row in range(8)]


def taught(learner, steps=3, frozen=()):
    """Do a few steps; return the last lesson."""
    for step in range(steps):
        learner.freeze(frozen)
        lesson = learner.look(learner.task.batch(DRAWS, 0))
        learner.move(1e-2, step)
        learner.finish()
    return lesson


def state(learner):
    return {name: value.clone() for name, value in learner.network.state_dict().items()}


def moved(before, learner):
    """Names of the parameters and statistics that are not what they were."""
    return {
        name for name, value in learner.network.state_dict().items() if not torch.equal(value, before[name])
    }


def test_frozen_parts_keep_weights_and_statistics_and_the_others_move():
    """Decay must not touch them either."""
    learner = Learner(FakeTask(), config_of(weight_decay=0.5))
    before = state(learner)
    taught(learner, frozen=("stem", "head.bias"))
    assert moved(before, learner) == {n for n in before if not n.startswith(("stem", "head.bias"))}


def test_parts_that_are_not_frozen_any_more_move():
    learner = Learner(FakeTask(), config_of())
    taught(learner, frozen=("stem",))
    before = state(learner)
    taught(learner)
    assert moved(before, learner) == set(before)


def test_parts_that_are_frozen_later_stop():
    learner = Learner(FakeTask(), config_of(weight_decay=0.5))
    taught(learner)
    before = state(learner)
    taught(learner, frozen=("stem",))
    assert not any(name.startswith("stem") for name in moved(before, learner))


def test_an_unknown_part_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="freeze names 'bodi', but the network has stem, body, head"):
        Learner(FakeTask(), config_of(freeze=("stem", "bodi")))


def test_something_must_be_left_to_learn():
    with pytest.raises(ValueError, match="leaves nothing to learn"):
        Learner(FakeTask(), config_of(freeze=("stem", "body", "head")))


def test_a_long_gradient_is_cut_to_the_limit_and_told_in_full():
    """Length and direction against torch's own norm of the whole."""
    free, cut = (Learner(FakeTask(), config_of(clip=clip)) for clip in (0.0, 0.01))
    lessons = [learner.look(learner.task.batch(DRAWS, 0)) for learner in (free, cut)]
    whole, short = (
        torch.cat([p.grad.flatten() for p in learner.network.parameters()]) for learner in (free, cut)
    )
    assert lessons[0].gradient == pytest.approx(whole.norm().item(), rel=1e-5)
    assert lessons[1].gradient == lessons[0].gradient > 0.01
    torch.testing.assert_close(short, whole * (0.01 / whole.norm()))


@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 2**-7), ("float16", 2**-10)])
def test_half_precision_gives_the_loss_of_float32_but_for_its_rounding(precision, bound):
    """Of two convolutions and a head, to 8 or 11 bits each."""
    whole, half = (Learner(FakeTask(), config_of(precision=name)) for name in ("float32", precision))
    batch = whole.task.batch(DRAWS, 0)
    assert half.look(batch).loss == pytest.approx(whole.look(batch).loss, rel=3 * bound)


def test_losses_are_in_float32():
    learner = Learner(FakeTask(), config_of(precision="bfloat16"))
    types = []
    learner.task.loss = lambda *both: types.append(both[0][0].dtype) or FakeTask.loss(learner.task, *both)
    learner.look(learner.task.batch(DRAWS, 0))
    assert types == [torch.float32]


def test_a_scaled_gradient_that_overflows_is_left_out_and_the_scale_lowered():
    learner = Learner(FakeTask(), config_of(precision="float16"))
    learner._scaler.load_state_dict({**learner._scaler.state_dict(), "scale": 1e38})
    before = state(learner)
    learner.freeze(())
    lesson = learner.look(learner.task.batch(DRAWS, 0))
    assert learner.is_fine(lesson)
    learner.move(1e-2, 0)
    learner.finish()
    assert not any(name.endswith(("weight", "bias")) for name in moved(before, learner))
    assert learner._scaler.get_scale() == pytest.approx(5e37)


def test_the_scale_of_the_loss_comes_back():
    learner = Learner(FakeTask(), config_of(precision="float16"))
    taught(learner)
    learner._scaler.update(1234.0)
    other = Learner(FakeTask(), config_of(precision="float16"))
    other.load(learner.tensors())
    assert other._scaler.state_dict() == learner._scaler.state_dict()


def test_a_loss_that_does_not_know_of_the_network_teaches_nothing():
    task = FakeTask()
    task.loss = lambda outputs, targets: FakeTask.loss(task, outputs, targets)._replace(
        total=torch.zeros(()), weight=torch.zeros(())
    )
    learner = Learner(task, config_of())
    lesson = learner.look(task.batch(DRAWS, 0))
    assert lesson == (0, 0, 0)
