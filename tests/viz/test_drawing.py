from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pinpoint.geometry import mirror, transform_points
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import Skeleton, skeleton, skeleton_names
from pinpoint.viz import Style, draw

PAIR = Skeleton(
    name="pair",
    keypoints=("left_wrist", "left_elbow", "right_wrist", "right_elbow"),
    edges=(("left_wrist", "left_elbow"), ("right_wrist", "right_elbow")),
    swaps=(("left_wrist", "right_wrist"), ("left_elbow", "right_elbow")),
)
GREY = np.full((200, 240, 3), 128, np.uint8)
BARE = Style(point_radius=0.01, opacity=1.0)


def pair(scores=1.0, **more):
    xy = np.array([[[60.0, 40], [60, 160], [180, 40], [180, 160]]])
    return Keypoints(xy=xy, scores=np.broadcast_to(scores, (1, 4)), skeleton=PAIR, **more)


def spread(name, size=(240, 200), instances=1):
    """Random points of a skeleton, all inside a picture of some size."""
    chosen = skeleton(name)
    xy = np.random.default_rng(3).uniform(20, np.array(size) - 20, (instances, len(chosen), 2))
    return Keypoints(xy=xy, scores=np.ones(xy.shape[:2]), skeleton=chosen)


def changed(image, under=GREY):
    return (image != under).any(axis=2)


def difference(image, under=GREY):
    return np.abs(image.astype(int) - under).sum()


