"""One matrix: where light goes, the labels go."""

import cv2
import numpy as np
import pytest

from pinpoint import geometry as geo

RNG = np.random.default_rng(0)


def some_maps() -> dict[str, np.ndarray]:
    return {
        "identity": geo.identity(),
        "mirror": geo.mirror(64),
        "resize": geo.resize((64, 48), (96, 144)),
        "letterbox": geo.letterbox((64, 48), (100, 100)),
        "region": geo.region_matrices(np.array([[30.0, 20.0]]), np.array([[40.0, 30.0]]), 0.7, (80, 60))[0],
    }


def light(xy: tuple[float, float], size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A soft light of 2 px at a point; its centroid is the point to a hundredth of a pixel."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    glow = 250 * np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / 8)
    return np.repeat(glow[:, :, None], 3, axis=2).round().astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    weight = image[:, :, 0].astype(float)
    x, y = np.meshgrid(np.arange(weight.shape[1]), np.arange(weight.shape[0]))
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


@pytest.mark.parametrize("name", some_maps())
def test_the_label_stays_on_the_light(name):
    """OpenCV's bilinear weights are 1/32 px apart; .05 px is that and rounding to whole grey levels."""
    matrix, xy = some_maps()[name], (31.0, 22.0)
    moved = geo.warp(light(xy), matrix, (150, 150))
    np.testing.assert_allclose(centroid(moved), geo.transform_points(np.array(xy), matrix), atol=0.05)


def test_flip_moves_the_lit_pixel():
    image = np.zeros((5, 8, 3), np.uint8)
    image[3, 2] = 255
    flipped = geo.warp(image, geo.mirror(8), (8, 5))
    np.testing.assert_array_equal(flipped, image[:, ::-1])
    x, y = geo.transform_points(np.array([2.0, 3.0]), geo.mirror(8))
    assert flipped[int(y), int(x), 0] == 255


@pytest.mark.parametrize("width", [1, 2, 7, 640])
def test_mirroring_twice_changes_nothing(width):
    twice = geo.compose(geo.mirror(width), geo.mirror(width))
    np.testing.assert_array_equal(twice, geo.identity())


@pytest.mark.parametrize("name", some_maps())
def test_the_inverse_brings_every_point_back(name):
    matrix, xy = some_maps()[name], RNG.uniform(-50, 50, (9, 2))
    back = geo.transform_points(geo.transform_points(xy, matrix), geo.invert(matrix))
    np.testing.assert_allclose(back, xy, atol=1e-10)


def test_a_map_that_flattens_has_no_inverse():
    with pytest.raises(np.linalg.LinAlgError):
        geo.invert(np.zeros((2, 3)))


def test_composing_is_one_map_after_the_other():
    first, second = some_maps()["region"], some_maps()["resize"]
    xy = RNG.uniform(0, 50, (9, 2))
    one_by_one = geo.transform_points(geo.transform_points(xy, first), second)
    np.testing.assert_allclose(geo.transform_points(xy, geo.compose(second, first)), one_by_one, atol=1e-10)


def test_stacks_of_maps_compose_and_invert_one_by_one():
    stack, single = np.array(list(some_maps().values())), some_maps()["mirror"]
    for together, matrix in zip(geo.compose(stack, single), stack, strict=True):
        np.testing.assert_array_equal(together, geo.compose(matrix, single))
    for together, matrix in zip(geo.compose(single, stack), stack, strict=True):
        np.testing.assert_array_equal(together, geo.compose(single, matrix))
    for together, matrix in zip(geo.invert(stack), stack, strict=True):
        np.testing.assert_allclose(together, geo.invert(matrix), atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 2), (5, 17, 2), (5, 3, 4, 2)], ids=str)
def test_each_map_of_a_stack_moves_its_own_points(shape):
    stack, xy = np.array(list(some_maps().values())), RNG.uniform(0, 50, shape)
    expected = [geo.transform_points(points, matrix) for points, matrix in zip(xy, stack, strict=True)]
    np.testing.assert_allclose(geo.transform_points(xy, stack), expected, atol=1e-10)


