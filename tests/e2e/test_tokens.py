"""Forged and broken tokens against each way into a real server."""

import http.client
import json
from collections.abc import Iterator, Mapping

import pytest

from support.refused_tokens import refused_tokens
from support.rest_client import calling
from support.server import Document, Server
from support.tokens import Issuer, claims, compact, local_token
from support.waiting import LIMIT_S

NAMES = sorted(refused_tokens(bytes(64), "urn:example:name", Issuer()))
INITIALIZE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})


@pytest.fixture(scope="module")
def tokens(server: Server, issuer: Issuer) -> Mapping[str, str]:
    secret = (server.data / "local.secret").read_bytes().strip()
    return refused_tokens(secret, server.url, issuer)


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    """The standard library's client: it sends any token as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)
    yield connection
    connection.close()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, token: str
) -> http.client.HTTPResponse:
    connection.request(
        method,
        path,
        body=INITIALIZE if method == "POST" else None,
        headers={
            "Authorization": b"Bearer " + token.encode(),
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        },
    )
    answer = connection.getresponse()
    answer.read()
    return answer


@pytest.mark.parametrize("name", NAMES)
def test_no_way_in_takes_it(
    connection: http.client.HTTPConnection, tokens: Mapping[str, str], name: str
) -> None:
    for method, path in (("GET", "/tasks"), ("POST", "/mcp"), ("GET", "/mcp")):
        answer = ask(connection, method, path, tokens[name])
        assert answer.status == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_good_tokens_of_both_issuers_are_taken(
    connection: http.client.HTTPConnection, server: Server, issuer: Issuer
) -> None:
    secret = (server.data / "local.secret").read_bytes().strip()
    good = [*issuer.tokens(server.url).values(), local_token(secret, server.url)]
    for token in good:
        assert ask(connection, "GET", "/tasks", token).status == 200


def test_the_same_name_at_another_issuer_is_somebody_else(
    connection: http.client.HTTPConnection, server: Server, issuer: Issuer
) -> None:
    local = local_token((server.data / "local.secret").read_bytes().strip(), server.url)
    same = claims(server.url, iss=issuer.name, scope="tasks:read")
    theirs = compact({"alg": "ES256", "kid": "ec"}, same, issuer.sign_ec)
    headers = {"Authorization": f"Bearer {local}", "Content-Type": "application/json"}
    connection.request("POST", "/tasks", json.dumps({"command": "hidden"}), headers)
    made = json.loads(connection.getresponse().read())["task"]
    assert made["owner"]["sub"] == "mallory"
    assert ask(connection, "GET", f"/tasks/{made['id']}", local).status == 200
    assert ask(connection, "GET", f"/tasks/{made['id']}", theirs).status == 404
    assert ask(connection, "GET", "/tasks", theirs).status == 200


def test_a_session_belongs_to_who_opened_it(server: Server) -> None:
    with calling(server) as owner, calling(server) as thief:
        accept = {"Accept": "application/json, text/event-stream"}
        opened = owner.http.post("/mcp", json=_initialize(), headers=accept)
        assert opened.status_code == 200
        session = accept | {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
        assert thief.http.post("/mcp", json=ping, headers=session).status_code == 404
        assert thief.http.delete("/mcp", headers=session).status_code == 404
        assert owner.http.post("/mcp", json=ping, headers=session).status_code == 200
        assert owner.http.delete("/mcp", headers=session).status_code == 200
        assert owner.http.post("/mcp", json=ping, headers=session).status_code == 404


def _initialize() -> Document:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
