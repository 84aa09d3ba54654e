"""Executors of other packages through a real server: what they may do, well and badly."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.executors_of_others import BAD, GOOD, SOURCE
from support.packages import write
from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, serving, shell
from support.waiting import marked, until, until_gone

VALUE = "s3cret-of-an-executor"
WAYS = ("failed", "lost", "missing", "bug", "exit", "nonsense")


def _command(name: str, executor: str | None = None, **fields: Any) -> Document:
    run = {executor or name: fields.pop("fields", {})}
    anything = {"type": "object"}
    return {"name": name, "description": name, "parameters": anything, "run": run, **fields}


COMMANDS = (
    _command("echo", fields={"x": [1]}, timeout_s=60),
    _command("picky", "echo", result={"required": ["product"]}),
    _command("spill", secrets=["TOKEN"]),
    _command("spill-badly", "spill", secrets=["TOKEN"], fields={"badly": True}),
    _command("tree"),
    _command("stubborn"),
    _command("again", "failing", fields={"how": "lost"}, on_crash="retry"),
    *(_command(way, "failing", fields={"how": way}) for way in WAYS),
    _command("stop"),
    _command("robot"),
    shell("ours", "echo ours"),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("TOKEN", VALUE)
        packages = [write(Path(folder), "others", SOURCE, GOOD | BAD)]
        with serving(*COMMANDS, packages=packages) as made:
            yield made


def test_an_executor_runs_in_a_process_of_its_own(server: Server, client: RestClient) -> None:
    task = client.ended("echo", word="w")
    assert task["state"] == "succeeded", task["error"]
    assert task["result"].pop("pid") != server.process.pid
    assert task["result"] == {"fields": {"x": [1]}, "arguments": {"word": "w"}, "timeout_s": 60}
    assert task["progress"] == {"current": 1, "total": 2, "message": "half way"}
    assert client.log(task["id"])["text"] == "attempt 1 of echo\nprinted\n"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("failed", "exit_code", "it went wrong"),
        ("lost", "attempt_lost", "the line broke"),
        ("missing", "not_startable", "there is no robot"),
        ("bug", "exit_code", "ValueError: a bug"),
        ("exit", "exit_code", "exit code 7"),
        ("nonsense", "exit_code", "not JSON serializable"),
        ("picky", "result_invalid", '"product" is missing'),
    ],
)
def test_what_goes_wrong_is_said(client: RestClient, name: str, code: str, said: str) -> None:
    error = client.ended(name)["error"]
    assert error["code"] == code
    assert said in f"{error['message']} {error['output']}"


def test_what_is_lost_follows_on_crash(client: RestClient) -> None:
    task = client.ended("again")
    assert (task["attempt"], task["error"]["code"]) == (3, "attempt_lost")


def test_a_secret_shows_nowhere(client: RestClient) -> None:
    task = client.ended("spill")
    assert (task["state"], task["result"]) == ("succeeded", ["***"])
    assert task["progress"]["message"] == "***"
    assert client.log(task["id"])["text"].count("***") == 3
    badly = client.ended("spill-badly")
    assert badly["error"]["message"] == "x" * 995 + "***"
    for each in (task, badly):
        for path in ("", "/events", "/logs", "/status"):
            assert VALUE[:6] not in client.http.get(f"/tasks/{each['id']}{path}").text


def test_a_cancel_ends_the_executor_and_what_it_started(client: RestClient) -> None:
    task = client.start("tree")
    until(lambda: len(marked(task["id"])) >= 2, "the executor and its child")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    until_gone(task["id"])


def test_who_does_not_listen_is_killed_after_the_grace(client: RestClient) -> None:
    task = client.start("stubborn")
    until(lambda: "begun" in client.log(task["id"])["text"], "the executor")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    assert "never" in client.log(task["id"])["text"]
    until_gone(task["id"])


def test_a_command_of_a_broken_or_missing_executor_is_a_fault_of_its_file(server: Server) -> None:
    with calling(server, scope="admin") as admin:
        answer = admin.http.get("/commands").json()
        told = {fault["file"]: fault["message"] for fault in answer["faults"]}
        assert told.keys() == {"stop.json", "robot.json"}
        assert '"stop" of others 1.0 cannot be loaded: SystemExit: 1' in told["stop.json"]
        assert 'no installed package brings the executor "robot"' in told["robot.json"]
        refused = problem(
            admin.http.post("/commands", json=_command("r2", "robot")), 422, "invalid_command"
        )
        assert [fault["path"] for fault in refused["errors"]] == ["/run/robot"]


def test_a_built_in_executor_cannot_be_replaced(client: RestClient) -> None:
    assert client.ended("ours")["result"]["output"] == "ours\n"


def test_doctor_fails_for_what_is_of_no_use(server: Server) -> None:
    status, out, _ = server.run("doctor", "--json")
    assert status == 1
    for name in BAD:
        assert f"{name} of others 1.0" in out


def test_an_attempt_lives_as_long_as_its_lease_is_renewed(server: Server) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = Server(_command("long", fields={"s": 3}), lease_s="2")
        own.packages.append(write(Path(folder), "others", SOURCE, GOOD))
        try:
            own.start()
            with calling(own) as client:
                task = client.ended("long")
        finally:
            own.close()
    assert task["state"] == "succeeded", task["error"]


def test_a_task_whose_executor_is_gone_says_so(server: Server) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = Server(_command("echo"))
        own.packages.append(write(Path(folder), "others", SOURCE, GOOD))
        try:
            own.start()
            with calling(own, sub="me") as client:
                task = client.create("echo")
            own.packages.clear()
            own.stop()
            own.start()
            with calling(own, sub="me") as client:
                assert client.http.post(f"/tasks/{task['id']}/execute").status_code == 202
                error = client.wait(task["id"])["error"]
        finally:
            own.close()
    assert error["code"] == "not_startable"
    assert 'no installed package brings the executor "echo"' in error["message"]
