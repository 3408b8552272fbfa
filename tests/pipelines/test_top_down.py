"""One crop per instance: the points come back to where the light is."""

from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from pinpoint.codecs.heatmap import Heatmap
from pinpoint.keypoints import Keypoints
from pinpoint.pipelines.point_network import PointNetwork, averaged
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.regions import BoxRegion, CircleRegion, LineRegion
from pinpoint.pipelines.top_down import TopDown
from pinpoint.runtime import TensorSpec
from pinpoint.skeletons import Skeleton
from spots import ARROW, SIDE, SpotCodec, SpotWithExtras, boxed, lit, people, spot_network

LIGHT = np.array([120.0, 70.0])
CIRCLE = CircleRegion("start", "end", scale=1.25)


def around(angle, reach=30.0):
    """A circle near the light whose rim is turned."""
    middle = LIGHT + np.array([3, -2])
    return people([middle, middle + reach * np.array([np.sin(angle), -np.cos(angle)])])


def estimator(detector=lambda image: boxed([100, 50, 140, 90]), **fields):
    return TopDown(detector, spot_network(), BoxRegion(), BoxRegion(), **fields)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("reach", [15.0, 40.0])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.6, 3.1, -2.0])
def test_points_come_back_to_the_light(angle, reach, mirrored):
    """The light has soft edges in the crop; a tenth of a crop pixel is what they may weigh."""
    found = spot_network()(lit(120, 70), around(angle, reach), CIRCLE, mirrored=mirrored)
    crop_pixel = 2.5 * reach / SIDE
    np.testing.assert_allclose(found.xy[0, 0], LIGHT, atol=0.1 * crop_pixel + 0.05)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
def test_in_the_mirror_left_is_right(angle):
    """The network sees its left barb to the right of the tip; in the mirror the right one is there."""
    plain, mirrored = (
        spot_network()(lit(120, 70), around(angle), CIRCLE, mirrored=mirrored) for mirrored in (False, True)
    )
    np.testing.assert_allclose(mirrored.xy, plain.xy, atol=0.15)
    along = plain.xy[0, 1] - plain.xy[0, 0]
    np.testing.assert_allclose(along, np.array([np.cos(angle), np.sin(angle)]) * 75 / SIDE, atol=1e-6)
    assert plain.scores[0].tolist() == [0.9, 0.8, 0.7]
    assert mirrored.scores[0].tolist() == [0.9, 0.7, 0.8]


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
def test_metres_turn_with_the_crop(angle):
    found = spot_network(SpotWithExtras())(lit(120, 70), around(angle), CIRCLE)
    cos, sin = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(found.xyz[0, 0], [cos - 2 * sin, sin + 2 * cos, 0.5], atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5])
def test_metres_are_mirrored_before_they_are_turned(angle):
    found = spot_network(SpotWithExtras())(lit(120, 70), around(angle), CIRCLE, mirrored=True)
    cos, sin = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(found.xyz[0, 0], [-cos - 2 * sin, -sin + 2 * cos, 0.5], atol=1e-9)
    np.testing.assert_allclose(found.xyz[0, 1, :2], [-3 * cos, -3 * sin], atol=1e-9)


def test_a_left_hand_in_the_mirror_is_a_right_one():
    network = spot_network(SpotWithExtras())
    assert network(lit(120, 70), around(0), CIRCLE).labels.tolist() == ["left"]
    assert network(lit(120, 70), around(0), CIRCLE, mirrored=True).labels.tolist() == ["right"]


def test_presence_becomes_the_score_of_the_box():
    found = spot_network(SpotWithExtras())(lit(120, 70), around(0), CIRCLE)
    assert found.box_scores.tolist() == [0.6]


def test_all_crops_are_run_in_one_batch():
    network = spot_network()
    network(lit(120, 70), boxed([100, 50, 140, 90], [90, 50, 140, 90], [0, 0, 5, 5]), BoxRegion())
    assert [len(batch) for batch in network.session.batches] == [3]


def test_a_crowd_is_run_in_several_batches():
    network = spot_network()
    found = network(lit(120, 70), boxed(*[[100, 50, 140, 90]] * 65), BoxRegion())
    assert [len(batch) for batch in network.session.batches] == [64, 1]
    np.testing.assert_array_equal(found.xy[64], found.xy[0])


