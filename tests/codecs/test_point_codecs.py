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
    ("heatmap", MAP | {"refine": "none"}, 4, 2.0),
    ("heatmap", MAP | {"refine": "quarter"}, 8, 1.0),
    ("heatmap", MAP | {"refine": "none", "udp": True}, 0, 191 / 47 / 2),
    ("heatmap", MAP | {"refine": "quarter", "udp": True}, 8, 191 / 47 / 4),
    ("heatmap", MAP | {"refine": "dark"}, 28, 0.004),
    ("heatmap", MAP | {"refine": "dark", "udp": True}, 28, 0.004),
    ("heatmap", MAP | {"refine": "dark", "sigma": 3.0, "blur": 17}, 40, 0.004),
    ("heatmap", MAP | {"refine": "dark", "blur": 1}, 8, 0.004),
    ("regression", {}, 0, 1e-4),
    ("movenet", {}, 0, 1e-4),
]
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
    columns = outputs[0].shape.index(4)
    spoiled = [np.moveaxis(output.copy(), columns, 0) for output in outputs]
    for output in spoiled:
        output[0], output[1], output[2] = np.nan, np.inf, -np.inf
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
