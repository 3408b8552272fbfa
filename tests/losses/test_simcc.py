import numpy as np
import pytest
import torch

from pinpoint.codecs.simcc import SimCC
from pinpoint.losses.simcc import cross_entropy, js_divergence, kl_divergence

CODEC = SimCC((48, 64))


def rulers(xy, visible=True):
    """Targets for one crop, as tensors."""
    xy = np.array([xy], float)
    x, y, _ = CODEC.encode(xy, np.full(xy.shape[:2], visible))
    return torch.from_numpy(x), torch.from_numpy(y)


def slow_divergence(z, t):
    """KL(p || q) from its definition, in numpy and float64."""
    p, q = (np.exp(10 * v) / np.exp(10 * v).sum() for v in (t.astype(float), z.astype(float)))
    return (p * np.log(p / q)).sum()


def test_it_is_the_sum_of_two_divergences(rng):
    targets = rulers([[10.0, 20.0], [30.2, 5.7]])
    outputs = tuple(torch.from_numpy(rng.normal(0, 0.3, t.shape).astype("f")) for t in targets)
    expected = [
        sum(slow_divergence(z[0, k].numpy(), t[0, k].numpy()) for z, t in zip(outputs, targets, strict=True))
        for k in range(2)
    ]
    np.testing.assert_allclose(kl_divergence(outputs, targets)[0], expected, rtol=1e-5)


def test_bells_that_are_put_out_as_they_are_cost_nothing():
    targets = rulers([[10.0, 20.0]])
    outputs = tuple(t.clone().requires_grad_() for t in targets)
    loss = kl_divergence(outputs, targets)
    loss.sum().backward()
    assert loss.item() == 0
    assert all(z.grad.abs().max() < 1e-6 for z in outputs)


def test_every_other_output_costs_more_than_the_bell(rng):
    targets = rulers([[10.0, 20.0]])
    for step in rng.normal(0, 0.05, (20, 48 * 2)):
        changed = targets[0] + torch.from_numpy(step.astype("f")), targets[1]
        assert kl_divergence(changed, targets).item() > 1e-4


def test_the_further_a_bell_is_away_the_more_it_costs():
    costs = [kl_divergence(rulers([[10.0 + d, 20.0]]), rulers([[10.0, 20.0]])).item() for d in (0, 1, 2, 4)]
    assert costs == sorted(set(costs))


def test_what_is_not_there_teaches_nothing():
    targets = rulers([[10.0, 20.0], [np.nan, np.nan]])
    outputs = tuple(torch.randn_like(t).requires_grad_() for t in targets)
    loss = kl_divergence(outputs, targets)
    loss.sum().backward()
    assert loss[0, 0] > 0
    assert loss[0, 1] == 0
    assert all((z.grad[0, 0] != 0).any() and (z.grad[0, 1] == 0).all() for z in outputs)


@pytest.mark.parametrize("height", [1e3, -1e3])
def test_half_precision_and_extreme_heights_stay_finite(height):
    targets = rulers([[10.0, 20.0]])
    outputs = tuple(torch.full_like(t, height, dtype=torch.bfloat16) for t in targets)
    outputs[0][0, 0, 90] = 0
    loss = kl_divergence(outputs, targets)
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()


def test_targets_put_out_are_decoded_where_they_were_encoded():
    xy = [[10.0, 20.5], [0.0, 63.0], [47.0, 0.0]]
    decoded, scores = CODEC.decode(*(t.numpy() for t in rulers(xy)))
    np.testing.assert_array_equal(decoded, [xy])
    np.testing.assert_array_equal(scores, 1)


def test_js_is_its_definition_and_symmetric(rng):
    targets = rulers([[10.0, 20.0]])
    outputs = tuple(torch.from_numpy(rng.normal(0, 0.3, t.shape).astype("f")) for t in targets)
    expected = 0.0
    for z, t in zip(outputs, targets, strict=True):
        p, q = (
            np.exp(10 * v) / np.exp(10 * v).sum()
            for v in (t[0, 0].double().numpy(), z[0, 0].double().numpy())
        )
        expected += sum((v * np.log(2 * v / (p + q))).sum() for v in (p, q)) / 2
    np.testing.assert_allclose(js_divergence(outputs, targets).item(), expected, rtol=1e-4)
    torch.testing.assert_close(js_divergence(targets, outputs), js_divergence(outputs, targets))


def test_js_is_two_logarithms_of_two_at_most():
    far = js_divergence(
        tuple(50 * t for t in rulers([[10.0, 20.0]])), tuple(50 * t for t in rulers([[40.0, 60.0]]))
    )
    np.testing.assert_allclose(far.item(), 2 * np.log(2), rtol=1e-3)


def test_cross_entropy_of_no_idea_is_the_logarithm_of_the_bins():
    targets = one_hot([[10.2, 20.0]])
    flat = tuple(torch.zeros_like(t) for t in targets)
    np.testing.assert_allclose(cross_entropy(flat, targets).item(), np.log(96) + np.log(128), rtol=1e-6)


def test_cross_entropy_of_the_target_itself_is_its_entropy():
    targets = one_hot([[10.2, 20.0]])
    entropy = sum(-(t.double() * t.double().log()).sum().item() for t in targets)
    np.testing.assert_allclose(
        cross_entropy(tuple(t.log() for t in targets), targets).item(), entropy, rtol=1e-5
    )


def one_hot(xy):
    """Smoothed targets for one crop, as tensors."""
    codec = SimCC((48, 64), target="one-hot", smoothing=0.1)
    x, y, _ = codec.encode(np.array([xy]), np.ones((1, len(xy)), bool))
    return torch.from_numpy(x), torch.from_numpy(y)