def test_a_network_of_one_crop_at_a_time_gives_the_same():
    boxes = boxed([100, 50, 140, 90], [90, 50, 140, 90], [95, 45, 150, 100])
    several, single = spot_network(SpotWithExtras()), spot_network(SpotWithExtras())
    single.session.input = single.session.input._replace(shape=(1, SIDE, SIDE, 3))
    one, other = (network(lit(120, 70), boxes, BoxRegion()) for network in (several, single))
    assert [len(batch) for batch in single.session.batches] == [1, 1, 1]
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, other.arrays()[name])


def test_what_is_not_seen_keeps_its_row_and_costs_nothing():
    network = spot_network(SpotWithExtras())
    nowhere = people([*around(0).xy, [[np.nan, 1], [2, 2]], [[-500, 70], [-500, 50]]])
    found = network(lit(120, 70), nowhere, CIRCLE)
    assert np.isnan(found.xy).all(axis=(1, 2)).tolist() == [False, True, True]
    assert np.isnan(found.xyz).all(axis=(1, 2)).tolist() == [False, True, True]
    assert found.box_scores.tolist() == [0.6, 0, 0]
    assert found.scores[1:].max() == 0
    assert [len(batch) for batch in network.session.batches] == [1]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_point_that_is_not_a_number_is_missing(mirrored):
    class Broken(SpotCodec):
        def decode(self, spots):
            xy, scores = super().decode(spots)
            xy[:, 1, 0], xy[:, 2, 1] = np.nan, np.inf
            return xy, scores * 1.5

    found = spot_network(Broken())(lit(120, 70), around(0), CIRCLE, mirrored=mirrored)
    assert np.isnan(found.xy[0]).all(axis=1).tolist() == [False, True, True]
    assert found.scores.tolist() == [[1, 0, 0]]


def test_no_instances_are_no_run():
    network = spot_network()
    found = network(lit(5, 5), boxed(), BoxRegion())
    assert (len(found), found.skeleton, network.session.batches) == (0, ARROW, [])


def test_a_detector_says_where_to_look():
    found = estimator()(lit(120, 70))
    np.testing.assert_allclose(found.xy[0, 0], LIGHT, atol=0.1)
    assert found.boxes.tolist() == [[100, 50, 140, 90]]


def test_given_boxes_take_the_place_of_the_detector():
    def never(image):
        raise AssertionError("the detector was asked")

    boxes = [[110, 60, 130, 80], [300, 0, 310, 9], [60, 10, 180, 130]]
    found = estimator(never)(lit(120, 70), boxes)
    assert found.boxes.tolist() == boxes
    assert np.isnan(found.xy[1]).all()
    np.testing.assert_allclose(found.xy[[0, 2], 0], [LIGHT, LIGHT], atol=0.2)


def test_given_boxes_are_looked_at_by_a_region_of_their_own():
    """The detector's line is turned; a box is not."""
    line = LineRegion("start", "end", 2.0)
    network = spot_network()
    body = TopDown(lambda image: people([LIGHT, LIGHT + np.array([0, 30])]), network, line, BoxRegion())
    turned, upright = body(lit(120, 70)), body(lit(120, 70), [[100, 50, 140, 90]])
    assert abs(turned.xy[0, 1, 0] - turned.xy[0, 0, 0]) < 1e-6 < upright.xy[0, 1, 0] - upright.xy[0, 0, 0]


def test_a_flip_test_is_the_mean_of_two_looks():
    """Both looks see the light; the scores of left and right, which they swap, meet in the middle."""
    found = estimator(flip_test=True)(lit(120, 70))
    np.testing.assert_allclose(found.xy[0, 0], LIGHT, atol=0.1)
    np.testing.assert_allclose(found.scores, [[0.9, 0.75, 0.75]])


@pytest.mark.parametrize("boxes", [None, [[100, 50, 140, 90]]])
def test_who_is_seen_well_ranks_first(boxes):
    """A given box is as sure as can be; both are weighed by the mean of the keypoints' scores."""
    doubtful = replace(boxed([100, 50, 140, 90]), box_scores=np.array([0.5]))
    kps = estimator(lambda image: doubtful)(lit(120, 70), boxes)
    np.testing.assert_allclose(kps.box_scores, [0.8 * (0.5 if boxes is None else 1.0)])


