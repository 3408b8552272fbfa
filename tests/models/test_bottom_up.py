"""OpenPose, HigherHRNet and DEKR: what their parts mean, and how official files are read."""

import pytest
import torch
from torch.nn import functional

from pinpoint.codecs.paf import Paf
from pinpoint.models.dekr import AdaptiveBlock, dekr_w32
from pinpoint.models.higherhrnet import HigherHRNet
from pinpoint.models.openpose import BODY25_LIMBS, COCO18_LIMBS, OpenPose18, OpenPose25, caffe_names
from pinpoint.skeletons import skeleton


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(("limbs", "name"), [(BODY25_LIMBS, "body25"), (COCO18_LIMBS, "openpose18")])
def test_limbs_join_what_the_skeleton_joins_and_ears_to_shoulders(limbs, name):
    """The two that are no edges of a drawing hold a head whose neck is hidden."""
    columns = skeleton(name)
    named = {frozenset((columns.keypoints[a], columns.keypoints[b])) for a, b in limbs}
    more = {frozenset((f"{side}_ear", f"{side}_shoulder")) for side in ("left", "right")}
    assert named == {frozenset(edge) for edge in columns.edges} | more
    assert len(limbs) == len(named)


@pytest.mark.parametrize(("limbs", "name"), [(BODY25_LIMBS, "body25"), (COCO18_LIMBS, "openpose18")])
def test_every_limb_has_a_mirror_image(limbs, name):
    flip = skeleton(name).flip_index
    assert {frozenset(edge) for edge in limbs} == {frozenset((int(flip[a]), int(flip[b]))) for a, b in limbs}


def test_the_background_of_official_files_is_the_last_of_their_maps():
    maps = torch.arange(3.0)[:, None, None, None].expand(3, 512, 1, 1)
    named = caffe_names({"Mconv1_stage0_L2_0.weight": torch.zeros(1), "Mconv7_stage1_L1.weight": maps})
    assert named["point_stages.1.last.points.weight"][:, 0, 0, 0].tolist() == [0, 1]
    assert named["point_stages.1.last.rest.weight"][:, 0, 0, 0].tolist() == [2]


def test_official_files_see_blue_first():
    weight = torch.randn(64, 3, 3, 3)
    named = caffe_names({"model0.conv1_1.weight": weight})
    image = torch.randn(1, 3, 8, 8)
    theirs = functional.conv2d(image.flip(1), weight)
    torch.testing.assert_close(
        functional.conv2d(image, named["backbone.conv1_1.weight"]), theirs, atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("network", [OpenPose25, OpenPose18])
def test_what_is_read_is_what_the_last_stage_says(network):
    codec = Paf((32, 32), 2, ((0, 1),))
    with torch.device("meta"):
        shapes = [tuple(each.shape) for each in network(codec, 2)(torch.zeros(1, 3, 32, 32))]
    points, limbs = (torch.randn(shape) for shape in shapes)
    read = network.readable(None, points, limbs)
    assert torch.equal(read[0], points[:, -1])
    assert torch.equal(read[1], limbs[:, -1])


def test_heatmaps_of_both_sizes_are_averaged_and_tags_grown():
    with torch.device("meta"):
        network = HigherHRNet(None, 2, width=8)
    coarse, fine = torch.zeros(1, 4, 4, 4), torch.full((1, 2, 8, 8), 2.0)
    coarse[:, :2], coarse[:, 2:] = 1.0, 5.0
    heatmaps, tags = network.readable(coarse, fine)
    assert heatmaps.unique().tolist() == [1.5]
    assert (tags.shape, tags.unique().tolist()) == ((1, 2, 8, 8), [5.0])


def adaptive(column, value):
    """A block whose affine maps are all 0 but for one number."""
    block = AdaptiveBlock(2).eval()
    torch.nn.init.zeros_(block.transform_matrix_conv.weight)
    torch.nn.init.zeros_(block.transform_matrix_conv.bias)
    with torch.no_grad():
        block.transform_matrix_conv.bias[column::6] = value
    return block


def plain(block, features):
    seen = functional.conv2d(features, block.adapt_conv.weight, padding=1, groups=2)
    return functional.relu(block.norm(seen) + features)


def test_a_block_that_moves_nothing_is_a_convolution():
    block, features = adaptive(0, 0.0), torch.randn(2, 30, 7, 6)
    torch.testing.assert_close(block(features), plain(block, features), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("column", "way"), [(2, (1, 0)), (5, (0, 1))])
def test_a_block_that_moves_all_taps_by_a_cell_sees_what_is_there(column, way):
    """The third column of the maps is the shift, down in the first row and to the right in the second."""
    block, features = adaptive(column, 1.0), torch.randn(1, 30, 9, 9)
    moved = torch.roll(features, (-way[0], -way[1]), (2, 3))
    seen = functional.conv2d(moved, block.adapt_conv.weight, padding=1, groups=2)
    expected = functional.relu(block.norm(seen) + features)
    torch.testing.assert_close(block(features)[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], atol=1e-4, rtol=0)


def test_files_of_mmpose_0_put_the_middle_first_and_point_from_points_to_middles():
    plan = dekr_w32()
    last, offsets = "head.heatmap_conv_layers.2.weight", "head.displacement_conv_layers.3.weight"
    ours = {last: torch.randn(18, 32, 1, 1), offsets: torch.randn(34, 15, 1, 1)}
    old = {
        "keypoint_head.heatmap_conv_layers.2.weight": torch.cat([ours[last][-1:], ours[last][:-1]]),
        "keypoint_head.offset_conv_layers.3.weight": -ours[offsets],
    }
    read = plan.official(old)
    assert set(read) == set(ours)
    assert all(torch.equal(read[name], ours[name]) for name in ours)
