"""Looking at parts of a picture for what the whole does not show."""

from dataclasses import replace

import numpy as np
import pytest

from pinpoint.codecs import Instances
from pinpoint.geometry import region_matrices, transform_points
from pinpoint.pipelines.one_stage import OneStage
from pinpoint.pipelines.preparation import Preparation
from pinpoint.pipelines.search import Search, _tiles
from pinpoint.runtime import FakeSession, TensorSpec
from pinpoint.skeletons import Skeleton
from spots import FixedCodec, lit, spot, spot_session

DOT = Skeleton("dot1", ("dot",))
PICTURE = lit(160, 40)


class SpotFinder:
    """Finds the light, with a box of 12 input pixels, if at least some of it is in the crop."""

    input_size = (64, 64)

    def decode(self, spots):
        xy = spots[np.isfinite(spots).all(axis=1)]
        n = len(xy)
        return Instances(np.hstack([xy - 6, xy + 6]), np.full(n, 0.8), xy[:, None], np.full((n, 1), 0.8))


def finder(codec=None):
    return OneStage(spot_session(), codec or SpotFinder(), Preparation((64, 64)), DOT)


def looks(search, picture=PICTURE):
    """How many pictures the network was shown."""
    search(picture)
    return len(search.detector.session.batches)


@pytest.mark.parametrize("size", [(640, 480), (100, 700), (3000, 90), (1, 1), (50, 50), (7, 2)])
def test_tiles_cover_every_pixel_and_no_more_than_they_must(size):
    width, height = size
    centers, side = _tiles(width, height, 3, 0.45)
    for axis, length in enumerate(size):
        middles = np.unique(centers[:, axis])
        low, high = middles - side / 2, middles + side / 2
        assert low[0] <= -0.5 + 1e-9
        assert high[-1] >= length - 0.5 - 1e-9
        assert (low[1:] <= high[:-1] + 1e-9).all()


def test_tiles_overlap():
    """3 x .45 less 2 overlaps is 1, so each is .175 of the side."""
    centers, side = _tiles(1000, 1000, 3, 0.45)
    assert side == 450
    np.testing.assert_allclose(np.diff(np.unique(centers[:, 0])), 275)


def test_the_whole_is_looked_at_once():
    assert looks(Search(finder(), mode="whole")) == 1


def test_tiles_are_always_looked_at_when_asked():
    assert looks(Search(finder(), mode="tiles")) == 1 + 9


@pytest.mark.parametrize(
    ("scores", "many"),
    [([0.9], 1), ([], 10), ([0.9, 0.8], 10), ([0.9, 0.31], 10), ([0.4], 10)],
    ids=["one", "none", "two", "one and an unsure one", "an unsure one"],
)
def test_auto_looks_closer_unless_there_is_exactly_one(scores, many):
    boxes = [[4 + 20 * n, 20, 20 + 20 * n, 40] for n in range(len(scores))]
    assert looks(Search(finder(FixedCodec(boxes, scores)), mode="auto")) == many


@pytest.mark.parametrize(("scores", "many"), [([0.9, 0.8], 1), ([0.9, 0.4], 10), ([0.9, 0.8, 0.7], 10)])
def test_auto_is_content_with_the_two_hands_of_one_person(scores, many):
    boxes = [[4 + 20 * n, 20, 20 + 20 * n, 40] for n in range(len(scores))]
    assert looks(Search(finder(FixedCodec(boxes, scores)), mode="auto", expected=2)) == many


def test_what_several_looks_find_is_told_once_and_in_place():
    found = Search(finder(), mode="tiles", max_iou=0.1)(PICTURE)
    inside = np.linalg.norm(found.xy[:, 0] - [160, 40], axis=1)
    assert len(found) == 1
    assert inside.max() < 1.0


def test_what_is_found_in_two_tiles_stays_two():
    picture = np.maximum(lit(20, 20), lit(180, 130))
    found = Search(finder(), mode="tiles")(picture)
    for light in ([20, 20], [180, 130]):
        assert np.linalg.norm(found.xy[:, 0] - light, axis=1).min() < 1.0


def test_the_unsure_are_dropped_in_the_end():
    codec = FixedCodec([[4, 20, 20, 40], [40, 20, 60, 40]], [0.9, 0.4])
    for mode in ("whole", "auto", "tiles"):
        assert Search(finder(codec), mode=mode)(PICTURE).box_scores.min() >= 0.5


def test_tiles_may_have_a_detector_of_their_own_that_sees_the_whole_too():
    search = Search(finder(), finder(), mode="tiles")
    assert looks(search) == 1
    assert len(search.tile_detector.session.batches) == 1 + 9


def test_given_boxes_are_answered_row_by_row():
    search = Search(finder(), mode="tiles")
    found = search(PICTURE, [[140, 20, 180, 60], [0, 0, 20, 20]])
    assert found.box_scores.tolist() == [0.8, 0]


def test_nothing_found_anywhere_is_empty():
    found = Search(finder(), mode="tiles")(np.zeros((40, 30, 3), np.uint8))
    assert (len(found), found.skeleton) == (0, DOT)


def test_a_tile_is_shown_as_the_map_of_its_square_says():
    centers, side = _tiles(200, 150, 3, 0.45)
    shown = []
    tensor = TensorSpec("image", (None, 64, 64, 3), np.dtype(np.float32))
    session = FakeSession(lambda batch: (shown.append(batch) or spot(batch),), input=tensor)
    Search(replace(finder(), session=session), mode="tiles")(PICTURE)
    maps = region_matrices(centers, np.full_like(centers, side), 0.0, (64, 64))
    for batch, map_ in zip(shown[1:], maps, strict=True):
        middle, place = spot(batch)[0], transform_points(np.array([160.0, 40.0]), map_)
        inside = ((place > 6) & (place < 57)).all()
        if inside:
            np.testing.assert_allclose(middle, place, atol=0.2)
        elif ((place < -8) | (place > 72)).any():
            assert np.isnan(middle).all()