def test_what_is_found_is_sifted_and_what_is_given_is_not():
    """Whoever gives boxes gets an answer for each."""
    twice = estimator(lambda image: boxed([100, 50, 140, 90], [98, 50, 138, 90]), sift=lambda kps: kps[:1])
    assert len(twice(lit(120, 70))) == 1
    assert len(twice(lit(120, 70), [[100, 50, 140, 90], [98, 50, 138, 90]])) == 2


def test_given_boxes_may_be_looked_at_twice_where_found_ones_are_not():
    once = estimator(flip_given=True)
    assert once(lit(120, 70)).scores.tolist() == [[0.9, 0.8, 0.7]]
    np.testing.assert_allclose(once(lit(120, 70), [[100, 50, 140, 90]]).scores, [[0.9, 0.75, 0.75]])


class LitMaps:
    """A network that sees, where the middle of each cell is, how red and how green the crop is."""

    input = TensorSpec("input", (None, 3, 32, 48), np.dtype(np.float32))
    outputs = (TensorSpec("maps", (None, 2, 8, 12), np.dtype(np.float32)),)

    def __init__(self, codec):
        cells = (np.arange(count) * step for count, step in zip((12, 8), codec.pixels_per_cell, strict=True))
        self.columns, self.rows = (cell.round().astype(int) for cell in cells)

    def run(self, batch):
        return (np.ascontiguousarray(batch[:, :2, self.rows][..., self.columns]),)


SIDES = Skeleton("sides", ("left_hand", "right_hand"), swaps=(("left_hand", "right_hand"),))


@pytest.mark.parametrize("udp", [False, True])
def test_heatmaps_of_both_looks_meet_before_they_are_read(udp):
    """Red is seen as the left hand in the plain crop, and as the right one in its mirror image."""
    codec = Heatmap((48, 32), (12, 8), refine="none", udp=udp)
    x, y = (codec.pixels_per_cell * 2).round().astype(int)
    image = np.zeros((32, 48, 3), np.uint8)
    image[y - 1 : y + 2, x - 1 : x + 2, 0] = 200
    network = PointNetwork(LitMaps(codec), codec, Preparation((48, 32), channels_first=True), SIDES)
    found = network.twice(image, boxed([-0.5, -0.5, 47.5, 31.5]), BoxRegion(48 / 32, 1.0))
    np.testing.assert_allclose(found.xy[0], np.tile(codec.pixels_per_cell * 2, (2, 1)))
    np.testing.assert_allclose(found.scores, [[100 / 255, 100 / 255]], atol=1e-3)


def test_the_mean_of_two_looks_misses_what_one_of_them_misses():
    one = spot_network(SpotWithExtras())(lit(120, 70), around(0), CIRCLE)
    blind = replace(one, xy=np.full_like(one.xy, np.nan), scores=np.zeros((1, 3)), xyz=None)
    both = averaged(one, blind)
    assert np.isnan(both.xy).all()
    assert both.xyz is None
    np.testing.assert_allclose(both.scores, one.scores / 2)


@pytest.mark.parametrize("size", [(1, 1), (30000, 2), (2, 30000)])
def test_pictures_of_any_shape_are_looked_at(size):
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    found = estimator(lambda image: boxed([0, 0, width, height]))(image)
    assert isinstance(found, Keypoints)
    assert len(found) == 1


@pytest.mark.parametrize("boxes", [None, [], [[0, 0, 5, 5]]])
def test_a_grey_picture_is_refused(boxes):
    with pytest.raises(ValueError, match=r"image has shape \(50, 50\), expected an RGB picture"):
        estimator()(np.zeros((50, 50), np.uint8), boxes)


def test_two_threads_get_what_one_gets():
    body = estimator(lambda image: boxed([100, 50, 140, 90], [80, 30, 160, 110]))
    pictures = [lit(x, 70) for x in range(105, 135)]
    expected = [body(picture).xy for picture in pictures]
    answers: list[list] = [[], []]

    def work(number):
        answers[number] += [body(picture).xy for picture in pictures]

    threads = [Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(answers, [expected, expected])
