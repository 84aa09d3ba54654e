"""What a server refuses: every class with its problem document, on each way in."""

import json
import socket
from collections.abc import Callable, Iterator

import httpx2
import pytest

from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, shell
from support.waiting import LIMIT_S

Send = Callable[[RestClient], httpx2.Response]

UNREADABLE = {
    "a key twice": b'{"command": "echo", "command": "hidden"}',
    "a key twice, deep inside": b'{"command": "echo", "arguments": {"a": "x", "a": "y"}}',
    "NaN": b'{"command": "echo", "priority": NaN}',
    "Infinity": b'{"command": "echo", "priority": -Infinity}',
    "a lone surrogate": rb'{"command": "echo", "arguments": {"a": "\ud800"}}',
    "a NUL": rb'{"command": "echo", "arguments": {"a": "x\u0000y"}}',
    "a NUL in a key": rb'{"command": "echo", "arguments": {"\u0000": "x"}}',
    "too many levels": b'{"command": "echo", "arguments": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}",
    "far too many levels": b"[" * 200_000 + b"]" * 200_000,
    "a number beyond all": b'{"command": "echo", "expires_in_s": 1e999}',
    "a number of 5,000 digits": b'{"command": "echo", "priority": ' + b"1" * 5000 + b"}",
    "bytes that are no UTF-8": b'{"command": "echo", "arguments": {"a": "\xff"}}',
    "half a document": b'{"command": "echo"',
    "two documents": b'{"command": "echo"} {}',
    "a byte order mark": b'\xef\xbb\xbf{"command": "echo"}',
}

TASK_FIELDS: dict[str, tuple[Document, str, str]] = {
    "a wrong name": ({"comand": "echo"}, "/comand", 'did you mean "command"?'),
    "a priority beyond its range": ({"priority": 101}, "/priority", "100"),
    "a number for a text": ({"title": 7}, "/title", "string"),
    "a text for a number": ({"priority": "7"}, "/priority", "integer"),
    "a label with a bad key": ({"labels": {"Bad Key": "x"}}, "/labels/Bad Key", "pattern"),
    "two starts": ({"run_at": "2030-01-01T00:00:00Z", "delay_s": 1}, "/", "not both"),
    "a time before the calendar": (
        {"run_at": "0001-01-01T00:00:00+14:00"},
        "/run_at",
        "greater than",
    ),
    "a time after the calendar": ({"run_at": "9999-12-31T23:59:59-14:00"}, "/run_at", "less than"),
    "an endless patience": ({"expires_in_s": 1e300}, "/expires_in_s", "less than"),
    "a time without a zone": ({"run_at": "2030-01-01T00:00:00"}, "/run_at", "timezone"),
}


def _path(reference: str, verb: str = "") -> str:
    return f"/tasks/{reference}{verb}"


def _post_text(client: RestClient) -> httpx2.Response:
    return client.http.post("/tasks", content=b"{}", headers={"Content-Type": "text/plain"})


def _running(client: RestClient) -> str:
    id_: str = client.wait(client.start("gated", "/nowhere")["id"], "running")["id"]
    return id_


def _final(client: RestClient) -> str:
    id_: str = client.wait(client.start("echo", "x")["id"])["id"]
    return id_


REFUSED: dict[str, tuple[int, str, Send]] = {
    "no body": (400, "invalid_request", lambda c: c.http.post("/tasks")),
    "a list for an object": (400, "invalid_request", lambda c: c.http.post("/tasks", json=[])),
    "no such path": (404, "not_found", lambda c: c.http.get("/no/such/path")),
    "a path below another": (404, "not_found", lambda c: c.http.get("/mcp/")),
    "no such task": (404, "task_not_found", lambda c: c.http.get("/tasks/tsk_1")),
    "no such method": (405, "method_not_allowed", lambda c: c.http.patch("/tasks", json={})),
    "a form it has not": (
        406,
        "not_acceptable",
        lambda c: c.http.get(_path(_final(c), "/logs"), headers={"Accept": "image/png"}),
    ),
    "a name that is taken": (
        409,
        "command_exists",
        lambda c: c.http.post("/commands", json=shell("echo", "true")),
    ),
    "the deletion of a running task": (
        409,
        "task_active",
        lambda c: c.http.delete(_path(_running(c))),
    ),
    "the retry of a running task": (
        409,
        "task_active",
        lambda c: c.http.post(_path(_running(c), "/retry")),
    ),
    "new arguments of a final task": (
        409,
        "task_not_editable",
        lambda c: c.http.put(_path(_final(c)), json={"arguments": {"a": "y"}}),
    ),
    "a body that is too large": (
        413,
        "payload_too_large",
        lambda c: c.http.post("/tasks", content=b" " * (1024 * 1024 + 1)),
    ),
    "a body that is no JSON": (415, "unsupported_media_type", _post_text),
    "an unknown query": (
        422,
        "unknown_field",
        lambda c: c.http.get("/tasks", params={"limitt": 1}),
    ),
    "a query beyond its range": (
        422,
        "invalid_request",
        lambda c: c.http.get("/tasks", params={"limit": 101}),
    ),
    "a pattern that is none": (
        422,
        "invalid_request",
        lambda c: c.http.get(_path(_final(c), "/logs"), params={"mode": "grep", "pattern": "("}),
    ),
    "a bad key": (
        422,
        "invalid_request",
        lambda c: c.http.post(
            "/tasks", json={"command": "hidden"}, headers={"Idempotency-Key": "k" * 256}
        ),
    ),
    "a number for a moment": (
        422,
        "invalid_request",
        lambda c: c.http.get("/tasks", params={"until": "0.5"}),
    ),
    "a NUL in an address": (400, "invalid_request", lambda c: c.http.get("/tasks/%00")),
    "a NUL in a query": (400, "invalid_request", lambda c: c.http.get("/tasks?q=%00")),
    "a definition that is wrong": (
        422,
        "invalid_command",
        lambda c: c.http.post("/commands", json={"name": "x", "description": "x", "run": {}}),
    ),
}