def test_nan_stays_nan_and_alone():
    xy = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    moved = geo.transform_points(xy, some_maps()["region"])
    assert np.isnan(moved).any(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("corner", [(-0.5, -0.5), (63.5, 47.5), (31.5, 23.5)])
def test_resizing_keeps_the_outer_edges_and_the_middle(corner):
    """Pixel centres are whole numbers, so a picture reaches half a pixel beyond them."""
    matrix = geo.resize((64, 48), (128, 24))
    expected = (np.array(corner) + 0.5) * [2, 0.5] - 0.5
    np.testing.assert_allclose(geo.transform_points(np.array(corner), matrix), expected, atol=1e-12)


def test_resizing_agrees_with_opencv():
    """Between the borders, where the two fill in differently; one grey level for rounding."""
    image = cv2.GaussianBlur(RNG.integers(0, 255, (24, 32, 3), np.uint8), (5, 5), 0)
    ours = geo.warp(image, geo.resize((32, 24), (64, 72)), (64, 72))
    theirs = cv2.resize(image, (64, 72), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours.astype(int) - theirs)[3:-3, 3:-3].max() <= 1


@pytest.mark.parametrize(
    ("align", "box"),
    [
        (0.5, [-0.5, 15.5, 63.5, 47.5]),
        (0.0, [-0.5, -0.5, 63.5, 31.5]),
        (1.0, [-0.5, 31.5, 63.5, 63.5]),
    ],
)
def test_a_letterboxed_picture_lies_where_it_should(align, box):
    """A picture twice as wide as high fills the width of a square and half its height."""
    whole = np.array([[-0.5, -0.5, 199.5, 99.5]])
    matrix = geo.letterbox((200, 100), (64, 64), align)
    np.testing.assert_allclose(geo.transform_boxes(whole, matrix), [box], atol=1e-12)


def test_letterbox_of_the_same_shape_is_a_resize():
    same = geo.letterbox((64, 48), (32, 24))
    np.testing.assert_allclose(same, geo.resize((64, 48), (32, 24)), atol=1e-12)


@pytest.mark.parametrize(
    ("point", "angle", "expected"),
    [
        ((10, 20), 0.0, (3.5, 1.5)),
        ((8, 19), 0.0, (-0.5, -0.5)),
        ((12, 21), 0.0, (7.5, 3.5)),
        ((10, 22), np.pi / 2, (7.5, 1.5)),
        ((9, 20), np.pi / 2, (3.5, 3.5)),
        ((12, 21), np.pi, (-0.5, -0.5)),
    ],
)
def test_regions_land_where_the_hand_computes(point, angle, expected):
    """A rectangle of 4 x 2 around (10, 20) onto 8 x 4; turned clockwise, its right end points down."""
    matrix = geo.region_matrices(np.array([[10, 20]]), np.array([[4, 2]]), angle, (8, 4))[0]
    np.testing.assert_allclose(geo.transform_points(np.array(point, float), matrix), expected, atol=1e-12)


def test_the_whole_picture_as_a_region_is_a_resize():
    whole = geo.region_matrices(np.array([[31.5, 23.5]]), np.array([[64, 48]]), 0.0, (100, 30))[0]
    np.testing.assert_allclose(whole, geo.resize((64, 48), (100, 30)), atol=1e-12)


def test_every_region_has_its_own_angle():
    centers, sizes, angles = RNG.uniform(0, 99, (4, 2)), RNG.uniform(5, 50, (4, 2)), RNG.uniform(-3, 3, 4)
    together = geo.region_matrices(centers, sizes, angles, (32, 64))
    for row in range(4):
        one = slice(row, row + 1)
        alone = geo.region_matrices(centers[one], sizes[one], angles[row], (32, 64))[0]
        np.testing.assert_allclose(together[row], alone, atol=1e-12)


def test_no_regions_give_no_maps():
    assert geo.region_matrices(np.zeros((0, 2)), np.zeros((0, 2)), 0.0, (8, 8)).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ([0, 0, 30, 40], (30, 40)),
        ([0, 0, 10, 40], (30, 40)),
        ([0, 0, 60, 40], (60, 80)),
        ([5, 5, 5, 5], (0.75, 1)),
    ],
)
def test_boxes_grow_to_the_aspect_around_their_middle(box, size):
    """Towards 3 : 4, and never to nothing."""
    centers, sizes = geo.box_regions(np.array([box]), 0.75, 1.5)
    np.testing.assert_allclose(centers[0], [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    np.testing.assert_allclose(sizes[0], np.array(size) * 1.5)


def test_a_turned_box_gets_its_upright_hull():
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(geo.transform_boxes(np.array([[1, 2, 5, 4]]), quarter), [[-4, 1, -2, 5]])


def test_each_map_of_a_stack_moves_its_own_box():
    stack = np.array([geo.identity(), geo.mirror(11)])
    moved = geo.transform_boxes(np.array([[1, 2, 3, 4], [1, 2, 3, 4]]), stack)
    np.testing.assert_array_equal(moved, [[1, 2, 3, 4], [7, 2, 9, 4]])


def test_boxes_of_points_leave_out_the_missing():
    nan = [np.nan, np.nan]
    boxes = geo.boxes_of_points(np.array([[[1.0, 8.0], nan, [5.0, 2.0]], [nan, nan, nan]]))
    np.testing.assert_array_equal(boxes, [[1, 2, 5, 8], [np.nan] * 4])


def test_boxes_of_no_points_are_missing():
    assert np.isnan(geo.boxes_of_points(np.zeros((2, 0, 2)))).all()
    assert geo.boxes_of_points(np.zeros((0, 5, 2))).shape == (0, 4)


def test_boxes_are_cut_to_the_outer_edge_of_the_picture():
    boxes = np.array([[-9.0, -9.0, 99.0, 99.0], [1.0, 2.0, 3.0, 4.0]])
    np.testing.assert_array_equal(geo.clip_boxes(boxes, (20, 10)), [[-0.5, -0.5, 19.5, 9.5], [1, 2, 3, 4]])


@pytest.mark.parametrize(("width", "height"), [(70_000, 4), (4, 70_000)])
def test_pictures_of_any_length_are_warped(width, height, monkeypatch):
    """A ramp along the picture stays the ramp; OpenCV 4 refuses sides above 32,766 pixels."""

    def warp_of_opencv_4(image, *rest, opencv=cv2.warpAffine, **options):
        assert max(image.shape) < 2**15 - 1
        return opencv(image, *rest, **options)

    monkeypatch.setattr(cv2, "warpAffine", warp_of_opencv_4)
    ramp = np.indices((height, width)).max(axis=0) // 300
    image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
    size = (200, 4) if width > height else (4, 200)
    seen = geo.warp(image, geo.resize((width, height), size), size)[..., 0].ravel().astype(float)
    middles = (np.arange(200) + 0.5) * 350 - 0.5
    seen = seen.reshape(4, 200)[1] if width > height else seen.reshape(200, 4)[:, 1]
    np.testing.assert_allclose(seen, middles // 300, atol=1)  # a pixel may lie across a step of the ramp


@pytest.mark.parametrize(("border", "grey"), [(0, 0), (114, 114), (None, 200)])
def test_the_border_is_filled_as_asked(border, grey):
    image = np.full((4, 4, 3), 200, np.uint8)
    shifted = geo.warp(image, np.array([[1.0, 0, 2], [0, 1, 2]]), (8, 8), border)
    assert (shifted[0, 0] == grey).all()
    assert (shifted[3, 3] == 200).all()


@pytest.mark.parametrize(
    ("box", "meets"),
    [
        ((-9, -9, -0.6, 9), False),
        ((-9, -9, -0.4, 9), True),
        ((63.4, 0, 80, 9), True),
        ((63.6, 0, 80, 9), False),
        ((0, 47.6, 9, 60), False),
        ((np.nan, 0, 9, 9), False),
    ],
)
def test_a_picture_ends_half_a_pixel_beyond_its_last_centres(box, meets):
    assert geo.meets_picture(np.array([box, [0, 0, 9, 9]]), (64, 48)).tolist() == [meets, True]


def naive_iou(a: np.ndarray, b: np.ndarray) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(wide, 0) * max(high, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def naive_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(naive_iou(boxes[row], boxes[other]) <= threshold for other in kept):
            kept.append(row)
    return kept


def random_boxes(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 40, (count, 2))], axis=1)


def test_iou_is_what_a_loop_computes():
    a, b = random_boxes(7, 1), random_boxes(5, 2)
    np.testing.assert_allclose(geo.iou(a, b), [[naive_iou(x, y) for y in b] for x in a], atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 4, 4], [0, 0, 4, 4], 1.0),
        ([0, 0, 4, 4], [2, 0, 6, 4], 1 / 3),
        ([0, 0, 4, 4], [4, 0, 8, 4], 0.0),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),
        ([0, 0, 4, 4], [np.nan] * 4, 0.0),
    ],
)
def test_iou_of_known_boxes(a, b, expected):
    assert geo.iou(np.array([a], float), np.array([b], float))[0, 0] == pytest.approx(expected)


