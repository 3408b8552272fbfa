"""What a run shows of its validation samples."""

import numpy as np

from pinpoint.training import plan
from shapes import make_shapes


def test_pictures_show_the_labels_above_what_the_network_reads(tmp_path):
    """Crops of 32 x 32 are shown eight times as large, and differ where the points are drawn only."""
    config = {
        "data": [{"annotations": str(make_shapes(tmp_path, 20))}],
        "model": "plain-n",
        "input_size": [32, 32],
    }
    task = plan(config, cache=tmp_path / "cache").task
    pictures = task.pictures(task.network.eval())
    assert [picture.shape for picture in pictures] == [(512, 256, 3)] * 2
    above, below = pictures[0][:256], pictures[0][256:]
    assert 0 < (above != below).any(axis=2).mean() < 0.2
    assert np.ptp(above) > 100
