"""The Tasks extension: changes pushed on a listen stream, on both roads."""

import itertools
import uuid
from collections.abc import Iterator

import pytest

from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell
from support.wire import FINAL, SUBSCRIPTION, TASKS, HttpRoad, TaskClient, core

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED = "notifications/tasks"


def told(frames: Iterator[Document]) -> Iterator[Document]:
    """The tasks that are pushed, until the stream ends with a result."""
    for frame in frames:
        if "result" in frame:
            return
        assert frame["method"] == CHANGED
        yield frame["params"]


def test_a_stream_begins_with_what_is_honoured_then_the_task_as_it_is_then_its_changes(
    tasks: TaskClient, server: Server
) -> None:
    gate = server.path("gate")
    task_id = tasks.start("stepped", str(gate))["taskId"]
    with tasks.road.listen(taskIds=[task_id, task_id]) as frames:
        first = next(frames)
        assert first["method"] == ACKNOWLEDGED
        assert first["params"]["notifications"] == {"taskIds": [task_id]}
        subscription = first["params"]["_meta"][SUBSCRIPTION]
        seen = []
        for params in told(frames):
            assert params["_meta"] == {SUBSCRIPTION: subscription}
            seen.append(params)
            if params["statusMessage"] == "1 of 2: half way":
                gate.touch()
    assert {params["status"] for params in seen[:-1]} == {"working"}
    assert seen[-1]["status"] == "completed"
    assert [params["ttlMs"] for params in seen[:-1]] == [None] * (len(seen) - 1)
    assert all(one != other for one, other in itertools.pairwise(seen))


def test_what_is_pushed_is_what_a_look_shows(tasks: TaskClient, agent: RestClient) -> None:
    succeeded, failed = agent.create("greet", {"a": "x"}), agent.create("fails", {"a": "3"})
    with tasks.road.listen(taskIds=[succeeded["id"], failed["id"]]) as frames:
        next(frames)
        for row in (succeeded, failed):
            agent.http.post(f"/tasks/{row['id']}/execute")
        last = {params["taskId"]: params for params in told(frames)}
    for row in (succeeded, failed):
        assert core(last[row["id"]]) == core(tasks.get(row["id"]))


def test_a_stream_ends_with_a_result_when_its_tasks_are_final(
    tasks: TaskClient, agent: RestClient
) -> None:
    row = agent.wait(agent.start("greet", "x")["id"])
    with tasks.road.listen(taskIds=[row["id"]]) as frames:
        _, pushed, last = frames
    assert pushed["params"]["status"] in FINAL
    assert last["result"]["_meta"][SUBSCRIPTION] == pushed["params"]["_meta"][SUBSCRIPTION]


def test_a_deleted_task_ends_its_stream(tasks: TaskClient, agent: RestClient) -> None:
    row = agent.create("greet", {"a": "x"})
    with tasks.road.listen(taskIds=[row["id"]]) as frames:
        assert next(frames)["method"] == ACKNOWLEDGED
        assert next(frames)["params"]["statusMessage"] == "not started yet"
        agent.http.delete(f"/tasks/{row['id']}")
        assert "result" in next(frames)


def test_unknown_and_foreign_tasks_are_not_acknowledged_and_never_told(
    tasks: TaskClient, agent: RestClient, server: Server
) -> None:
    own = agent.create("greet", {"a": "x"})
    with calling(server) as somebody:
        foreign = somebody.create("greet", {"a": "x"})
        ids = [foreign["id"], f"tsk_{'0' * 32}", own["alias"], "x", own["id"]]
        with tasks.road.listen(taskIds=ids) as frames:
            assert next(frames)["params"]["notifications"] == {"taskIds": [own["id"]]}
            for client, row in ((somebody, foreign), (agent, own)):
                client.http.post(f"/tasks/{row['id']}/execute")
            assert {params["taskId"] for params in told(frames)} == {own["id"]}


