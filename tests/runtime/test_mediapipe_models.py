"""The real networks that pruning is there for, as the hub brings them."""

import numpy as np
import pytest

from pinpoint import hub
from pinpoint.runtime.litert import LiteRtSession

MODELS = [
    name
    for name, spec in hub.catalogue().items()
    if any(file.source.startswith("wheel:mediapipe") for file in spec.files)
]


@pytest.mark.network
@pytest.mark.parametrize("name", MODELS)
def test_each_output_alone_keeps_every_bit(name):
    for path in hub.pull(hub.find(name)).values():
        whole = LiteRtSession(path, threads=1)
        picture = np.random.default_rng(0).random((1, *whole.input.shape[1:])).astype(whole.input.dtype)
        for output, expected in zip(whole.outputs, whole.run(picture), strict=True):
            (array,) = LiteRtSession(path, outputs=[output.name], threads=1).run(picture)
            np.testing.assert_array_equal(array, expected)


@pytest.mark.network
def test_the_pose_network_without_its_segmentation_keeps_every_bit():
    (path,) = hub.pull(hub.find("mediapipe-pose-full")).values()
    whole = LiteRtSession(path)
    names = [output.name for output in whole.outputs if output.shape != (1, 256, 256, 1)]
    picture = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    results = dict(zip((output.name for output in whole.outputs), whole.run(picture), strict=True))
    for name, array in zip(names, LiteRtSession(path, outputs=names).run(picture), strict=True):
        np.testing.assert_array_equal(array, results[name])
