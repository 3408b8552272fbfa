"""Codecs that find the points of everyone first and tell people apart afterwards."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pinpoint.codecs import codec_to_dict, make_codec
from pinpoint.codecs.associative import AssociativeEmbedding
from pinpoint.codecs.dekr import Dekr, distinct_poses
from pinpoint.codecs.maps import bells, is_peak
from pinpoint.codecs.paf import Paf, joined
from pinpoint.geometry import boxes_of_points
from pinpoint.skeletons import skeleton

SIZE = (320, 256)
BODY = skeleton("openpose18")
EDGES = tuple((int(a), int(b)) for a, b in BODY.edge_index)
K = len(BODY)
ACROSS = [0, 0, -1, -1.3, -1.4, 1, 1.3, 1.4, -0.6, -0.7, -0.7, 0.6, 0.7, 0.7, -0.25, 0.25, -0.6, 0.6]
DOWN = [-3, -2, -2, -1, 0, -2, -1, 0, 0.2, 1.6, 3, 0.2, 1.6, 3, -3.2, -3.2, -3.1, -3.1]
STANDING = np.column_stack([ACROSS, DOWN])
PAF = Paf(SIZE, K, EDGES)
TAGS = AssociativeEmbedding(SIZE, K, min_score=0.01)
MIDDLES = Dekr(SIZE, K)
NOWHERE = np.zeros((0, 4))
CROWDS = 15


def crowd(rng, count, apart):
    """People who stand about, all points of a kind at least so far apart, shape (at most count, K, 2)."""
    people = []
    for _ in range(30 * count):
        size = rng.uniform(10, 18)
        person = STANDING * size + rng.normal(0, 0.1 * size, (K, 2))
        person += rng.uniform(0, 1, 2) * (np.array(SIZE) - 1 - np.ptp(person, axis=0)) - person.min(axis=0)
        if all(np.linalg.norm(person - other, axis=1).min() > apart for other in people):
            people.append(person)
        if len(people) == count:
            break
    return np.array(people)


def encoded(codec, xy, ignored=NOWHERE):
    return codec.encode(boxes_of_points(xy), xy, np.asarray(ignored, float).reshape(-1, 4))


def outputs(codec, xy):
    """What a network that learnt by heart puts out."""
    if codec is PAF:
        return tuple(target[None] for target in encoded(codec, xy)[:2])
    if codec is MIDDLES:
        return tuple(target[None] for target in encoded(codec, xy)[0:3:2])
    heatmaps = encoded(codec, xy)[2]
    y, x = np.indices(heatmaps.shape[1:])
    away = [
        np.hypot(x * 2 + 0.5 - xy[:, k, 0, None, None], y * 2 + 0.5 - xy[:, k, 1, None, None])
        for k in range(K)
    ]
    tags = np.stack([np.nan_to_num(far, nan=1e9).argmin(axis=0) for far in away])  # the nearest one's number
    return heatmaps[None], tags[None].astype(np.float32)


def furthest(found, xy):
    """For everyone, how far the furthest point of the likest pose is."""
    away = np.linalg.norm(found.xy[None] - xy[:, None], axis=-1).max(axis=-1)
    return np.nan_to_num(away, nan=np.inf).min(axis=1, initial=np.inf)


@pytest.mark.parametrize(
    ("codec", "apart", "bound"),
    [(PAF, 48, 0.01), (TAGS, 24, 2**0.5), (MIDDLES, 40, 1e-3)],
    ids=["paf", "tags", "dekr"],
)
def test_decode_finds_everyone_whom_encode_paints(codec, apart, bound, rng):
    """Each to the bound in its docstring; that of tags is 1 pixel in x and in y."""
    for _ in range(CROWDS):
        xy = crowd(rng, rng.integers(1, 7), apart)
        found = codec.decode(*outputs(codec, xy))
        assert len(found.xy) == len(xy)
        assert furthest(found, xy).max() <= bound


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_outputs_of_a_mirrored_input_are_turned_back(codec, rng):
    """Mirror everyone, swap their sides, encode, turn back: the targets of the plain ones."""
    xy = crowd(rng, 4, 48)
    mirrored = (np.array([codec.mirror_sum, 0]) + xy * (-1, 1))[:, BODY.flip_index]
    plain = outputs(codec, xy)
    turned = codec.mirrored(*outputs(codec, mirrored), order=BODY.flip_index)
    seen = plain[0] > 0.1
    np.testing.assert_allclose(turned[0], plain[0], atol=1e-5)
    if codec is TAGS:  # beside the points, who is nearest may change in a tie
        np.testing.assert_array_equal(turned[1][seen], plain[1][seen])
    else:
        assert np.isclose(turned[1], plain[1], atol=1e-4).mean() > 0.999


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_outputs_of_a_smaller_picture_are_grown(codec, rng):
    """Show everyone at half their size, and find them where they are, to a cell."""
    xy = crowd(rng, 3, 48)
    middle = (np.array(SIZE) - 1) / 2
    smaller = outputs(codec, middle + 0.5 * (xy - middle))
    grown = codec.zoomed(*smaller, zoom=0.5)
    if codec is TAGS:
        grown = codec.together((outputs(codec, xy)[0], outputs(codec, xy)[1]), grown)
    found = codec.decode(*grown)
    assert len(found.xy) == len(xy)
    assert furthest(found, xy).max() <= 8


def test_points_out_of_view_are_missing_and_the_rest_is_found(rng):
    (person,) = crowd(rng, 1, 0)
    person[[4, 10, 16]] = np.nan
    (found,) = PAF.decode(*outputs(PAF, person[None])).xy
    np.testing.assert_array_equal(np.isnan(found), np.isnan(person))
    np.testing.assert_allclose(found, person, atol=0.01)


def test_a_person_of_whom_nothing_is_labelled_is_not_taught_as_nothing():
    xy = np.full((1, K, 2), np.nan)
    box = np.array([[40.0, 40.0, 120.0, 200.0]])
    masks = (
        PAF.encode(box, xy, NOWHERE)[2],
        TAGS.encode(box, xy, NOWHERE)[3],
        MIDDLES.encode(box, xy, NOWHERE)[1][0],
    )
    for mask, stride in zip(masks, (8, 2, 4), strict=True):
        assert mask[100 // stride, 80 // stride] == 0
        assert mask[10 // stride, 10 // stride] > 0


def test_nothing_counts_in_ignored_boxes(rng):
    xy = crowd(rng, 2, 48)
    whole = [[-0.5, -0.5, 319.5, 255.5]]
    heatmaps, fields, mask = encoded(PAF, xy, whole)
    assert (mask == 0).all()
    assert heatmaps[:-1].max() > 0.9
    assert np.abs(fields).max() > 0.9
    _, weights, _, counts = encoded(MIDDLES, xy, whole)
    assert weights.max() == counts.max() == 0


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_a_picture_without_people_gives_empty_maps_and_nobody(codec):
    nobody = np.zeros((0, K, 2))
    targets = encoded(codec, nobody)
    assert all(np.isfinite(target).all() for target in targets)
    found = (
        codec.decode(*outputs(codec, nobody))
        if codec is not TAGS
        else codec.decode(targets[2][None], targets[2][None])
    )
    assert [len(each) for each in found] == [0, 0, 0, 0]


def test_a_field_is_the_mean_where_limbs_cross():
    """One limb goes right, one goes down, through the same cell."""
    codec = Paf((128, 128), 2, ((0, 1),))
    ends = np.array([[[19.5, 67.5], [115.5, 67.5]], [[67.5, 19.5], [67.5, 115.5]]])
    fields = encoded(codec, ends)[1]
    np.testing.assert_allclose(fields[:, 8, 8], [0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(fields[:, 8, 4], [1, 0], atol=1e-6)
    np.testing.assert_allclose(fields[:, 4, 8], [0, 1], atol=1e-6)
    np.testing.assert_allclose(fields[:, 2, 2], [0, 0])


def test_a_link_against_a_better_one_is_passed_over():
    """Peaks 0 and 1 are heads, 2 is a neck, 3 a hip; the second head would be the neck's second."""
    people = joined(np.array([0, 0, 1, 2]), np.array([[0, 2], [1, 2], [2, 3]]))
    assert sorted(map(sorted, people)) == [[0, 2, 3], [1]]


