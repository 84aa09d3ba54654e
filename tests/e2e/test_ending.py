"""How a server ends: drained, at once, or by itself when nobody needs it."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from e2e.commands import GATED
from support.mcp_clients import call, over_stdio
from support.rest_client import calling
from support.server import Server, serving, shell
from support.waiting import marked, until

PATIENT_S = "600"
IDLE_S, LONGER_S = "1", 2.5

OUTLASTS = f"""
sleep {LONGER_S}
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
    kept = server.path("kept")
    try:
        server.begin("--detached", "--idle-exit-s", IDLE_S)
        with connected(server):
            async with over_stdio(server) as chat:
                with calling(server, "agent") as client:
                    unstarted = client.create("outlast", {"a": "", "b": ""})
                # No request comes meanwhile: only the connections keep the server.
                await call(chat, "wait_for_tasks", tasks=[unstarted["id"]], timeout_s=LONGER_S)
                assert "idle" not in server.log
                delayed = {"command": "outlast", "delay_s": 1, "wait_s": 0}
                arguments = {"a": str(server.root / "log"), "b": str(kept)}
                await call(chat, "run_command", arguments=arguments, **delayed)
        until(kept.exists, "the end of the task")
        assert "idle" not in kept.read_text(), "the server gave up while its task waited or ran"
        assert server.ended() == 0
        assert "stopping: idle" in server.log
        assert not (server.data / "server.json").exists()
        states = server.rows("SELECT state FROM tasks ORDER BY created_at")
        assert states == [("created",), ("succeeded",)]
    finally:
        server.close()


@contextmanager
def connected(server: Server) -> Iterator[None]:
    """Hold a connection to the private socket from the first moment that there is one."""
    with socket.socket(socket.AF_UNIX) as line:
        address = str(server.data / "mcp.sock")
        until(lambda: line.connect_ex(address) == 0, "the private socket")
        yield
