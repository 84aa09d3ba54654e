"""A server whose lease is short, so that what is lost is soon taken back."""

from collections.abc import Iterator

import pytest

from chaos.marks import COMMANDS
from support.rest_client import RestClient, calling
from support.server import Server, serving

LEASE_S = "3"


@pytest.fixture(scope="session")
def shared() -> Iterator[Server]:
    with serving(*COMMANDS, lease_s=LEASE_S, concurrency="8") as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """The one server; a test that failed may have left it dead."""
    return shared if shared.readiness() == 200 else shared.start()


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    with calling(server) as client:
        yield client