def test_the_mirror_image_of_a_limb_may_run_the_other_way():
    """An edge from the left hip to the right one runs from right to left in the mirror."""
    codec = Paf((64, 64), 2, ((0, 1),))
    hips = np.array([[[40.0, 20.0], [16.0, 24.0]]])
    mirrored = (np.array([codec.mirror_sum, 0]) + hips * (-1, 1))[:, [1, 0]]
    turned = codec.mirrored(*outputs_of_two(codec, mirrored), order=np.array([1, 0]))
    np.testing.assert_allclose(turned[1], outputs_of_two(codec, hips)[1], atol=1e-6)


def outputs_of_two(codec, xy):
    return tuple(target[None] for target in encoded(codec, xy)[:2])


def test_a_limb_without_a_mirror_image_is_named():
    codec = Paf((64, 64), 3, ((0, 1),))
    maps = outputs_of_two(codec, np.full((1, 3, 2), np.nan))
    with pytest.raises(ValueError, match=r"edge \(0, 1\) is \(0, 2\) in a mirror"):
        codec.mirrored(*maps, order=np.array([0, 2, 1]))


def test_tags_of_two_looks_are_kept_apart():
    looks = [(np.full((1, K, 4, 4), float(i)), np.full((1, K, 4, 4), float(i))) for i in (1, 3)]
    heatmaps, tags = TAGS.together(*looks)
    assert np.unique(heatmaps) == [2]
    assert tags.shape == (1, 2 * K, 4, 4)
    assert [tags[0, 0, 0, 0], tags[0, K, 0, 0]] == [1, 3]


