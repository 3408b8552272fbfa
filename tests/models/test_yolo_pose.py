"""YOLO-pose in the layout of YOLOv8."""

import numpy as np
import torch

from pinpoint.codecs.yolo_pose import YoloPose
from pinpoint.models.yolo_pose import YoloNet, YoloScale, official

TINY = YoloScale(0.33, 0.125, 1024)


def made(keypoints=2):
    torch.manual_seed(0)
    return YoloNet(YoloPose((64, 64), keypoints), keypoints, TINY).eval()


def test_the_expectation_of_sides_is_not_learnt():
    dfl = made().model[22].dfl
    assert not dfl.conv.weight.requires_grad
    logits = torch.full((1, 1, 4, 16), -99.0)
    logits[..., 5] = logits[..., 6] = 0.0
    torch.testing.assert_close(dfl(logits), torch.full((1, 1, 4), 5.5))


def test_a_keypoint_of_zeros_lies_half_a_cell_before_the_middle_of_its_cell():
    """As published: (2 raw + column) * stride, in pixels that are counted from their centres."""
    network = made()
    for branch in network.model[22].cv4:
        torch.nn.init.zeros_(branch[2].weight), torch.nn.init.zeros_(branch[2].bias)
    with torch.no_grad():
        _, _, points, centers, _, strides = network(torch.randn(1, 3, 64, 64))
    wanted = (centers - (strides - 1) / 2)[:, None].expand(-1, 2, -1)
    torch.testing.assert_close(points[0, :, :, :2], wanted)


def test_what_is_read_is_what_the_network_says():
    """Boxes leave in the coordinates of published files, and come back half a pixel from the outer edge."""
    network, codec = made(), YoloPose((64, 64), 2, min_score=0.0, max_iou=1.0)
    with torch.no_grad():
        outputs = network(torch.randn(1, 3, 64, 64))
        found = codec.decode(*(o.numpy() for o in network.readable(*outputs)))
    best = int(outputs[0].argmax())
    np.testing.assert_allclose(found.boxes[0], outputs[1][0, best], atol=1e-3)
    np.testing.assert_allclose(found.xy[0], outputs[2][0, best, :, :2], atol=1e-3)


def test_a_published_state_loads_whole():
    network = made()
    theirs = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    network.load_state_dict(official(theirs), strict=True)
    network.load_state_dict(official(network.state_dict()), strict=True)
