"""The weights to go on from are those that the package runs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pinpoint.hub import find
from pinpoint.hub.cache import path_of
from pinpoint.runtime import open_session
from pinpoint.training.export import load_trained

WEIGHTS = Path(__file__).parents[2] / "weights"


@pytest.mark.parametrize("name", ["body-s", "face-s", "person-n"])
def test_weights_to_go_on_from_say_what_the_embedded_file_says(name, rng):
    """To what 16 bits are worth: one file is rounded before batch norms are folded in, the other after."""
    network, spec = load_trained(WEIGHTS / f"{name}.safetensors")
    width, height = spec.input_size
    pictures = rng.normal(size=(1, 3, height, width)).astype(np.float32)
    with torch.inference_mode():
        said = network.float().eval().readable(*network(torch.from_numpy(pictures)))
    (embedded,) = open_session(path_of(find(name).files[0])).run(pictures)
    np.testing.assert_allclose(said[0].numpy(), embedded, atol=0.02 * np.abs(embedded).max())
