"""CenterNet's maps, told for made people and read back."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.codecs.centernet import CenterNet, radii

K = 4
CODEC = CenterNet((256, 192), keypoints=K, most=12)
NOWHERE = np.zeros((0, 4))


def people(rng, count=6):
    """People on a raster, so that no two peaks of a map are near each other."""
    corners = np.stack(np.meshgrid([8, 92, 170], [6, 98]), axis=-1).reshape(-1, 2)[:count]
    low = corners + rng.uniform(0, 8, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(50, 70, (count, 2))], axis=1)
    return boxes, low[:, None] + rng.uniform(2, 48, (count, K, 2))


def told(codec, targets):
    """What a network puts out that has learnt the targets by heart."""
    hm, hm_hp, _, there, places, sizes, ways, labelled, cells, rests = targets
    width, height = codec.size

    def painted(places, values):
        maps = np.zeros((values.shape[1], height * width), np.float32)
        maps[:, places] = values.T
        return maps.reshape(1, -1, height, width)

    wh, reg = painted(places[there], sizes[there, :2]), painted(places[there], sizes[there, 2:])
    hps = painted(places[there], ways[there].reshape(there.sum(), -1))
    return hm[None], wh, hps, reg, hm_hp[None], painted(cells[labelled], rests[labelled])


def nearest(found, boxes):
    """Row of each instance that was found among the true ones."""
    return np.abs(found.boxes[:, None] - boxes).max(axis=2).argmin(axis=1)


def test_decode_inverts_encode(rng):
    boxes, xy = people(rng)
    found = CODEC.decode(*told(CODEC, CODEC.encode(boxes, xy, NOWHERE)))
    rows = nearest(found, boxes)
    assert sorted(rows) == list(range(6))
    np.testing.assert_allclose(found.boxes, boxes[rows], atol=1e-3)
    np.testing.assert_allclose(found.xy, xy[rows], atol=1e-3)
    assert (found.scores == 1).all()


def test_points_without_a_peak_stay_where_their_middle_sends_them(rng):
    boxes, xy = people(rng)
    outputs = list(told(CODEC, CODEC.encode(boxes, xy, NOWHERE)))
    outputs[4] = outputs[4] * 0.05
    outputs[5] = outputs[5] * np.nan
    found = CODEC.decode(*outputs)
    np.testing.assert_allclose(found.xy, xy[nearest(found, boxes)], atol=1e-3)
    np.testing.assert_allclose(found.scores, 0.05)


@pytest.mark.parametrize(
    ("away", "moves"), [((10.0, 0.0), True), ((0.0, 30.0), False), ((-35.0, 0.0), False)]
)
def test_near_peaks_in_the_box_draw_points_to_them(away, moves):
    """The box is 64 pixels wide and high: peaks draw from 19 pixels off at most."""
    box, point = np.array([[60.0, 60.0, 124.0, 124.0]]), np.array([90.0, 90.0])
    outputs = list(told(CODEC, CODEC.encode(box, np.tile(point, (1, K, 1)), NOWHERE)))
    elsewhere = told(CODEC, CODEC.encode(box, np.tile(point + away, (1, K, 1)), NOWHERE))
    outputs[4:] = np.maximum(elsewhere[4], 0.01), elsewhere[5]
    wanted = point + away if moves else point
    np.testing.assert_allclose(CODEC.decode(*outputs).xy[0], np.tile(wanted, (K, 1)), atol=1e-3)


def test_a_mirrored_network_says_the_same(rng):
    """What is told of the mirrored picture, turned back, is what is told of the plain one."""
    boxes, xy = people(rng)
    order = np.array([1, 0, 2, 3])
    turned = CODEC.mirror_sum - boxes[:, [2, 1, 0, 3]]
    turned[:, 1::2] = boxes[:, 1::2]
    turned[:, ::2] -= 1  # boxes are measured from the outer edge, which is half a pixel to the left
    points = np.stack([CODEC.mirror_sum - xy[..., 0], xy[..., 1]], axis=-1)[:, order]
    outputs = CODEC.mirrored(*told(CODEC, CODEC.encode(turned, points, NOWHERE)), order=order)
    found = CODEC.decode(*outputs)
    rows = nearest(found, boxes)
    np.testing.assert_allclose(found.xy, xy[rows], atol=1e-3)
    np.testing.assert_allclose(found.boxes, boxes[rows], atol=1e-3)


def test_what_is_not_labelled_or_not_in_view_is_not_taught(rng):
    boxes, xy = people(rng, 2)
    xy[0, 0], xy[1, 1] = np.nan, (300.0, 20.0)
    _, hm_hp, *_, labelled, _, rests = CODEC.encode(boxes, xy, NOWHERE)
    assert labelled[:2].tolist() == [[False, True, True, True], [True, False, True, True]]
    assert (hm_hp == 1).sum(axis=(1, 2)).tolist() == [1, 1, 2, 2]
    assert np.isfinite(rests).all()


def test_crowds_count_nowhere_but_at_instances(rng):
    boxes, xy = people(rng, 1)
    hm, _, counts, *_ = CODEC.encode(boxes, xy, np.array([[0.0, 0.0, 256.0, 192.0]]))
    np.testing.assert_array_equal(counts > 0, hm[0] > 0)


def test_pictures_without_people_have_targets_of_the_same_shapes(rng):
    some = CODEC.encode(*people(rng), NOWHERE)
    none = CODEC.encode(NOWHERE, np.zeros((0, K, 2)), NOWHERE)
    assert [(t.shape, t.dtype) for t in some] == [(t.shape, t.dtype) for t in none]
    assert not none[0].any()
    assert not none[3].any()


def test_the_largest_are_taught_where_there_are_too_many(rng):
    boxes, xy = people(rng)
    codec = replace(CODEC, most=2)
    found = codec.decode(*told(codec, codec.encode(boxes, xy, NOWHERE)))
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert set(nearest(found, boxes)) == set(np.argsort(-area)[:2])


@pytest.mark.parametrize(("sides", "radius"), [((20, 20), 5), ((10, 40), 4), ((100, 100), 27), ((1, 1), 0)])
def test_radii_are_those_of_the_published_code(sides, radius):
    """From its three roots, worked out by hand: (sqrt(b^2 + 4 a c) - b) / 2 of the last is the smallest."""
    assert radii(np.array([sides], float)).tolist() == [radius]


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"hps have shape .*expected \(1, 8, 48, 64\)"):
        CODEC.decode(*(np.zeros((1, n, 48, 64), np.float32) for n in (1, 2, 4, 2, 4, 2)))


def test_the_input_is_a_multiple_of_the_stride():
    with pytest.raises(ValueError, match="expected multiples of stride 4"):
        CenterNet((254, 192))
