import numpy as np
import pytest

from pinpoint.codecs.simcc import SimCC

CODEC = SimCC((192, 256))


def slow_decode(x, y, ratio):
    """Independent reading, one point at a time, after the published rule."""
    xy, scores = np.full((*x.shape[:2], 2), np.nan), np.zeros(x.shape[:2])
    for index in np.ndindex(*x.shape[:2]):
        heights = [max(ruler[index]) for ruler in (x, y)]
        if min(heights) > 0:
            xy[index] = [list(ruler[index]).index(max(ruler[index])) / ratio for ruler in (x, y)]
            scores[index] = min(*heights, 1.0)
    return xy, scores


def test_noise_is_read_as_a_loop_would_read_it(rng):
    x, y = rng.normal(0, 0.4, (3, 5, 384)).astype("f"), rng.normal(0, 0.4, (3, 5, 512)).astype("f")
    x[0, 0] = -1
    xy, scores = CODEC.decode(x, y)
    expected_xy, expected_scores = slow_decode(x, y, 2.0)
    np.testing.assert_array_equal(xy, expected_xy)
    np.testing.assert_allclose(scores, expected_scores)


def test_the_score_is_the_lower_of_the_two_heights():
    x, y = np.zeros((1, 1, 384)), np.zeros((1, 1, 512))
    x[0, 0, 100], y[0, 0, 301] = 0.9, 0.4
    xy, scores = CODEC.decode(x, y)
    assert xy.tolist() == [[[50.0, 150.5]]]
    assert scores.tolist() == [[0.4]]


@pytest.mark.parametrize("height", [0.0, -0.3])
def test_no_height_is_no_point(height):
    xy, scores = CODEC.decode(np.full((1, 1, 384), 0.5), np.full((1, 1, 512), height))
    assert np.isnan(xy).all()
    assert scores.tolist() == [[0.0]]


def test_heights_above_one_count_as_one():
    _, scores = CODEC.decode(np.full((1, 1, 384), 1.4), np.full((1, 1, 512), 1.2))
    assert scores.tolist() == [[1.0]]


@pytest.mark.parametrize(("size", "published"), [((192, 256), (4.9, 5.66)), ((288, 384), (6.0, 6.93))])
def test_the_rule_for_sigma_gives_the_published_numbers(size, published):
    """RTMPose's configurations for COCO, body8 and whole body."""
    np.testing.assert_allclose(SimCC(size).sigmas, published, atol=0.005)


def test_targets_are_bells_of_height_one_with_the_given_spread():
    x, y, _ = SimCC((192, 256), sigma=(4.0, 8.0)).encode(np.array([[[50.0, 100.0]]]), np.array([[True]]))
    assert (x[0, 0, 100], y[0, 0, 200]) == (1, 1)
    np.testing.assert_allclose([x[0, 0, 104], y[0, 0, 208]], np.exp(-0.5), rtol=1e-6)


def test_a_ruler_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"384 and 384 bins, expected \(384, 512\)"):
        CODEC.decode(np.zeros((1, 17, 384)), np.zeros((1, 17, 384)))


def test_rulers_of_a_mirrored_crop_turn_back(rng):
    """Points at x -> mirror_sum - x, with sides exchanged, give the plain rulers once they are turned."""
    codec = SimCC((96, 128))
    xy = rng.uniform(10, 80, size=(2, 3, 2))
    order = np.array([0, 2, 1])
    seen = np.stack([codec.mirror_sum - xy[..., 0], xy[..., 1]], axis=-1)[:, order]
    there = np.ones((2, 3), dtype=bool)
    for turned, plain in zip(
        codec.mirrored(*codec.encode(seen, there)[:2], order=order), codec.encode(xy, there)[:2], strict=True
    ):
        np.testing.assert_allclose(turned, plain, atol=1e-6)


def test_a_smoothed_target_gives_the_rest_to_all_other_bins():
    codec = SimCC((48, 64), target="one-hot", smoothing=0.1)
    x, y, _ = codec.encode(np.array([[[10.2, 47.6]]]), np.array([[True]]))
    assert (x[0, 0].argmax(), y[0, 0].argmax()) == (20, 95)
    np.testing.assert_allclose(
        [x.max(), y.max(), x.min(), y.min()], [0.9, 0.9, 0.1 / 95, 0.1 / 127], rtol=1e-6
    )
    np.testing.assert_allclose([x.sum(), y.sum()], 1, rtol=1e-5)


def test_a_point_beyond_the_last_bin_is_taught_as_the_last_bin():
    """The input ends half a pixel after its last pixel's centre, the ruler a whole bin before."""
    x, y, weights = SimCC((48, 64), target="one-hot").encode(np.array([[[47.5, -0.5]]]), np.array([[True]]))
    assert (x[0, 0].argmax(), y[0, 0].argmax(), weights.item()) == (95, 0, 1)
