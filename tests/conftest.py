"""What the tests of several folders need: numbers by chance that repeat, the shared data, a photograph."""

import warnings
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).parents[1] / "../shared/data"


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every run."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real annotated photographs and weights. Tests that ask for it carry the marker `shared`."""
    if not SHARED.is_dir():
        pytest.skip(f"needs {SHARED}")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """One person, face and a hand in view: RGB, 512 x 512, in the public domain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's own imports
        from skimage.data import astronaut

        return astronaut()
