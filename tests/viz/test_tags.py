import numpy as np
import pytest

from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.viz import Style, draw
from pinpoint.viz.tags import tag_texts

GREY = np.full((120, 200, 3), 128, np.uint8)


def boxes(*corners, **more):
    n = len(corners)
    return Keypoints(
        np.zeros((n, 0, 2)), np.zeros((n, 0)), skeleton("box"), boxes=np.array(corners, float), **more
    )


def lit(kps, style=Style()):  # noqa: B008
    return (draw(GREY, kps, style=style) != 128).any(axis=2)


def test_a_skeleton_without_keypoints_is_drawn_as_boxes():
    mask = lit(boxes([40, 30, 160, 100]))
    assert (
        mask[30, 40:160].all()
        and mask[100, 40:160].all()
        and mask[30:100, 40].all()
        and mask[30:100, 160].all()
    )
    assert not mask[40:90, 50:150].any()


def test_a_tag_says_label_track_and_score():
    kps = boxes(
        [0, 0, 9, 9], [0, 0, 9, 9], labels=["left", ""], track_ids=[3, -1], box_scores=[0.873, np.nan]
    )
    assert tag_texts(kps, with_scores=True) == ["left  #3  87%", ""]
    assert tag_texts(kps, with_scores=False) == ["left  #3", ""]


@pytest.mark.parametrize("corner", [(-80, -70), (190, -70), (-80, 110), (190, 110)])
def test_a_tag_stays_inside_the_picture(corner):
    """The same number of pixels as in the middle, where nothing is cut off."""
    box = [*corner, corner[0] + 90, corner[1] + 90]
    tag = {"labels": ["dog"]}
    alone = lit(boxes([80, 25, 170, 115], **tag)) & ~lit(boxes([80, 25, 170, 115]))
    moved = lit(boxes(box, **tag)) & ~lit(boxes(box))
    assert moved.sum() > 0.6 * alone.sum()


def test_a_tag_is_readable_on_its_own_ground():
    plain = draw(GREY, boxes([40, 60, 160, 100]))
    tagged = draw(GREY, boxes([40, 60, 160, 100], labels=["dog"]))
    values = tagged[(plain != tagged).any(axis=2)].astype(int).sum(axis=1)
    assert values.min() < 150 and values.max() > 450


def test_tags_can_be_left_out():
    kps, bare = boxes([40, 60, 160, 100], labels=["dog"]), boxes([40, 60, 160, 100])
    np.testing.assert_array_equal(lit(kps, Style(tags=False)), lit(bare))


def test_an_instance_outside_the_picture_has_no_tag():
    assert not lit(boxes([300, 20, 340, 80], labels=["dog"])).any()


def test_a_label_too_long_for_the_picture_is_cut():
    box = [40, 60, 160, 100]
    assert tag_size(lit(boxes(box, labels=["x" * 500])) & ~lit(boxes(box)))[0] > 30


def tag_size(mask):
    """Width and height of what is lit."""
    rows, columns = np.nonzero(mask)
    return np.array([np.ptp(columns), np.ptp(rows)]) + 1


@pytest.mark.parametrize("label", ["left", "right", "person on a bicycle"])
@pytest.mark.parametrize("extent", [90, 100, 110])
def test_a_tag_is_at_most_half_as_wide_as_its_instance_is_long(label, extent):
    """Its anti-aliased ends may spill over by a pixel each."""
    box = [20, 30, 40, 30 + extent]
    tag = lit(boxes(box, labels=[label])) & ~lit(boxes(box))
    assert tag.any() and tag_size(tag)[0] <= extent / 2 + 2


@pytest.mark.parametrize("extent", [15, 25, 40])
def test_a_hand_too_small_for_its_word_has_no_tag(extent):
    box = [60, 60, 60 + extent, 60 + extent]
    np.testing.assert_array_equal(lit(boxes(box, labels=["right"])), lit(boxes(box)))


def test_a_small_instance_keeps_its_track_id_and_loses_its_label():
    box = [60, 60, 75, 90]
    both, track = (draw(GREY, boxes(box, track_ids=[7], **more)) for more in ({"labels": ["person"]}, {}))
    np.testing.assert_array_equal(both, track)
    assert (track != draw(GREY, boxes(box, track_ids=[-1]))).any()


def test_tags_of_instances_at_one_place_do_not_overlap():
    box, ids = [70, 40, 90, 90], [11, 12, 13, 14]
    alone = (lit(boxes(box, track_ids=ids[:1])) & ~lit(boxes(box))).sum()
    together = lit(boxes(*[box] * 4, track_ids=ids)) & ~lit(boxes(*[box] * 4))
    assert together.sum() > 3.5 * alone


def test_a_tag_lies_above_its_instance():
    box = [60, 50, 100, 110]
    tag = lit(boxes(box, track_ids=[3])) & ~lit(boxes(box))
    assert tag[:50].sum() > 0.9 * tag.sum()
