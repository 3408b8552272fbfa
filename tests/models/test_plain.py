import numpy as np
import pytest
import torch

from pinpoint.models import architecture
from pinpoint.models.distribution import heatmaps_of
from pinpoint.models.plain import PlainPose, PlainWidths

SMALL = PlainWidths((4, 4, 8, 8, 8), (0, 1, 1, 1, 1), neck=8, head=4)


@pytest.mark.parametrize("size", [(48, 64), (52, 100), (36, 36)], ids=str)
def test_any_size_that_divides_by_four_gives_maps_of_a_quarter(size):
    """Coarse levels of odd sizes must still fit onto finer ones."""
    codec = heatmaps_of(size)
    maps, _ = codec.encode(np.zeros((2, 3, 2)), np.ones((2, 3), bool))
    (logits,) = PlainPose(codec, 3, SMALL)(torch.zeros(2, 3, size[1], size[0]))
    assert tuple(logits.shape) == maps.shape


def test_a_network_that_is_as_sure_as_its_targets_reads_as_they_do():
    codec = heatmaps_of((144, 192))
    xy = np.array([[[70.0, 90.0], [40.5, 122.25]]])
    bells = codec.encode(xy, np.ones((1, 2), bool))[0]
    (read,) = PlainPose(codec, 2, SMALL).readable(torch.from_numpy(bells + 1e-30).log())
    np.testing.assert_allclose(read, bells, atol=1e-3)
    decoded, scores = codec.decode(read.numpy())
    np.testing.assert_allclose(decoded, xy, atol=0.05)  # the codec's own bound away from the rim
    np.testing.assert_allclose(scores, codec.decode(bells)[1], atol=1e-3)


def test_a_network_without_an_idea_has_low_scores():
    codec = heatmaps_of((144, 192))
    read = PlainPose(codec, 2, SMALL).readable(torch.zeros(1, 2, 48, 36))
    assert codec.decode(*(output.numpy() for output in read))[1].max() < 0.01


@pytest.mark.parametrize(("name", "millions"), [("plain-s", 1.9), ("plain-m", 3.2)])
def test_parameters_are_as_many_as_documented(name, millions):
    plan = architecture(name)
    with torch.device("meta"):
        network = plan.build(plan.codec(plan.input_size), 17)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions
