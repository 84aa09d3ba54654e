"""One server for all tests that only talk to it; each test is a principal of its own."""

import json
from collections.abc import Iterator

import pytest

from e2e.commands import COMMANDS
from support.rest_client import RestClient, calling
from support.server import Server
from support.tokens import Issuer
from support.wire import HttpRoad, SocketRoad, TaskClient


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    """An issuer that the server trusts besides the local one."""
    return Issuer()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on PostgreSQL as well what the mark asks it for; the others run on SQLite alone."""
    both = metafunc.definition.get_closest_marker("both_databases")
    if both and "server" in metafunc.fixturenames:
        metafunc.parametrize("server", ["sqlite", "postgresql"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(issuer: Issuer, request: pytest.FixtureRequest) -> Iterator[Server]:
    settings = {"jwt_issuer": issuer.name}
    if getattr(request, "param", "sqlite") == "postgresql":
        settings["database_url"] = request.getfixturevalue("new_database")
    server = Server(*COMMANDS, **settings)
    keys = server.path("keys")
    keys.write_text(json.dumps(issuer.jwk_set))
    try:
        yield server.start(jwt_keys=str(keys))
    finally:
        server.close()


@pytest.fixture
def agent(server: Server) -> Iterator[RestClient]:
    """The principal of every stdio client."""
    with calling(server, "agent") as client:
        yield client


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    """A principal that nobody has seen before."""
    with calling(server) as client:
        yield client


@pytest.fixture
def admin(server: Server) -> Iterator[RestClient]:
    with calling(server, scope="admin") as client:
        yield client


@pytest.fixture(params=[HttpRoad, SocketRoad])
def tasks(request: pytest.FixtureRequest, server: Server) -> Iterator[TaskClient]:
    """The agent as a client that knows the Tasks extension, on each road."""
    client = TaskClient(request.param(server))
    yield client
    client.close()


@pytest.fixture
def running(tasks: TaskClient, agent: RestClient, server: Server) -> Iterator[str]:
    """The id of a task that runs, cancelled afterwards."""
    task_id = tasks.start("gated", str(server.path("gate")))["taskId"]
    agent.wait(task_id, "running")
    yield task_id
    agent.http.post(f"/tasks/{task_id}/cancel")
    agent.wait(task_id)
