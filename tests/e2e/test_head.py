"""HEAD answers as GET does, without the content."""

import pytest

from support.rest_client import RestClient
from support.server import Server

STREAM = {"Accept": "text/event-stream"}


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "/tasks", "/commands/echo"])
def test_a_head_has_the_headers_of_the_get_and_nothing_else(client: RestClient, path: str) -> None:
    head, whole = client.http.head(path), client.http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    different = {"date", "x-request-id"}
    assert {(k, v) for k, v in head.headers.items() if k not in different} == {
        (k, v) for k, v in whole.headers.items() if k not in different
    }


def test_a_head_of_what_is_not_there_is_refused_like_a_get(client: RestClient) -> None:
    for path, status in (("/tasks/tsk_1", 404), ("/nowhere", 404), ("/tasks/tsk_1/execute", 405)):
        answer = client.http.head(path)
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("path", ["/events", "/tasks/{}/events", "/tasks/{}/logs"])
def test_a_head_of_a_stream_comes_back_at_once(
    client: RestClient, server: Server, path: str
) -> None:
    before, gate = len(server.log), server.path("gate")
    task = client.wait(client.start("gated", str(gate))["id"], "running")
    accept = {"Accept": "text/plain"} if path.endswith("logs") else STREAM
    answer = client.http.head(path.format(task["id"]), headers=accept)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.http.get("/healthz").status_code == 200, "the connection goes on"
    gate.touch()
    client.wait(task["id"])
    assert "Traceback" not in server.log[before:]


def test_a_head_of_the_mcp_endpoints_comes_back_too(client: RestClient) -> None:
    assert client.http.head("/sse", headers=STREAM).status_code == 200
    assert client.http.head("/mcp", headers=STREAM).status_code < 500
