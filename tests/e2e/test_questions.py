"""Questions through a real server: over REST, MCP and the command line, and over its death."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.callables import ASKING, install
from support.mcp_clients import call, over_http
from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, serving, shell

SECRET = "s3cret-of-a-question"
FORM: Document = {
    "type": "object",
    "description": "Which word?",
    "properties": {"word": {"type": "string"}, "loud": {"type": "boolean", "default": False}},
    "required": ["word"],
}


def _function(name: str, **fields: Any) -> Document:
    run = {"python": {"call": name}}
    return {"name": name, "description": name, "run": run, "expose": "tool", **fields}


def _asking(name: str, **fields: Any) -> Document:
    run = {"process": {"argv": ["printf", "%s %s\\n", "{word}", "{loud?LOUD}"]}}
    return {"name": name, "description": name, "run": run, "ask": FORM, **fields}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    functions = [_function(name) for name in ASKING if name != "telling"]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setenv("TOKEN", SECRET)
        with serving(
            *functions,
            _function("telling", secrets=["TOKEN"]),
            _asking("asking"),
            _asking("impatient", expires_in_s=0.1),
            shell("plain", 'echo "[]" > "$(dirname "$ERRANDRY_RESULT")/questions"'),
            packages=[install(Path(folder))],
            toolsets="core,operator",
            lease_s="2",
        ) as made:
            yield made


@pytest.fixture
def client(server: Server) -> Iterator[RestClient]:
    with calling(server, "agent") as client:
        yield client


def answer(client: RestClient, task: Document, **contents: Document) -> Document:
    responses = {
        key.replace("_", "-"): {"action": "accept", "content": content}
        for key, content in contents.items()
    }
    answered = client.http.post(f"/tasks/{task['id']}/input", json={"responses": responses})
    assert answered.status_code == 202, answered.text
    given: Document = answered.json()["task"]
    return given


def test_a_program_is_asked_before_it_starts(client: RestClient) -> None:
    task = client.start("asking")
    assert task["state"] == "input_required"
    path = f"/tasks/{task['id']}/input"
    wrong = {"responses": {"ask": {"action": "accept", "content": {"word": 5}}}}
    refused = problem(client.http.post(path, json=wrong), 422, "invalid_arguments")
    assert [fault["path"] for fault in refused["errors"]] == ["/responses/ask/content/word"]
    assert answer(client, task, nobody={})["revision"] == task["revision"]
    answer(client, task, ask={"word": "hello", "loud": True})
    ended = client.wait(task["id"])
    assert ended["result"]["output"] == "hello LOUD\n"
    assert (ended["arguments"], ended["input_requests"]) == ({}, None)


def test_a_question_that_nobody_answers_gives_up(client: RestClient) -> None:
    ended = client.wait(client.start("impatient")["id"])
    assert (ended["state"], ended["error"]["code"]) == ("failed", "input_expired")


def test_a_function_asks_while_it_runs_and_all_of_it_survives_the_server(
    server: Server, client: RestClient
) -> None:
    task = client.wait(client.start("careful")["id"], "input_required")
    assert task["input_requests"]["ask-1"]["params"]["message"] == "Really?"
    assert task["progress"]["message"] == "asking"
    server.kill9()
    server.start()
    assert client.task(task["id"]) == task
    answer(client, task, ask_1={"sure": True})
    two = client.wait(task["id"], "input_required")
    assert [*two["input_requests"]] == ["ask-2", "ask-3"]
    answer(client, two, ask_3={"sure": False}, ask_1={"sure": False})
    server.kill9()
    server.start()
    one = client.task(task["id"])
    assert [*one["input_requests"]] == ["ask-2"]
    answer(client, one, ask_2={"sure": True})
    three = client.wait(task["id"], "input_required")
    answer(client, three, ask_4={})
    ended = client.wait(task["id"])
    assert ended["result"] == [{"sure": True}, {"sure": False}, {}]
    assert (ended["attempt"], ended["max_attempts"]) == (4, 1)
    outcomes = [attempt["outcome"] for attempt in ended["attempts"]]
    assert outcomes == ["asked", "asked", "asked", "succeeded"]
    assert client.log(task["id"])["text"] == "attempt 4\n"
    assert client.log(task["id"], attempt=1)["text"] == "attempt 1\n"
    asked = [each for each in client.events(task["id"]) if each["type"] == "input_requested"]
    assert [(each["attempt"], each["data"]["keys"]) for each in asked] == [
        (1, ["ask-1"]),
        (2, ["ask-2", "ask-3"]),
        (3, ["ask-4"]),
    ]


def test_a_coroutine_function_asks_as_well(client: RestClient) -> None:
    task = client.wait(client.start("in_time")["id"], "input_required")
    answer(client, task, ask_1={"sure": True})
    assert client.wait(task["id"])["result"] == {"sure": True}


def test_a_function_that_asks_something_else_when_called_again_fails(client: RestClient) -> None:
    task = client.wait(client.start("fickle")["id"], "input_required")
    answer(client, task, ask_1={})
    ended = client.wait(task["id"])
    assert (ended["state"], ended["error"]["code"]) == ("failed", "exit_code")
    assert "OtherQuestion: Before, another question was asked" in ended["error"]["output"]


def test_a_function_cannot_ask_for_what_is_no_form(client: RestClient) -> None:
    error = client.wait(client.start("formless")["id"])["error"]
    assert error["code"] == "result_invalid"
    assert "/properties/a" in error["message"]


def test_a_question_shows_no_secret_and_is_known_again(client: RestClient) -> None:
    task = client.wait(client.start("telling")["id"], "input_required")
    assert task["input_requests"]["ask-1"]["params"]["message"] == "Is it ***?"
    answer(client, task, ask_1={"sure": True})
    assert client.wait(task["id"])["result"] == {"sure": True}


def test_a_program_cannot_ask_while_it_runs(client: RestClient) -> None:
    assert client.wait(client.start("plain")["id"])["state"] == "succeeded"


def test_the_command_line_answers(server: Server, client: RestClient) -> None:
    task = client.start("asking")
    status, _, err = server.run("tasks", "answer", task["id"])
    assert (status, "asks: Which word?" in err) == (2, True)
    status, _, err = server.run("tasks", "answer", task["id"], "wort=x")
    assert (status, "/responses/ask/content/word" in err) == (2, True)
    assert server.run("tasks", "answer", task["id"], "word=typed")[0] == 0
    assert client.wait(task["id"])["result"]["output"] == "typed \n"
    task = client.start("asking")
    assert server.run("tasks", "answer", task["id"], "--decline")[0] == 0
    assert client.task(task["id"])["error"]["code"] == "input_declined"


async def test_an_agent_is_told_what_is_asked_and_can_answer(
    server: Server, client: RestClient
) -> None:
    async with over_http(server) as mcp:
        ran = await call(mcp, "run_command", command="asking")
        alias = ran["task"]["alias"]
        assert [*ran["task"]["input_requests"]] == ["ask"]
        waited = await call(mcp, "wait_for_tasks", tasks=[alias], until="input")
        for told in (ran, waited):
            assert "It asks (ask: Which word?)." in told["next"]
            assert f'answer_task, call it with task="{alias}"' in told["next"]
            assert f"errandry tasks answer {ran['task']['id']}" in told["next"]
        responses = {"ask": {"action": "accept", "content": {"word": "agent"}}}
        answered = await call(mcp, "answer_task", task=alias, responses=responses)
        assert "input_requests" not in answered["task"]
        waited = await call(mcp, "wait_for_tasks", tasks=[alias])
        assert waited["tasks"][0]["result"]["output"] == "agent \n"
        handle = await call(mcp, "careful")
        assert [*handle["task"]["input_requests"]] == ["ask-1"]
        declined = {"ask-1": {"action": "cancel", "content": None}}
        ended = await call(mcp, "answer_task", task=handle["task"]["alias"], responses=declined)
        assert ended["task"]["error"]["code"] == "input_declined"