def luminance(rgb):
    """Relative luminance of sRGB colours, as WCAG 2.1 defines it."""
    linear = np.where(rgb <= 0.04045 * 255, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    high, low = np.maximum(a, b), np.minimum(a, b)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", [name for name in skeleton_names() if len(skeleton(name))])
def test_every_keypoint_of_every_skeleton_lights_its_pixel(name):
    kps = spread(name)
    lit = changed(draw(GREY, kps))
    x, y = np.rint(kps.xy[0]).astype(int).T
    assert lit[y, x].all()


def test_a_drawing_reaches_no_further_than_its_limbs():
    lit = changed(draw(GREY, pair()))
    rows, columns = np.nonzero(lit)
    assert rows.min() > 40 - 10 and rows.max() < 160 + 10
    assert not lit[:, 70:170].any() and columns.min() > 50


def test_the_middle_of_a_stroke_is_the_middle_of_its_pixels():
    """Sub-pixel: the centroid of what a vertical limb changes is its x, to a twentieth of a pixel."""
    kps = pair()
    shifted = replace(kps, xy=kps.xy + np.array([0.4, 0]))
    row = draw(GREY * 0, shifted, style=BARE)[100, :120].astype(float).sum(axis=1)
    assert (row * np.arange(120)).sum() / row.sum() == pytest.approx(60.4, abs=0.05)


def test_left_is_blue_and_right_is_orange():
    out = draw(GREY, pair()).astype(int)
    left, right = out[100, 60], out[100, 180]
    assert left[2] > left[0] + 100
    assert right[0] > right[2] + 100


@pytest.mark.parametrize("name", ["coco17", "coco_wholebody133", "face68", "ap10k17", "hand21"])
def test_the_mirrored_drawing_is_the_drawing_of_the_mirrored_points(name):
    """Only rounding to sixteenths of a pixel may differ; wrong colours make a mean of 5 grey levels."""
    kps = spread(name)
    flipped = replace(kps, xy=transform_points(kps.xy, mirror(240))[:, kps.skeleton.flip_index])
    recoloured = replace(kps, xy=kps.xy[:, kps.skeleton.flip_index])
    mirrored = draw(GREY, flipped)[:, ::-1].astype(int)
    assert np.abs(mirrored - draw(GREY, recoloured)).mean() < 0.3


def test_instances_drawn_together_are_those_drawn_one_after_the_other():
    kps = spread("coco_wholebody133", instances=3)
    kps = replace(
        kps, scores=np.random.default_rng(5).uniform(0.2, 1, kps.scores.shape), visible=kps.scores > 0.5
    )
    one_by_one = GREY
    for row in range(3):
        one_by_one = draw(one_by_one, kps[row])
    np.testing.assert_array_equal(draw(GREY, kps), one_by_one)


def test_swapping_sides_swaps_colours():
    kps = pair()
    swapped = draw(GREY, replace(kps, xy=kps.xy[:, PAIR.flip_index]))
    drawn = draw(GREY, kps)
    np.testing.assert_array_equal(drawn[100, 60], swapped[100, 180])
    np.testing.assert_array_equal(drawn[100, 180], swapped[100, 60])


def test_a_missing_end_leaves_out_the_limb_but_not_the_other_end():
    kps = pair()
    xy = kps.xy.copy()
    xy[0, 1] = np.nan
    lit = changed(draw(GREY, replace(kps, xy=xy)))
    assert lit[40, 60] and not lit[60:, :120].any() and lit[100, 180]


def test_nothing_to_draw_changes_nothing():
    missing = replace(pair(), xy=np.full((1, 4, 2), np.nan))
    for kps in (missing, pair(scores=0.0), pair(scores=np.nan), Keypoints.empty(PAIR)):
        np.testing.assert_array_equal(draw(GREY, kps, style=Style(threshold=0.0, boxes=True)), GREY)


def test_the_image_stays_as_it_was():
    image = GREY.copy()
    image.setflags(write=False)
    assert draw(image, pair(), style=Style(boxes=True)) is not image
    np.testing.assert_array_equal(image, GREY)


def test_lower_scores_are_fainter():
    strengths = [difference(draw(GREY, pair(scores=score))) for score in (0.3, 0.5, 0.7, 0.9, 1.0)]
    assert strengths == sorted(strengths) and strengths[0] < 0.7 * strengths[-1]


def test_a_limb_is_as_faint_as_its_fainter_end():
    both = draw(GREY, pair(scores=0.4))[100]
    one = draw(GREY, pair(scores=[1.0, 0.4, 1.0, 0.4]))[100]
    np.testing.assert_array_equal(one, both)


def test_keypoints_below_the_threshold_are_left_out():
    kps = pair(scores=[0.5, 0.5, 0.9, 0.9])
    lit = changed(draw(GREY, kps, style=Style(threshold=0.6)))
    assert not lit[:, :120].any() and lit[100, 180]


def test_crossing_limbs_do_not_add_up():
    """Two strokes of one colour through one pixel are as opaque as one."""
    fork = Skeleton(
        name="fork", keypoints=("left_wrist", "left_hand"), edges=(("left_wrist", "left_hand"),) * 3
    )
    once = replace(fork, name="once", edges=fork.edges[:1])
    xy, scores = np.array([[[60.0, 40], [60, 160]]]), np.ones((1, 2))
    thrice = draw(GREY, Keypoints(xy=xy, scores=scores, skeleton=fork))
    np.testing.assert_array_equal(thrice[100, 60], draw(GREY, Keypoints(xy, scores, once))[100, 60])


@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_picture_has_wider_lines_in_proportion(factor):
    """An anti-aliased edge is uncertain by half a pixel on both sides."""
    kps, black = pair(), np.zeros((400, 480, 3), np.uint8)
    style = Style(line_width=0.02, point_radius=0.01, opacity=1.0)

    def width(scale):
        large = replace(kps, xy=kps.xy * 2 * scale)
        image = draw(np.repeat(np.repeat(black, scale, 0), scale, 1), large, style=style)
        return (image[200 * scale, : 240 * scale, 2] > 127).sum()

    assert width(factor) == pytest.approx(factor * width(1), abs=1 + factor / 2)


def test_a_small_person_is_not_a_blob():
    """A person of 60 pixels in a 4K picture: the drawing leaves most of the person's box free."""
    coco = skeleton("coco17")
    names = {
        "left_shoulder": (22, 12),
        "right_shoulder": (8, 12),
        "left_hip": (20, 32),
        "right_hip": (10, 32),
    }
    xy = np.full((1, 17, 2), np.nan)
    for name, point in names.items():
        xy[0, coco.index(name)] = point
    kps = Keypoints(xy=xy + 1000, scores=np.ones((1, 17)), skeleton=coco, boxes=[[1000, 1000, 1030, 1060]])
    out = draw(np.full((2160, 3840, 3), 128, np.uint8), kps)[1000:1060, 1000:1030]
    assert (out != 128).any(axis=2).mean() < 0.3


@pytest.mark.parametrize("background", [0, 255], ids=["black", "white"])
@pytest.mark.parametrize("name", ["coco17", "hand21", "face68", "facemesh478"])
def test_limbs_stand_out_on_black_and_on_white(name, background):
    """Across every limb something has the contrast of 3:1 that WCAG 2.1 (1.4.11) asks of graphics."""
    kps = spread(name, size=(900, 800))  # wide enough for the limbs of a mesh not to cover each other
    out = draw(np.full((800, 900, 3), background, np.uint8), kps)
    ratio = contrast(luminance(out.astype(float)), luminance(np.full(3, float(background))))
    middles = kps.xy[0][kps.skeleton.edge_index].mean(axis=1).round().astype(int)
    best = [ratio[y - 7 : y + 8, x - 7 : x + 8].max() for x, y in middles]
    assert min(best) >= 3


def test_occluded_points_are_hollow_and_their_limbs_dashed():
    seen, hidden = pair(), pair(visible=[[False, True, True, True]])
    style = Style(line_width=0.03, boxes=False)
    full, dashed = (draw(GREY, kps, style=style)[60:140, 60, 2] > 180 for kps in (seen, hidden))
    assert full.all() and 0.3 < dashed.mean() < 0.7
    assert not changed(draw(GREY, hidden, style=style))[40, 60]


def test_a_limb_that_leaves_the_picture_is_cut_at_its_border():
    kps = pair()
    near, far = kps.xy.copy(), kps.xy.copy()
    near[0, 1], far[0, 1] = (60, 400), (60, 90_000)
    drawn = [draw(GREY, replace(kps, xy=xy), style=BARE) for xy in (near, far)]
    assert changed(drawn[0])[100:, 60].all()
    np.testing.assert_array_equal(*drawn)


WILD = st.one_of(
    st.floats(-300, 500),
    st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e6, -99_999.5, 2.0**31, 5e-324]),
)