def test_iou_takes_whole_numbers():
    assert geo.iou(np.array([[0, 0, 4, 4]]), np.array([[2, 0, 6, 4]]))[0, 0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_nms_keeps_what_a_loop_keeps(threshold, seed):
    boxes, scores = random_boxes(60, seed), np.random.default_rng(seed).normal(size=60)
    assert geo.nms(boxes, scores, threshold).tolist() == naive_nms(boxes, scores, threshold)


def test_nms_keeps_the_first_of_equal_scores():
    boxes = np.array([[0.0, 0, 4, 4], [0, 0, 4, 4], [9, 9, 12, 12]])
    assert geo.nms(boxes, np.full(3, 0.5), 0.5).tolist() == [0, 2]


def test_a_box_that_is_not_finite_suppresses_nothing():
    boxes = np.array([[np.nan] * 4, [0, 0, 4, 4], [0, 0, np.inf, 4], [9, 9, 12, 12]])
    assert geo.nms(boxes, np.array([0.9, 0.8, 0.7, 0.6]), 0.5).tolist() == [1, 3]


def test_nms_of_nothing_is_nothing():
    kept = geo.nms(np.zeros((0, 4)), np.zeros(0), 0.5)
    assert kept.shape == (0,)
    assert np.zeros((0, 4))[kept].shape == (0, 4)
