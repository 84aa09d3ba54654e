"""Servers whose lease is short, so that what is lost is soon taken back."""

from collections.abc import Iterator

import pytest

from chaos.marks import COMMANDS
from support.rest_client import RestClient, calling
from support.server import Server, serving

LEASE_S = "3"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*COMMANDS, lease_s=LEASE_S, concurrency="8") as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    with calling(server) as client:
        yield client
