"""Real models are loaded once for all tests that ask for them."""

from functools import cache

import pytest

import pinpoint as pp


@pytest.fixture(scope="session")
def loaded():
    """`pp.load` that remembers; tests that ask for models from PyPI carry the marker `network`."""
    return cache(pp.load)