@settings(max_examples=60, deadline=None)
@given(
    xy=arrays(np.float64, (2, 17, 2), elements=WILD),
    scores=arrays(np.float64, (2, 17), elements=st.one_of(st.floats(0, 1), WILD)),
    boxes=arrays(np.float64, (2, 4), elements=WILD),
    shape=st.sampled_from([(64, 48), (1, 1), (3, 200)]),
)
def test_no_coordinate_is_too_wild(xy, scores, boxes, shape):
    more = {"boxes": boxes, "visible": scores > 0.5, "track_ids": [2**62, -1], "labels": ["ßß", ""]}
    kps = Keypoints(xy=xy, scores=scores, skeleton=skeleton("coco17"), **more)
    image = np.zeros((*shape, 3), np.uint8)
    assert draw(image, kps, style=Style(boxes=True, line_width=0.2)).shape == image.shape
    assert not image.any()


@pytest.mark.parametrize("shape", [(0, 0, 3), (0, 5, 3), (5, 0, 3)])
def test_an_empty_picture_stays_empty(shape):
    assert draw(np.zeros(shape, np.uint8), pair(labels=["a"])).shape == shape


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((1, 9, 9, 3), np.uint8),
        [[0]],
    ],
)
def test_what_is_not_rgb_of_8_bits_is_refused(image):
    with pytest.raises(ValueError, match="expected uint8 RGB"):
        draw(image, pair())


def test_a_background_replaces_the_picture():
    out = draw(GREY, pair(), style=Style(background=(10, 20, 30)))
    assert out[5, 5].tolist() == [10, 20, 30] and out[100, 60].tolist() != [10, 20, 30]


@pytest.mark.parametrize(
    "wrong",
    [
        {"opacity": 1.5},
        {"threshold": -0.1},
        {"line_width": 3},
        {"background": (0, 0)},
        {"background": (0, 0, 300)},
    ],
    ids=str,
)
def test_a_style_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Style(**wrong)
