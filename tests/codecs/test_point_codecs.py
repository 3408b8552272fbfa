"""What holds for every codec that encodes. A new one is tested by adding a line to `CODECS`."""

import numpy as np
import pytest

from pinpoint.codecs import make_codec
from pinpoint.geometry import mirror, transform_points

SIZE = (192, 256)
MAP = {"heatmap_size": (48, 64)}

# kind, fields, pixels kept free at every edge, largest error in pixels
CODECS = [
    ("simcc", {"split_ratio": 2.0}, 0, 0.25),
    ("simcc", {"split_ratio": 3.0, "sigma": 6.0}, 0, 1 / 6),
    ("simcc", {"split_ratio": 1.0, "sigma": (4.9, 5.66)}, 0, 0.5),
    ("simcc", {"split_ratio": 2.0, "target": "one-hot"}, 0, 0.25),
    ("simcc", {"split_ratio": 3.0, "target": "one-hot", "smoothing": 0.1}, 0, 1 / 6),
    ("heatmap", MAP | {"refine": "none"}, 4, 2.0),
    ("heatmap", MAP | {"refine": "quarter"}, 8, 1.0),
    ("heatmap", MAP | {"refine": "none", "udp": True}, 0, 191 / 47 / 2),
    ("heatmap", MAP | {"refine": "quarter", "udp": True}, 8, 191 / 47 / 4),
    ("heatmap", MAP | {"refine": "dark"}, 0, 0.004),
    ("heatmap", MAP | {"refine": "dark", "udp": True}, 0, 0.004),
    ("heatmap", MAP | {"refine": "dark", "sigma": 3.0, "blur": 17}, 0, 0.004),
    ("heatmap", MAP | {"refine": "dark", "sigma": 1.5, "blur": 1}, 0, 0.004),
    ("heatmap", MAP | {"refine": "integral"}, 24, 0.1),
    ("heatmap", MAP | {"refine": "integral", "udp": True, "beta": 4.0}, 12, 0.1),
    ("heatmap", MAP | {"refine": "integral", "udp": True, "beta": 4.0, "reach": 4}, 16, 0.1),
    ("heatmap-offset", MAP, 0, 1e-3),
    ("regression", {}, 0, 1e-4),
    ("rle", {}, 0, 1e-4),
    ("movenet", {}, 0, 1e-4),
]
"""The pixels kept free are what the method needs by its nature: a cell that has neighbours (`none` and
`quarter`), 3 sigma / sqrt(beta) of the bell that is averaged, and the reach of a window (`integral`)."""

IDS = [f"{kind}-{'-'.join(str(value) for value in fields.values())}" for kind, fields, *_ in CODECS]
every_codec = pytest.mark.parametrize(
    ("codec", "margin", "bound"),
    [(make_codec(kind, SIZE, **fields), margin, bound) for kind, fields, margin, bound in CODECS],
    ids=IDS,
)


def points(rng, margin, shape):
    return rng.uniform(margin, np.array(SIZE) - 1 - margin, size=(*shape, 2))


@every_codec
@pytest.mark.parametrize("shape", [(8, 17), (1, 1)], ids=["many", "one"])
def test_decode_inverts_encode(codec, margin, bound, shape, rng):
    xy = points(rng, margin, shape)
    *outputs, weights = codec.encode(xy, np.ones(shape, bool))
    decoded, scores = codec.decode(*outputs)
    np.testing.assert_allclose(decoded, xy, rtol=0, atol=bound + 1e-4)
    assert (weights == 1).all()
    assert ((scores > 0) & (scores <= 1)).all()


@every_codec
def test_ten_thousand_points_come_back_to_the_bound_of_the_method(codec, margin, bound, rng):
    for xy in points(rng, margin, (10, 10, 100)):
        *outputs, _ = codec.encode(xy, np.ones(xy.shape[:2], bool))
        np.testing.assert_allclose(codec.decode(*outputs)[0], xy, rtol=0, atol=bound + 1e-4)


