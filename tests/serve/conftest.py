"""A client of a server in this process, with a fake model and the usual limits."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from serve.served import client_of, service_of


@pytest.fixture
def client() -> Iterator[TestClient]:
    with client_of(service_of()) as client:
        yield client
