"""Commands over REST: another definition, none, and who has seen which."""

import uuid
from collections.abc import Iterator

import pytest

from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, serving, shell
from support.tokens import ISSUER, local_token
from support.waiting import until


@pytest.fixture
def name() -> str:
    return f"made-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def editor(server: Server) -> Iterator[RestClient]:
    with calling(server, scope="commands:read commands:write tasks:read tasks:write") as client:
        yield client


def test_a_command_is_replaced_and_removed_by_who_has_seen_its_version(
    editor: RestClient, name: str
) -> None:
    http, path = editor.http, f"/commands/{name}"
    first = http.post("/commands", json=shell(name, "echo one")).headers["etag"]
    task = editor.create(name)
    changed = http.put(path, json=shell(name, "echo two"), headers={"If-Match": first})
    assert changed.status_code == 200
    shown = http.get(path)
    assert shown.json()["command"] == changed.json()["command"]
    assert (changed.json()["command"]["origin"], changed.headers["etag"]) == (
        "api",
        shown.headers["etag"],
    )
    for tag in (first, f"W/{shown.headers['etag']}", "nonsense"):
        late = http.put(path, json=shell(name, "echo three"), headers={"If-Match": tag})
        problem(late, 412, "revision_mismatch")
        problem(http.delete(path, headers={"If-Match": tag}), 412, "revision_mismatch")
    assert http.put(path, json=shell(name, "echo two"), headers={"If-Match": "*"}).is_success
    current = {"If-Match": f'"another", {shown.headers["etag"]}'}
    assert http.delete(path, headers=current).status_code == 204
    problem(http.get(path), 404, "command_not_found")
    problem(http.delete(path), 404, "command_not_found")
    problem(http.put(path, json=shell(name, "echo four")), 404, "command_not_found")
    http.post(f"/tasks/{task['id']}/execute")
    assert editor.wait(task["id"])["result"]["output"] == "one\n", "it runs as it was made"


def test_who_may_only_read_commands_changes_none(server: Server) -> None:
    with calling(server, scope="commands:read") as reader:
        changed = reader.http.put("/commands/echo", json=shell("echo", "true"))
        problem(changed, 403, "not_permitted")
        problem(reader.http.delete("/commands/echo"), 403, "not_permitted")
        assert reader.http.get("/commands/echo").headers["etag"].startswith('"sha256:')


def test_an_agent_sees_how_a_command_has_fared(editor: RestClient, name: str) -> None:
    editor.http.post("/commands", json=shell(name, 'exit "$1"', "a"))
    for status in ("0", "3"):
        editor.wait(editor.start(name, status)["id"])

    def stats() -> Document:
        found: Document = editor.http.get(f"/commands/{name}").json()["command"]["stats"]
        return found

    until(lambda: stats()["runs"] == 2, "both runs to be counted")
    assert (stats()["success_rate"], stats()["last_outcome"]) == (0.5, "failed")
    assert 0 <= stats()["p50_s"] <= stats()["p95_s"]


def test_a_task_whose_key_is_held_says_so_and_runs_when_it_is_free(
    editor: RestClient, name: str
) -> None:
    limit = {"key": f"{name}-{{a}}", "limit": 1}
    editor.http.post("/commands", json=shell(name, "sleep 300", "a", concurrency=limit))
    holder = editor.start(name, "x")
    editor.wait(holder["id"], "running")
    waiting = editor.start(name, "x")
    assert (waiting["state"], waiting["queue_position"]) == ("queued", 1)
    assert (waiting["waits_for"], waiting["waits_for_others"]) == ([holder["alias"]], 0)
    editor.http.post(f"/tasks/{holder['id']}/cancel")
    running = editor.wait(waiting["id"], "running")
    assert (running["waits_for"], running["waits_for_others"]) == (None, None)
    editor.http.post(f"/tasks/{waiting['id']}/cancel")


def test_a_principal_of_another_issuer_has_only_so_many_tasks_waiting() -> None:
    secret = "a secret of thirty-two characters"
    settings = {"jwt_secret": secret, "jwt_issuer": ISSUER, "queue_limit": "2"}
    with serving(shell("any", "true"), **settings) as server, calling(server) as local:
        token = local_token(secret.encode(), server.url, iss=ISSUER)
        theirs = {"Authorization": f"Bearer {token}"}
        body = {"command": "any"}
        for _ in range(2):
            assert local.http.post("/tasks", json=body, headers=theirs).status_code == 201
        refused = local.http.post("/tasks", json=body, headers=theirs)
        problem(refused, 429, "too_many_requests")
        assert int(refused.headers["retry-after"]) > 0
        assert len(local.http.get("/tasks", headers=theirs).json()["tasks"]) == 2
        for _ in range(3):
            local.create("any")