@pytest.mark.parametrize("kind", ["simcc", "heatmap", "heatmap-offset", "regression", "rle"])
def test_outputs_of_a_mirrored_crop_turn_back(kind, rng):
    """Points at x -> mirror_sum - x, with sides exchanged, give the plain outputs once they are turned."""
    for codec in (make_codec(one, SIZE, **fields) for one, fields, *_ in CODECS if one == kind):
        xy, there, order = points(rng, 28, (2, 3)), np.ones((2, 3), bool), np.array([0, 2, 1])
        seen = np.stack([codec.mirror_sum - xy[..., 0], xy[..., 1]], axis=-1)[:, order]
        turned = codec.mirrored(*codec.encode(seen, there)[:-1], order=order)
        for one, plain in zip(turned, codec.encode(xy, there)[:-1], strict=True):
            np.testing.assert_allclose(one, plain, atol=1e-5)


@every_codec
def test_one_by_one_is_the_same_as_a_batch(codec, margin, bound, rng):
    *outputs, _ = codec.encode(points(rng, margin, (5, 3)), np.ones((5, 3), bool))
    together, scores = codec.decode(*outputs)
    for row in range(5):
        alone, alone_scores = codec.decode(*(output[row : row + 1] for output in outputs))
        np.testing.assert_array_equal(alone[0], together[row])
        np.testing.assert_array_equal(alone_scores[0], scores[row])


@every_codec
def test_a_mirrored_point_is_decoded_as_the_mirror_image(codec, margin, bound, rng):
    """Two readings, each within the bound, may differ by twice the bound."""
    xy = points(rng, margin, (4, 9))
    mirrored = transform_points(xy, mirror(SIZE[0]))
    visible = np.ones((4, 9), bool)
    straight, _ = codec.decode(*codec.encode(xy, visible)[:-1])
    back, _ = codec.decode(*codec.encode(mirrored, visible)[:-1])
    np.testing.assert_allclose(transform_points(back, mirror(SIZE[0])), straight, atol=2 * bound + 1e-4)


@every_codec
def test_points_that_are_not_there_weigh_nothing(codec, margin, bound, rng):
    """Not labelled, missing, left of, right of, above and below the input; the last one is there."""
    xy = points(rng, margin, (1, 7))
    xy[0, 1:6] = [(np.nan, np.nan), (-0.6, 9), (191.6, 9), (9, -0.6), (9, 255.6)]
    visible = np.array([[False, True, True, True, True, True, True]])
    *targets, weights = codec.encode(xy, visible)
    assert weights.tolist() == [[0, 0, 0, 0, 0, 0, 1]]
    assert all(np.isfinite(target).all() for target in targets)


@every_codec
def test_what_is_not_a_number_is_missing_and_leaves_the_others_alone(codec, margin, bound, rng):
    *outputs, _ = codec.encode(points(rng, margin, (1, 4)), np.ones((1, 4), bool))
    expected, _ = codec.decode(*outputs)
    columns = next(axis for axis, length in enumerate(outputs[0].shape) if length in (4, 12))
    each = outputs[0].shape[columns] // 4
    spoiled = [np.moveaxis(output.copy(), columns, 0) for output in outputs]
    for output in spoiled:
        output[:each], output[each : 2 * each], output[2 * each : 3 * each] = np.nan, np.inf, -np.inf
    xy, scores = codec.decode(*(np.moveaxis(output, 0, columns) for output in spoiled))
    assert np.isnan(xy[0, :3]).all()
    assert (scores[0, :3] == 0).all()
    np.testing.assert_array_equal(xy[0, 3], expected[0, 3])


@every_codec
def test_no_instances_are_no_points(codec, margin, bound):
    *outputs, weights = codec.encode(np.zeros((0, 17, 2)), np.zeros((0, 17), bool))
    xy, scores = codec.decode(*outputs)
    assert (xy.shape, scores.shape, weights.shape) == ((0, 17, 2), (0, 17), (0, 17))


@every_codec
def test_outputs_are_left_as_they_were(codec, margin, bound, rng):
    *outputs, _ = codec.encode(points(rng, margin, (2, 3)), np.ones((2, 3), bool))
    before = [output.copy() for output in outputs]
    for output in outputs:
        output.flags.writeable = False
    codec.decode(*outputs)
    for output, kept in zip(outputs, before, strict=True):
        np.testing.assert_array_equal(output, kept)