def test_somebody_new_takes_nobody_elses_points():
    """Of tags 0 and 2 among people 2 and 6, 2 is at home; 0 for 2 and 2 for 6 would sum up to the same."""
    codec = AssociativeEmbedding((64, 64), 2, order=(0, 1), fill=False, min_score=0)
    heatmaps, tags = np.zeros((1, 2, 32, 32), np.float32), np.zeros((1, 2, 32, 32), np.float32)
    for kind, column, tag in ((0, 4, 2.0), (0, 12, 6.0), (1, 4, 2.0), (1, 20, 0.0)):
        heatmaps[0, kind, 8, column], tags[0, kind, 8, column] = 0.9, tag
    found = codec.decode(heatmaps, tags)
    columns = np.round((found.xy[..., 0] - 0.5) / 2)
    assert sorted(map(str, columns.tolist())) == ["[12.0, nan]", "[4.0, 4.0]", "[nan, 20.0]"]


def test_maps_may_be_grown_to_the_input_before_they_are_read(rng):
    """The cells are pixels then; where bells do not overlap, that is no further off."""
    xy = crowd(rng, 3, 24)
    found = replace(TAGS, project=True).decode(*outputs(TAGS, xy))
    assert furthest(found, xy).max() <= 2**0.5


def test_what_a_person_lacks_is_looked_for_where_the_tag_is_theirs():
    codec = AssociativeEmbedding((32, 32), 2, fill=True)
    heatmaps, tags = np.zeros((1, 2, 16, 16), np.float32), np.zeros((1, 2, 16, 16), np.float32)
    heatmaps[0, 0, 4, 4], heatmaps[0, 1, 8, 8], heatmaps[0, 1, 12, 12] = 0.9, 0.05, 0.08  # below min_peak
    tags[0, 1, 12, 12] = 5.0  # somebody else's
    (found,) = codec.decode(heatmaps, tags).xy
    np.testing.assert_allclose(found, [[8.5, 8.5], [16.5, 16.5]], atol=0.6)


def test_of_poses_that_are_the_same_the_best_stays(rng):
    xy = crowd(rng, 2, 60)
    three = np.concatenate([xy, xy[:1] + 0.5])
    assert distinct_poses(three, np.array([0.5, 0.6, 0.9]), 0.5).tolist() == [2, 1]


def test_where_bells_meet_the_higher_counts():
    maps = bells(np.array([[[3.0, 2.0]], [[5.0, 2.0]]]), (10, 5), 1.0)
    np.testing.assert_allclose(maps[0, 2, 3:6], [1, np.exp(-0.5), 1], atol=1e-6)


def test_one_of_several_equal_neighbours_is_a_peak():
    maps = np.zeros((1, 6, 6))
    maps[0, 2:4, 2:4] = 1
    assert np.argwhere(is_peak(maps)[0]).tolist()[0] == [0, 0]
    assert is_peak(maps)[0, 1:5, 1:5].sum() == 1


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_it_survives_json(codec):
    again = make_codec(**json.loads(json.dumps(codec_to_dict(codec))))
    assert again == codec
    assert hash(again) == hash(codec)


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_maps_of_another_form_are_refused(codec):
    with pytest.raises(ValueError, match=r"heatmaps have shape \(1, 3, 8, 8\), expected \(1, "):
        codec.decode(np.zeros((1, 3, 8, 8)), np.zeros((1, 3, 8, 8)))


@pytest.mark.parametrize("codec", [PAF, TAGS, MIDDLES], ids=["paf", "tags", "dekr"])
def test_what_is_not_a_number_is_nobody(codec, rng):
    maps = [np.full_like(output, np.nan) for output in outputs(codec, crowd(rng, 2, 48))]
    assert len(codec.decode(*maps).xy) == 0


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("paf", {"keypoints": 2, "edges": [[0, 2]]}, r"edges \[\(0, 2\)\] are not between"),
        ("paf", {"input_size": (100, 96)}, "multiples of stride 8"),
        ("associative", {"keypoints": 3, "order": [0, 1, 1]}, "each of 0 to 2 once"),
        ("associative", {"input_size": (98, 96)}, "multiples of 4"),
        ("dekr", {"input_size": (98, 96)}, "multiples of stride 4"),
    ],
)
def test_a_number_out_of_range_is_refused(kind, fields, message):
    with pytest.raises(ValueError, match=message):
        make_codec(kind, **{"input_size": (96, 96)} | fields)
