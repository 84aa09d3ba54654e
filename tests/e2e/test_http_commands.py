"""Requests and secrets through a real server: what arrives, and that no surface shows a value."""

import json
from collections.abc import Iterator

import pytest

from support.rest_client import RestClient
from support.server import Document, Server, serving
from support.waiting import until
from support.web import NEVER, Web, answer, web_in_a_thread

VALUE = "s3cret/canary+0123456789"

LOUD = r"""
echo "length ${#TOKEN}"
printf %.5s "$TOKEN"; sleep 0.3; printf '%s\n' "${TOKEN#?????}"
printf %s "$TOKEN" | base64 >&2
printf '{"message": "%s"}\n' "$TOKEN" >> "$ERRANDRY_PROGRESS"
printf '{"said": "%s"}' "$TOKEN" > "$ERRANDRY_RESULT"
tr '\0' '\n' < /proc/$$/cmdline
exit "$1"
"""


def _command(name: str, run: Document, **fields: object) -> Document:
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    return {"name": name, "description": name, "parameters": parameters, "run": run, **fields}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with web_in_a_thread({"/never": NEVER, "/busy": answer("busy", status="503 Busy")}) as made:
        yield made


@pytest.fixture(scope="module")
def server(web: Web) -> Iterator[Server]:
    place = f"127.0.0.1:{web.port}"

    def http(name: str, path: str, method: str = "GET", **more: object) -> Document:
        fields = {"method": method, "url": f"http://{place}{path}", "allow": [place]}
        return _command(name, {"http": fields | more}, secrets=["TOKEN"])

    argv = ["sh", "-c", LOUD.replace("{", "{{").replace("}", "}}"), "loud", "{a}"]
    commands = (
        http(
            "send",
            "/x/{a}",
            "POST",
            headers={"Authorization": "Bearer {secret:TOKEN}"},
            json={"a": "{a}", "key": "{secret:TOKEN}"},
        ),
        http("never", "/never"),
        http("busy", "/busy") | {"retry": {"max_attempts": 2, "base_s": 0}},
        http("closed", "/x") | {"run": {"http": {"method": "GET", "url": f"http://{place}/x"}}},
        _command("loud", {"process": {"argv": argv}}, secrets=["TOKEN"]),
        _command("poor", {"process": {"argv": ["true"]}}, secrets=["NOBODY_HAS_THIS"]),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", VALUE)
        with serving(*commands) as made:
            yield made


def _shows_nowhere(server: Server, client: RestClient, task: Document) -> None:
    paths = ["", "/status", "/events", "/logs"]
    for path in [*(f"/tasks/{task['id']}{path}" for path in paths), "/tasks", "/commands"]:
        assert VALUE[:8] not in client.http.get(path).text, path
    raw = client.http.get(f"/tasks/{task['id']}/logs", headers={"Accept": "text/plain"})
    assert VALUE[:8] not in raw.text
    assert VALUE[:8] not in server.log
    for file in server.data.glob("errandry.db*"):
        assert VALUE[:8].encode() not in file.read_bytes(), file


def test_a_request_arrives_with_its_secret_and_the_answer_comes_without(
    server: Server, client: RestClient, web: Web
) -> None:
    task = client.wait(client.start("send", "../ö")["id"])
    assert task["state"] == "succeeded", task["error"]
    asked = next(asked for asked in web.asked if asked.method == "POST")
    assert asked.target == "/x/..%2F%C3%B6"
    assert asked.headers["authorization"] == f"Bearer {VALUE}"
    assert asked.headers["idempotency-key"] == task["id"]
    assert json.loads(asked.body) == {"a": "../ö", "key": VALUE}
    assert task["result"]["status"] == 200
    assert task["result"]["body"]["headers"]["authorization"] == "Bearer ***"
    log = client.log(task["id"])["text"]
    assert log.startswith(f"> POST http://127.0.0.1:{web.port}/x/..%2F%C3%B6\n< 200, ")
    _shows_nowhere(server, client, task)


def test_every_attempt_sends_the_same_key(client: RestClient, web: Web) -> None:
    task = client.wait(client.start("busy")["id"])
    assert (task["error"]["code"], task["error"]["output"]) == ("http_status", "busy")
    keys = [asked.headers["idempotency-key"] for asked in web.asked if asked.target == "/busy"]
    assert keys == [task["id"]] * 2


def test_loopback_is_closed_to_a_command_that_does_not_allow_it(client: RestClient) -> None:
    task = client.wait(client.start("closed")["id"])
    assert task["error"]["code"] == "not_startable"
    assert "127.0.0.1, which is not public" in task["error"]["message"]


def test_an_argument_that_has_no_place_in_the_request_is_refused_at_once(
    client: RestClient,
) -> None:
    refused = client.http.post("/tasks", json={"command": "send", "arguments": {"a": ".."}})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")


def test_a_cancel_ends_a_call_that_hangs(client: RestClient, web: Web) -> None:
    task = client.start("never")
    until(lambda: any(asked.target == "/never" for asked in web.asked), "the request")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    until(web.gone.is_set, "the end of the connection")


@pytest.mark.parametrize("status", ["0", "3"])
def test_a_program_gets_its_secret_and_nothing_that_it_writes_shows_it(
    server: Server, client: RestClient, status: str
) -> None:
    task = client.wait(client.start("loud", status)["id"])
    log = client.log(task["id"])["text"]
    assert f"length {len(VALUE)}\n***\n" in log
    assert task["progress"]["message"] == "***"
    if status == "0":
        assert task["result"] == {"said": "***"}
    else:
        assert task["error"]["output"].startswith("***")
    _shows_nowhere(server, client, task)


def test_a_program_without_its_secret_does_not_start(client: RestClient) -> None:
    task = client.wait(client.start("poor")["id"])
    assert task["error"]["code"] == "not_startable"
    assert 'The secret "NOBODY_HAS_THIS"' in task["error"]["message"]
