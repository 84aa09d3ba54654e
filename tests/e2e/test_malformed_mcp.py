"""Messages that no client should send: refused by the rules on each road, and the server goes on."""

import itertools
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.malformed import (
    ENVELOPE,
    MODERN_ONLY,
    NO_MESSAGE,
    REFUSED,
    TOOL_ERRORS,
    UNANSWERED,
    UNREADABLE,
    enveloped,
)
from support.server import Document, Server
from support.waiting import LIMIT_S

_ids = itertools.count(1000)


def test_there_are_more_than_sixty() -> None:
    all_of_them = [
        *UNREADABLE,
        *NO_MESSAGE,
        *REFUSED,
        *MODERN_ONLY,
        *TOOL_ERRORS,
        *UNANSWERED,
    ]
    assert len(all_of_them) > 60


class Http:
    """Requests of the modern era, each by itself."""

    def __init__(self, server: Server) -> None:
        self._http = httpx2.Client(
            base_url=server.url,
            headers={
                "Authorization": f"Bearer {server.token()}",
                "Accept": "application/json, text/event-stream",
                "Content-Type": "application/json",
                "MCP-Protocol-Version": "2026-07-28",
            },
            timeout=LIMIT_S,
            trust_env=False,
        )

    def send(
        self,
        body: bytes,
        method: str = "tools/list",
        name: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        named = {"Mcp-Name": name} if isinstance(name, str) else {}
        own = {"Mcp-Method": method} | named | (headers or {})
        return self._http.post("/mcp", content=body, headers=own)

    def request(self, method: str, params: Any) -> httpx2.Response:
        body = enveloped(method=method, params={"_meta": ENVELOPE} | params)
        return self.send(body, method, params.get("name") or params.get("uri"))

    def check_alive(self) -> None:
        answer = self.request("tools/call", {"name": "greet", "arguments": {"a": "you"}})
        assert answer.json()["result"]["structuredContent"] == {"greeting": "Hello, you!"}

    def close(self) -> None:
        self._http.close()


class Line:
    """A connection of the private socket."""

    def __init__(self, server: Server, meta: Document | None) -> None:
        self._meta = meta
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(LIMIT_S)
        self._socket.connect(str(server.data / "mcp.sock"))
        self._lines = self._socket.makefile("rb")
        if meta is None:
            client = {"protocolVersion": "2025-11-25", "capabilities": {}}
            self.request("initialize", client | {"clientInfo": {"name": "x", "version": "1"}})
        self.check_alive()

    def send(self, line: bytes) -> None:
        self._socket.sendall(line + b"\n")

    def receive(self) -> Document:
        message: Document = json.loads(self._lines.readline())
        return message

    def request(self, method: str, params: Any) -> Document:
        id_, meta = next(_ids), {"_meta": self._meta} if self._meta else {}
        body = {"jsonrpc": "2.0", "id": id_, "method": method, "params": meta | params}
        self.send(json.dumps(body).encode())
        answer = self.receive()
        assert answer["id"] == id_
        return answer

    def check_alive(self) -> None:
        answer = self.request("tools/call", {"name": "greet", "arguments": {"a": "you"}})
        assert answer["result"]["structuredContent"] == {"greeting": "Hello, you!"}

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[Http]:
    http = Http(server)
    yield http
    http.close()


@pytest.fixture(scope="module", params=[ENVELOPE, None], ids=["modern", "handshake"])
def line(request: pytest.FixtureRequest, server: Server) -> Iterator[Line]:
    line = Line(server, request.param)
    yield line
    line.close()


def _error(answer: Document) -> tuple[Any, int]:
    assert answer.keys() == {"jsonrpc", "id", "error"}
    return answer["id"], answer["error"]["code"]


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_a_parse_error_over_http(http: Http, what: str) -> None:
    answer = http.send(UNREADABLE[what])
    assert (answer.status_code, _error(answer.json())) == (400, (None, -32700))
    http.check_alive()


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_a_parse_error_on_the_socket(line: Line, what: str) -> None:
    line.send(UNREADABLE[what])
    assert _error(line.receive()) == (None, -32700)
    line.check_alive()


@pytest.mark.parametrize("what", NO_MESSAGE)
def test_what_is_no_message_is_an_invalid_request_over_http(http: Http, what: str) -> None:
    answer = http.send(NO_MESSAGE[what])
    assert (answer.status_code, _error(answer.json())) == (400, (None, -32600))
    http.check_alive()


@pytest.mark.parametrize("what", NO_MESSAGE)
def test_what_is_no_message_is_an_invalid_request_on_the_socket(line: Line, what: str) -> None:
    line.send(NO_MESSAGE[what])
    assert _error(line.receive()) == (None, -32600)
    line.check_alive()


@pytest.mark.parametrize("what", [*REFUSED, *MODERN_ONLY])
def test_what_is_not_there_is_refused_over_http(http: Http, what: str) -> None:
    method, params, code = (REFUSED | MODERN_ONLY)[what]
    answer = http.request(method, params)
    status = 404 if code == -32601 else 400
    assert (answer.status_code, _error(answer.json())) == (status, (77, code))
    http.check_alive()


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_there_is_refused_on_the_socket(line: Line, what: str) -> None:
    method, params, code = REFUSED[what]
    assert line.request(method, params)["error"]["code"] == code
    line.check_alive()


@pytest.mark.parametrize("what", MODERN_ONLY)
def test_what_only_the_modern_era_knows_is_refused_on_the_socket(server: Server, what: str) -> None:
    line = Line(server, ENVELOPE)
    method, params, code = MODERN_ONLY[what]
    assert line.request(method, params)["error"]["code"] == code
    line.check_alive()
    line.close()


@pytest.mark.parametrize("what", TOOL_ERRORS)
def test_wrong_arguments_are_tool_errors(http: Http, line: Line, what: str) -> None:
    over_http = http.request("tools/call", TOOL_ERRORS[what]).json()
    for answer in (over_http, line.request("tools/call", TOOL_ERRORS[what])):
        assert answer["result"]["isError"]
        assert answer["result"]["structuredContent"]["code"]


@pytest.mark.parametrize("what", UNANSWERED)
def test_what_asks_for_nothing_is_left_unanswered(http: Http, line: Line, what: str) -> None:
    body = json.dumps({"jsonrpc": "2.0"} | UNANSWERED[what]).encode()
    answer = http.send(body)
    assert (answer.status_code, answer.content) == (202, b"")
    line.send(body)
    line.check_alive()  # the next thing that comes is the answer to this


@pytest.mark.parametrize("answer", ['"result":{}', '"error":{"code":-1,"message":"x"}'])
def test_answers_to_what_was_not_asked_are_left_alone(line: Line, answer: str) -> None:
    line.send(f'{{"jsonrpc":"2.0","id":999,{answer}}}'.encode())
    line.check_alive()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Accept": "text/html"},
        {"MCP-Protocol-Version": "nonsense"},
        {"MCP-Protocol-Version": "2026-07-28, 2026-07-28"},
        {"Mcp-Session-Id": "\x7f" * 40},
    ],
    ids=str,
)
def test_wrong_headers_are_no_fault_of_the_server(http: Http, headers: dict[str, str]) -> None:
    assert http.send(enveloped(), headers=headers).status_code < 500
    http.check_alive()
