"""How a server ends: drained, at once, or by itself when nobody needs it."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from e2e.commands import GATED
from support.mcp_clients import call, over_stdio
from support.rest_client import calling
from support.server import Server, marked, serving, shell, until

PATIENT_S = "600"

OUTLASTS = """
sleep 3
cp "$1" "$2.draft"
mv "$2.draft" "$2"
"""
"""Keeps at work for longer than the server waits for a client, and keeps what its log $1 said."""


@pytest.fixture
def server() -> Iterator[Server]:
    commands = (shell("work", GATED, "a"), shell("again", GATED, "a", on_crash="retry"))
    with serving(*commands, drain_s=PATIENT_S, concurrency="2") as server:
        yield server


def test_a_drain_waits_for_what_runs_and_puts_back_what_has_not_begun(server: Server) -> None:
    gate = server.path("gate")
    with calling(server) as client:
        running = client.start("work", str(gate))
        until(lambda: client.log(running["id"])["text"], "its first line")
        spawner = _spawner(server)
        spawner.suspend()  # whatever starts now hangs between its claim and its program
        try:
            claimed = client.wait(client.start("again", str(gate))["id"], "running")
            queued = client.start("work", str(gate))
            server.signal(signal.SIGTERM)
            until(lambda: server.readiness() == 503, "a server that says it drains")
            put_back = client.wait(claimed["id"], "queued")
            assert put_back["attempts"] == []
            assert client.task(running["id"])["state"] == "running"
            gate.touch()
        finally:
            spawner.resume()
        assert server.ended() == 0
        assert not (server.data / "server.json").exists()
        assert not (server.data / "mcp.sock").exists()
        assert server.rows("SELECT state FROM tasks WHERE id = ?", running["id"]) == [
            ("succeeded",)
        ]
        server.start()
        done = client.wait(claimed["id"])
        assert [attempt["outcome"] for attempt in done["attempts"]] == ["succeeded"]
        reasons = [
            event["data"]["reason"]
            for event in client.events(claimed["id"])
            if event["type"] == "queued"
        ]
        assert reasons == ["execute", "drain"]
        assert client.wait(queued["id"])["state"] == "succeeded"


def _spawner(server: Server) -> psutil.Process:
    (spawner,) = server.process.children()
    return spawner


def test_a_second_signal_does_not_wait(server: Server) -> None:
    with calling(server) as client:
        lost = client.wait(client.start("work", "/nowhere")["id"], "running")
        again = client.wait(client.start("again", "/nowhere")["id"], "running")
        until(lambda: marked(lost["id"]) and marked(again["id"]), "both programs")
        server.signal(signal.SIGTERM)
        until(lambda: server.readiness() == 503, "a server that says it drains")
        assert marked(lost["id"])
        server.signal(signal.SIGTERM)
    assert server.ended() == 0
    assert not marked(lost["id"])
    assert not marked(again["id"])
    rows = dict(server.rows("SELECT id, state FROM tasks"))
    assert rows == {lost["id"]: "failed", again["id"]: "queued"}
    outcomes = server.rows("SELECT outcome FROM attempts")
    assert outcomes == [("lost",), ("lost",)]


async def test_a_server_for_clients_ends_when_it_has_none_and_no_work() -> None:
    server = Server(shell("outlast", OUTLASTS, "a", "b"))
    try:
        server.start("--detached", "--idle-exit-s", "1")
        kept = server.path("kept")
        with calling(server, "agent") as client:
            waiting = client.create("outlast", {"a": "", "b": ""})
        async with over_stdio(server) as chat:
            # Three seconds without a request: only the open connection keeps the server.
            await call(chat, "wait_for_tasks", tasks=[waiting["id"]], timeout_s=3)
            assert "idle" not in server.log
            arguments = {"a": str(server.root / "log"), "b": str(kept)}
            await call(chat, "run_command", command="outlast", arguments=arguments, wait_s=0)
        until(kept.exists, "the end of the task")
        assert "idle" not in kept.read_text(), "the server gave up while its task ran"
        assert server.ended() == 0
        assert "stopping: idle" in server.log
        assert not (server.data / "server.json").exists()
        assert server.rows("SELECT state FROM tasks ORDER BY created_at") == [
            ("created",),
            ("succeeded",),
        ]
    finally:
        server.close()