def test_a_stream_without_a_task_to_tell_of_ends_at_once(tasks: TaskClient) -> None:
    for ids in ([], [f"tsk_{'0' * 32}"]):
        with tasks.road.listen(taskIds=ids) as frames:
            acknowledged, last = frames
        assert acknowledged["params"]["notifications"] == {}
        assert "result" in last


def test_one_stream_tells_of_several_tasks_and_goes_on_with_what_else_was_asked(
    tasks: TaskClient, agent: RestClient
) -> None:
    rows = [agent.create("greet", {"a": "x"}) for _ in range(3)]
    ids = [row["id"] for row in rows]
    other = agent.create("greet", {"a": "x"})
    uri = f"task://{other['id']}"
    wanted: Document = {"taskIds": ids, "resourceSubscriptions": [uri]}
    with tasks.road.listen(**wanted) as frames:
        assert next(frames)["params"]["notifications"] == wanted
        for row in rows:
            agent.http.post(f"/tasks/{row['id']}/execute")
        missing = set(ids)
        while missing:
            params = next(frames)["params"]
            if params["status"] == "completed":
                missing.discard(params["taskId"])
        agent.http.post(f"/tasks/{other['id']}/execute")
        changed = next(frames)
        assert changed["method"] == "notifications/resources/updated"
        assert changed["params"]["uri"] == uri


def test_no_progress_and_no_message_travels_on_the_stream(
    tasks: TaskClient, server: Server
) -> None:
    gate = server.path("gate")
    meta = {"progressToken": "p", "io.modelcontextprotocol/logLevel": "debug"}
    params = {"name": "stepped", "arguments": {"a": str(gate)}}
    task_id = tasks.road.request("tools/call", params, meta=meta).result["taskId"]
    with tasks.road.listen(taskIds=[task_id]) as frames:
        next(frames)
        for frame in frames:
            assert frame.get("method", CHANGED) == CHANGED
            gate.touch()


@pytest.mark.parametrize("knows", [{}, {"tasks": {}}, {"extensions": {}}])
def test_listening_to_tasks_needs_the_extension(
    tasks: TaskClient, running: str, knows: Document
) -> None:
    with tasks.road.listen(knows, taskIds=[running]) as frames:
        (refused,) = frames
    assert refused["error"]["code"] == -32021
    data = refused["error"]["data"]
    assert data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


@pytest.mark.parametrize("ids", ["tsk_1", [1], {"a": 1}, [f"tsk_{n:032x}" for n in range(65)]])
def test_what_is_no_list_of_ids_or_too_long_a_one_is_invalid(
    tasks: TaskClient, ids: object
) -> None:
    with tasks.road.listen(taskIds=ids) as frames:
        (refused,) = frames
    assert refused["error"]["code"] == -32602


def test_nobody_hears_of_tasks_whom_no_scope_lets_read(server: Server, agent: RestClient) -> None:
    row = agent.create("greet", {"a": "x"})
    road = HttpRoad(server, scope="tasks:write")
    with road.listen(taskIds=[row["id"]]) as frames:
        (refused,) = frames
    assert refused["error"]["code"] == -32602
    assert refused["error"]["data"]["required_scopes"] == ["tasks:read", "tasks:approve"]
    road.close()


def test_an_admin_hears_of_its_own_tasks_alone(server: Server, agent: RestClient) -> None:
    row = agent.create("greet", {"a": "x"})
    road = HttpRoad(server, f"sub-{uuid.uuid4().hex}", "admin")
    with road.listen(taskIds=[row["id"]]) as frames:
        assert next(frames)["params"]["notifications"] == {}
    road.close()


def test_a_server_that_stops_ends_the_stream_with_a_result() -> None:
    with serving(shell("first", "true")) as server:
        with calling(server, "agent") as agent:
            row = agent.create("first")
        road = HttpRoad(server)
        with road.listen(taskIds=[row["id"]]) as frames:
            assert next(frames)["method"] == ACKNOWLEDGED
            assert next(frames)["params"]["status"] == "working"
            server.signal(15)
            (last,) = frames
        assert "result" in last
        assert server.ended() == 0
        road.close()
