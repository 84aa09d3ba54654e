"""Functions of installed packages through a real server."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.callables import NAMES, install
from support.rest_client import RestClient
from support.server import Document, Server, serving
from support.waiting import marked, until, until_gone

VALUE = "s3cret-of-a-function"


def _command(name: str, **fields: object) -> Document:
    numbers = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
    run = {"python": {"call": name}}
    return {"name": name, "description": name, "parameters": numbers, "run": run, **fields}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    commands = [_command(name) for name in (*NAMES, "nobody")]
    secret = _command("spill", secrets=["TOKEN"])
    picky = _command("picky", result={"required": ["product"]}) | {"run": _command("add")["run"]}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("TOKEN", VALUE)
        with serving(*commands, secret, picky, packages=[install(Path(folder))]) as made:
            yield made


def test_a_function_runs_in_a_process_of_its_own(server: Server, client: RestClient) -> None:
    task = client.ended("add", a=2, b=0.5)
    assert task["state"] == "succeeded", task["error"]
    assert task["result"]["sum"] == 2.5
    assert task["result"]["pid"] != server.process.pid
    assert task["progress"] == {"current": 1, "total": 2, "message": "half way"}
    assert client.log(task["id"])["text"] == f"attempt 1 of {task['id']}\nprinted\n"


def test_nothing_may_be_returned(client: RestClient) -> None:
    task = client.ended("wait")
    assert (task["state"], task["result"]) == ("succeeded", None)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("boom", "exit_code", "ValueError: boom of a function"),
        ("nonsense", "exit_code", "not JSON serializable"),
        ("picky", "result_invalid", '"product" is missing'),
        ("nobody", "not_startable", 'no installed package has the function "nobody"'),
    ],
)
def test_what_goes_wrong_is_said(client: RestClient, name: str, code: str, said: str) -> None:
    error = client.ended(name, a=1, b=1)["error"]
    assert error["code"] == code
    assert said in f"{error['message']} {error['output']}"


def test_a_secret_is_in_the_environment_and_shows_nowhere(client: RestClient) -> None:
    task = client.ended("spill")
    assert (task["state"], task["result"]) == ("succeeded", "***")
    assert client.log(task["id"])["text"] == "***\n"


def test_a_cancel_ends_the_function_and_what_it_started(client: RestClient) -> None:
    task = client.start("tree")
    until(lambda: len(marked(task["id"])) >= 2, "the function and its child")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    until_gone(task["id"])