@pytest.fixture
def busy(client: RestClient) -> Iterator[RestClient]:
    """A client whose tasks end with the test."""
    yield client
    for task in client.http.get("/tasks").json()["tasks"]:
        client.http.post(_path(task["id"], "/cancel"))


@pytest.mark.parametrize("what", REFUSED)
def test_each_refusal_is_a_problem_document(busy: RestClient, what: str) -> None:
    status, code, send = REFUSED[what]
    answer = send(busy)
    problem(answer, status, code)
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("what", TASK_FIELDS)
def test_a_wrong_field_is_named_with_what_is_allowed(client: RestClient, what: str) -> None:
    fields, path, hint = TASK_FIELDS[what]
    answer = client.http.post("/tasks", json={"command": "hidden", **fields})
    code = "unknown_field" if what == "a wrong name" else "invalid_request"
    (fault,) = problem(answer, 422, code)["errors"]
    assert fault["path"] == path
    assert hint in fault["message"]
    assert not client.http.get("/tasks").json()["tasks"]


def test_all_faults_of_the_arguments_come_at_once(client: RestClient) -> None:
    wrong = {"command": "typed", "arguments": {"colour": "blue", "depth": 1}}
    faults = problem(client.http.post("/tasks", json=wrong), 422, "invalid_arguments")["errors"]
    assert {fault["path"] for fault in faults} == {
        "/arguments/width",
        "/arguments/colour",
        "/arguments/depth",
    }


def test_the_nearest_command_is_proposed(client: RestClient) -> None:
    answer = client.http.post("/tasks", json={"command": "ecko"})
    assert problem(answer, 404, "command_not_found")["did_you_mean"] == ["echo"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/tasks", "GET, HEAD, POST"),
        ("/tasks/tsk_1", "DELETE, GET, HEAD, PUT"),
        ("/tasks/tsk_1/execute", "POST"),
        ("/commands", "GET, HEAD, POST"),
        ("/healthz", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_allowed_is_told_which_are(
    client: RestClient, path: str, allowed: str
) -> None:
    answer = client.http.request("PATCH", path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_without_a_token_the_challenge_says_where_to_get_one(server: Server) -> None:
    for path in ("/tasks", "/mcp"):
        answer = httpx2.get(f"{server.url}{path}", trust_env=False)
        problem(answer, 401, "not_authenticated")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith("Bearer ")
        assert "error=" not in challenge
        where = f"{server.url}/.well-known/oauth-protected-resource"
        assert f'resource_metadata="{where}"' in challenge
        told = httpx2.get(where, trust_env=False).json()
        assert told["resource"] == server.url


def test_a_missing_scope_is_named(server: Server) -> None:
    with calling(server, scope="tasks:read") as reader:
        answer = reader.http.post("/tasks", json={"command": "hidden"})
    assert problem(answer, 403, "not_permitted")["required_scopes"] == ["tasks:write"]
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/healthz", "/tasks", "/mcp"])
def test_a_host_of_another_name_is_refused(client: RestClient, path: str) -> None:
    answer = client.http.get(path, headers={"Host": "evil.example"})
    problem(answer, 421, "misdirected_request")


@pytest.mark.parametrize("path", ["/healthz", "/tasks", "/mcp"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"]
)
def test_a_page_of_elsewhere_is_refused(client: RestClient, path: str, origin: str) -> None:
    problem(client.http.get(path, headers={"Origin": origin}), 403, "not_permitted")


def test_a_page_of_this_machine_is_let_in(client: RestClient) -> None:
    answer = client.http.get("/tasks", headers={"Origin": "http://localhost:3000"})
    assert answer.status_code == 200


@pytest.mark.parametrize("what", UNREADABLE)
def test_rest_refuses_what_two_readers_read_differently(client: RestClient, what: str) -> None:
    answer = client.http.post(
        "/tasks", content=UNREADABLE[what], headers={"Content-Type": "application/json"}
    )
    problem(answer, 400, "invalid_request")
    assert not client.http.get("/tasks").json()["tasks"]


def _tool_call(body: bytes) -> bytes:
    return (
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call",'
        b' "params": {"name": "run_command", "arguments": ' + body + b"}}"
    )


@pytest.mark.parametrize("what", UNREADABLE)
def test_mcp_over_http_refuses_it_too(client: RestClient, what: str) -> None:
    accept = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = client.http.post("/mcp", content=_tool_call(UNREADABLE[what]), headers=accept)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32700
    assert not client.http.get("/tasks").json()["tasks"]


@pytest.mark.parametrize("what", UNREADABLE)
def test_mcp_over_the_private_socket_refuses_it_too(server: Server, what: str) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(LIMIT_S)
        line.connect(str(server.data / "mcp.sock"))
        line.sendall(_tool_call(UNREADABLE[what]) + b"\n")
        with line.makefile("rb") as answers:
            answer = json.loads(answers.readline())
    assert answer["error"]["code"] == -32700


@pytest.mark.parametrize("path", ["/tasks", "/mcp"])
def test_a_body_that_does_not_say_its_size_is_cut_off_at_the_limit(
    client: RestClient, path: str
) -> None:
    chunks = (b" " * 65_536 for _ in range(17))
    problem(client.http.post(path, content=chunks), 413, "payload_too_large")
