"""Headers and cursors that no honest client sends."""

import httpx2
import pytest

from errandry.tasks import cursor
from support.malformed import ENVELOPE, enveloped
from support.mcp_clients import nearly_expired
from support.rest_client import RestClient, calling, problem
from support.server import Server
from support.waiting import LIMIT_S

JSON, STREAM = "application/json", "text/event-stream"


def test_who_has_no_token_is_not_told_what_else_is_wrong(server: Server) -> None:
    with calling(server) as nobody:
        del nobody.http.headers["Authorization"]
        tags = {"If-Match": "nonsense"}
        problem(nobody.http.delete("/tasks/x", headers=tags), 401, "not_authenticated")
        problem(nobody.http.delete("/commands/x", headers=tags), 401, "not_authenticated")
        key = {"Idempotency-Key": "k" * 256}
        problem(nobody.http.post("/tasks/x/retry", headers=key), 401, "not_authenticated")
        last = {"Last-Event-ID": "x"}
        problem(nobody.http.get("/tasks/x/events", headers=last), 401, "not_authenticated")


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, 10**400])
@pytest.mark.parametrize(
    ("path", "accept", "before"),
    [
        ("events?cursor=", JSON, ()),
        ("logs?mode=since&cursor=", JSON, (1, "both")),
        ("events?logs=true&log_cursor=", STREAM, (1, "both")),
    ],
)
def test_a_cursor_with_a_huge_number_is_no_fault_of_the_server(
    client: RestClient, path: str, accept: str, before: tuple[int | str, ...], number: int
) -> None:
    task = client.wait(client.start("echo", "x")["id"])["id"]
    forged = f"/tasks/{task}/{path}{cursor.encode(*before, number)}"
    answer = client.http.get(forged, headers={"Accept": accept})
    assert answer.status_code == (200 if number < 2**63 else 422)


def test_a_call_that_outlives_its_token_is_told_so(server: Server) -> None:
    gate, before = server.path("gate"), len(server.log)
    arguments = {"command": "gated", "arguments": {"a": str(gate)}, "wait_s": 45}
    call = {"_meta": ENVELOPE, "name": "run_command", "arguments": arguments}
    answer = httpx2.post(
        f"{server.url}/mcp",
        content=enveloped(method="tools/call", params=call),
        headers={
            "Authorization": f"Bearer {nearly_expired(server)}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": "run_command",
        },
        timeout=LIMIT_S,
        trust_env=False,
    )
    gate.touch()
    problem(answer, 401, "not_authenticated")
    assert "Traceback" not in server.log[before:]
