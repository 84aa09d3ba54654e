"""The whole story on real processes: several clients, one task after the other, and a crash."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from e2e.commands import GATED, TREE
from support.mcp_clients import call, over_stdio
from support.rest_client import RestClient, calling
from support.server import Server, result, serving, shell
from support.waiting import marked, until, until_gone

SURVIVES = GATED + 'echo "attempt $ERRANDRY_ATTEMPT"'


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    settings = {"lease_s": "2"}
    if request.param == "postgresql":
        settings["database_url"] = request.getfixturevalue("new_database")
    commands = (
        shell("work", GATED, "a"),
        shell("tree", TREE, "a"),
        shell("survive", SURVIVES, "a", on_crash="retry"),
    )
    with serving(*commands, **settings) as server:
        yield server


async def test_a_task_goes_through_every_hand_and_survives_a_crash(server: Server) -> None:
    with calling(server, "agent") as maker, calling(server, "agent") as starter:
        async with over_stdio(server) as chat:
            gate = server.path("gate")
            made = maker.create("work", {"a": str(gate)})
            execute = starter.http.post(f"/tasks/{made['id']}/execute")
            assert execute.json()["message"] == "Task execution started"
            terminals = [
                server.open("tasks", "logs", "-f", made["alias"]),
                server.open("tasks", "watch", made["alias"]),
            ]
            await anyio.to_thread.run_sync(_follow, terminals, gate)
            waited = await call(chat, "wait_for_tasks", tasks=[made["alias"]])
            assert waited["met"]

            second = server.path("gate")
            arguments = {"a": str(second)}
            ran = await call(chat, "run_command", command="work", arguments=arguments, wait_s=0)
            assert maker.wait(ran["task"]["id"], "running")["owner"]["sub"] == "agent"
            second.touch()
            waited = await call(chat, "wait_for_tasks", tasks=[ran["task"]["alias"]])
            assert waited["tasks"][0]["result"]["output"] == "begun\nended\n"

            started = server.path("started")
            tree = maker.start("tree", str(started))
            until(started.exists, "the tree")
            assert len(marked(tree["id"])) >= 3
            await call(chat, "cancel_task", task=tree["alias"])
            assert maker.wait(tree["id"])["state"] == "cancelled"
            assert not marked(tree["id"])
        _crash(server, maker)


def _follow(terminals: "list[subprocess.Popen[str]]", gate: Path) -> None:
    """See the first lines in both terminals, let the task end, and see the rest."""
    logs, watch = terminals
    assert logs.stdout is not None
    assert watch.stderr is not None
    assert logs.stdout.readline() == "begun\n"
    assert any("running" in line for line in iter(watch.stderr.readline, ""))
    gate.touch()
    assert result(logs)[:2] == (0, "ended\n")
    status, out, err = result(watch)
    assert status == 0, err
    assert "succeeded" in out + err


def _crash(server: Server, client: RestClient) -> None:
    gate = server.path("gate")
    task = client.start("survive", str(gate))
    client.wait(task["id"], "running")
    until(lambda: client.log(task["id"])["text"] == "begun\n", "the first line of its log")
    server.kill9()
    until_gone(task["id"])
    server.start()
    until(lambda: client.task(task["id"])["attempt"] == 2, "the second attempt")
    gate.touch()
    done = client.wait(task["id"])
    assert done["state"] == "succeeded"
    assert done["result"]["output"] == "begun\nended\nattempt 2\n"
    assert [attempt["outcome"] for attempt in done["attempts"]] == ["lost", "succeeded"]
    facts = [(event["type"], event["attempt"]) for event in client.events(task["id"])]
    assert facts == [
        ("created", None),
        ("queued", None),
        ("attempt_started", 1),
        ("attempt_finished", 1),
        ("queued", None),
        ("attempt_started", 2),
        ("attempt_finished", 2),
        ("finished", None),
    ]
    assert client.log(task["id"], attempt=1)["text"] == "begun\n"
