"""The old transport HTTP+SSE: the same checks and the same tasks."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from support.mcp_clients import call, nearly_expired, over_sse
from support.rest_client import RestClient, problem
from support.server import AGENT, Document, Server
from support.waiting import LIMIT_S

INITIALIZE: Document = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": {"name": "old", "version": "1"},
    },
}


class Old:
    """A raw client of one stream."""

    def __init__(self, server: Server, answer: httpx2.Response, token: str) -> None:
        self._lines = answer.iter_lines()
        self._url = server.url
        self.token = token
        event, self.endpoint = self._next()
        assert event == "endpoint"

    def _next(self) -> tuple[str, str]:
        event = ""
        for line in self._lines:
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                return event, line[5:].strip()
        raise EOFError

    def receive(self) -> Document:
        event, data = self._next()
        assert event == "message"
        message: Document = json.loads(data)
        return message

    def post(self, content: bytes, token: str | None = None, **headers: str) -> httpx2.Response:
        return httpx2.post(
            f"{self._url}{self.endpoint}",
            content=content,
            headers={
                "Authorization": f"Bearer {token or self.token}",
                "Content-Type": "application/json",
                **headers,
            },
            timeout=LIMIT_S,
            trust_env=False,
        )

    def request(self, method: str, token: str | None = None, **params: Any) -> Document:
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        assert self.post(json.dumps(body).encode(), token).status_code == 202
        return self.receive()


@contextmanager
def old(server: Server, sub: str, scope: str = AGENT) -> Iterator[Old]:
    token = server.token(sub, scope)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    with httpx2.stream(
        "GET", f"{server.url}/sse", headers=headers, timeout=LIMIT_S, trust_env=False
    ) as answer:
        assert answer.status_code == 200
        client = Old(server, answer, token)
        assert client.post(json.dumps(INITIALIZE).encode()).status_code == 202
        assert client.receive()["result"]["protocolVersion"] == "2024-11-05"
        yield client


@pytest.fixture
def stream(server: Server) -> Iterator[Old]:
    with old(server, "old") as client:
        yield client


async def test_a_client_lists_calls_and_waits(server: Server, agent: RestClient) -> None:
    async with over_sse(server) as client:
        assert "greet" in {tool.name for tool in (await client.list_tools()).tools}
        assert await call(client, "greet", a="Ada") == {"greeting": "Hello, Ada!"}
        started = await call(client, "run_command", command="noisy", wait_s=0)
        alias = started["task"]["alias"]
        waited = await call(client, "wait_for_tasks", tasks=[alias])
    assert agent.task(alias)["result"] == waited["tasks"][0]["result"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/sse"), ("POST", "/messages/")])
def test_both_paths_need_a_token(server: Server, method: str, path: str) -> None:
    url = f"{server.url}{path}"
    problem(httpx2.request(method, url, trust_env=False), 401, "not_authenticated")
    bad = {"Authorization": "Bearer nonsense"}
    problem(httpx2.request(method, url, headers=bad, trust_env=False), 401, "not_authenticated")


@pytest.mark.parametrize(("method", "path"), [("GET", "/sse"), ("POST", "/messages/")])
def test_a_page_or_host_of_elsewhere_is_refused(client: RestClient, method: str, path: str) -> None:
    origin = client.http.request(method, path, headers={"Origin": "https://evil.example"})
    problem(origin, 403, "not_permitted")
    host = client.http.request(method, path, headers={"Host": "evil.example"})
    problem(host, 421, "misdirected_request")


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("POST", "/sse", "GET, HEAD"), ("GET", "/messages/", "POST")]
)
def test_other_methods_are_not_allowed(
    client: RestClient, method: str, path: str, allowed: str
) -> None:
    answer = client.http.request(method, path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_each_message_is_of_the_caller_of_its_own_token(server: Server, stream: Old) -> None:
    reader = server.token("old", "tasks:read")
    arguments = {"command": "hidden", "arguments": {}}
    refused = stream.request("tools/call", reader, name="run_command", arguments=arguments)
    assert refused["result"]["structuredContent"]["code"] == "not_permitted"
    done = stream.request("tools/call", name="run_command", arguments=arguments)
    assert done["result"]["structuredContent"]["task"]["state"] == "succeeded"


def test_nobody_else_can_speak_in_a_stream(server: Server, stream: Old) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 8, "method": "ping"}).encode()
    assert stream.post(body, server.token("somebody-else")).status_code == 404
    assert stream.post(body).status_code == 202
    assert stream.receive()["id"] == 8


def test_a_token_that_runs_out_ends_the_stream(server: Server) -> None:
    headers, before = {"Authorization": f"Bearer {nearly_expired(server)}"}, len(server.log)
    with httpx2.stream(
        "GET", f"{server.url}/sse", headers=headers, timeout=LIMIT_S, trust_env=False
    ) as answer:
        assert answer.status_code == 200
        list(answer.iter_lines())
    assert "Traceback" not in server.log[before:]
    assert "ASGI callable" not in server.log[before:]


def test_a_stream_that_is_not_there_is_404(client: RestClient) -> None:
    path = f"/messages/?session_id={uuid.uuid4().hex}"
    assert client.http.post(path, json=INITIALIZE).status_code == 404


def test_what_is_no_strict_json_is_a_parse_error_and_the_stream_goes_on(stream: Old) -> None:
    for body in (b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'"\\ud800"', b"[" * 100 + b"]" * 100):
        answer = stream.post(body)
        assert answer.status_code == 400
        assert answer.json() | {"error": None} == {"jsonrpc": "2.0", "id": None, "error": None}
        assert answer.json()["error"]["code"] == -32700
    assert stream.post(b"{}").status_code == 400
    assert stream.post(b"x", **{"Content-Type": "text/plain"}).status_code == 400
    assert stream.post(b" " * (1024 * 1024 + 1)).status_code == 413
    assert "result" in stream.request("tools/list")
