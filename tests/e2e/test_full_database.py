"""A database that is full: refused in time, nothing by halves, and all goes on with new space."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.mcp_clients import over_http
from support.rest_client import RestClient, problem
from support.server import Server, serving, shell
from support.waiting import until

PROGRAM = Path(__file__).with_name("programs") / "full_database.py"

TALKS = """
echo begun
until [ -e "$1" ]; do sleep 0.02; done
yes 'a line of the log' | head -n 20000
echo ended
"""
SAYS_NOTHING = 'until [ -e "$1" ]; do sleep 0.02; done'
LARGE = "x" * 100_000


@pytest.fixture
def server() -> Iterator[Server]:
    commands = (
        shell("talk", TALKS, "a"),
        shell("still", SAYS_NOTHING, "a"),
        shell("keep", "true", "a"),
    )
    with serving(*commands, program=[str(PROGRAM)]) as server:
        yield server


def stored(server: Server) -> list[tuple[str, str]]:
    return server.rows("SELECT task_id, type FROM events ORDER BY task_id, seq")


async def test_a_full_database_refuses_and_loses_nothing(
    server: Server, client: RestClient
) -> None:
    gate, full = server.path("gate"), server.root / "full"
    running = [client.start(name, str(gate)) for name in ("talk", "still")]
    for task in running:
        client.wait(task["id"], "running")
    until(lambda: client.log(running[0]["id"])["text"], "its first line")
    before = stored(server)

    full.touch()
    request = {"command": "keep", "arguments": {"a": LARGE}}
    key = {"Idempotency-Key": "kept-for-later"}
    for _ in range(2):
        refused = client.http.post("/tasks", json=request, headers=key)
        problem(refused, 503, "unavailable")
        assert int(refused.headers["retry-after"]) > 0
    async with over_http(server, sub=client.sub) as chat:
        answer = await chat.call_tool("run_command", request)
        assert answer.is_error
        assert answer.structured_content is not None
        assert answer.structured_content["code"] == "unavailable"
    assert stored(server) == before
    assert client.task(running[0]["id"])["state"] == "running"

    gate.touch()
    until(lambda: "cannot store" in server.log or "cannot record" in server.log, "a failed write")
    assert client.http.get("/tasks").status_code == 200

    full.unlink()
    for task in running:
        done = client.wait(task["id"])
        assert (done["state"], done["attempt"]) == ("succeeded", 1)
    log = client.log(running[0]["id"], fold=False, lines=1)
    assert (log["text"], log["total_lines"], log["lost_bytes"]) == ("ended\n", 20_002, 0)
    again = client.http.post("/tasks", json=request, headers=key)
    assert again.status_code == 201
    assert "idempotent-replayed" not in again.headers
    assert client.wait(client.start("keep", "x")["id"])["state"] == "succeeded"
    assert len(client.http.get("/tasks").json()["tasks"]) == len(running) + 2
