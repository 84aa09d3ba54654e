"""REST as a client sees it: the nine routes of the first design, and what belongs to them."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, shell


@pytest.fixture
def approver(server: Server) -> Iterator[RestClient]:
    with calling(server, scope="tasks:approve") as client:
        yield client


@pytest.fixture(scope="module")
def noisy(server: Server) -> Iterator[tuple[RestClient, str]]:
    """A finished task that wrote a lot, and its owner."""
    with calling(server) as client:
        yield client, client.wait(client.start("noisy")["id"])["id"]


def test_the_first_design_works_as_it_was_written(client: RestClient) -> None:
    http, name = client.http, f"made-{uuid.uuid4().hex[:8]}"
    made = http.post("/commands", json=shell(name, "echo made"))
    assert made.status_code == 201
    assert made.json()["message"] == "Command created successfully"
    assert made.json()["command"]["origin"] == "api"
    listed = http.get("/commands").json()
    assert name in [command["name"] for command in listed["commands"]]

    created = http.post("/tasks", json={"command": name, "arguments": {}})
    assert created.status_code == 201
    task = created.json()["task"]
    assert created.headers["location"] == f"/tasks/{task['id']}"
    assert task["state"] == "created"
    assert [each["id"] for each in http.get("/tasks").json()["tasks"]] == [task["id"]]
    path = f"/tasks/{task['id']}"
    assert http.put(path, json={"title": "Mine"}).json()["task"]["title"] == "Mine"
    assert http.get(path).json()["task"]["title"] == "Mine"

    started = http.post(f"{path}/execute")
    assert started.status_code == 202
    assert started.json()["message"] == "Task execution started"
    again = http.post(f"{path}/execute")
    assert (again.status_code, again.json()["message"]) == (202, "Task already started")
    assert client.wait(task["id"])["result"]["output"] == "made\n"
    status = http.get(f"{path}/status")
    assert status.json()["status"] == "succeeded"
    assert status.headers["x-errandry-status-source"] in ("cache", "database")

    assert http.delete(path).status_code == 204
    assert problem(http.get(path), 404, "task_not_found")["detail"] == "Task not found"


def test_the_history_tells_all_in_its_order(client: RestClient) -> None:
    task = client.start("fails", "3")
    done = client.wait(task["id"])
    assert (done["error"]["exit_code"], done["error"]["output"]) == (3, "cannot open the door\n")
    events = client.events(task["alias"])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events] == [
        "created",
        "queued",
        "attempt_started",
        "attempt_finished",
        "finished",
    ]
    assert events[0]["actor"] == {"iss": "errandry:local", "sub": client.sub}
    assert events[-2]["data"]["exit_code"] == 3


def test_a_revision_is_an_etag_that_guards_changes(client: RestClient) -> None:
    path = f"/tasks/{client.create('echo', {'a': 'x'})['id']}"
    first = client.http.get(path).headers["etag"]
    changed = client.http.put(path, json={"priority": 5}, headers={"If-Match": first})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first
    late = client.http.put(path, json={"priority": 6}, headers={"If-Match": first})
    problem(late, 412, "revision_mismatch")
    problem(client.http.delete(path, headers={"If-Match": first}), 412, "revision_mismatch")
    weak = {"If-Match": f"W/{changed.headers['etag']}"}
    problem(client.http.delete(path, headers=weak), 412, "revision_mismatch")
    several = {"If-Match": f"{first}, {changed.headers['etag']}"}
    assert client.http.put(path, json={"priority": 5}, headers=several).status_code == 200
    problem(client.http.delete(path, headers={"If-Match": "none"}), 412, "revision_mismatch")
    current = {"If-Match": client.http.get(path).headers["etag"]}
    assert client.http.get(path).json()["task"]["priority"] == 5
    assert client.http.delete(path, headers=current).status_code == 204


def test_a_status_waits_for_the_next_revision(client: RestClient) -> None:
    task = client.create("echo", {"a": "x"})
    with ThreadPoolExecutor(1) as pool:
        query = {"wait": 50, "revision": task["revision"]}
        waiting = pool.submit(client.http.get, f"/tasks/{task['id']}/status", params=query)
        changed = client.http.put(f"/tasks/{task['id']}", json={"title": "New"}).json()["task"]
        assert waiting.result().json()["revision"] == changed["revision"]


def test_a_repeated_request_with_its_key_gives_the_same_task(client: RestClient) -> None:
    def send(text: str) -> tuple[int, str | None, Document]:
        answer = client.http.post(
            "/tasks",
            json={"command": "echo", "arguments": {"a": text}, "execute": True},
            headers={"Idempotency-Key": "the-key"},
        )
        replayed = answer.headers.get("idempotent-replayed")
        return answer.status_code, replayed, answer.json()

    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(send, ["one"] * 8))
    assert {status for status, _, _ in sent} == {201}
    assert len({body["task"]["id"] for _, _, body in sent}) == 1
    assert sorted(replayed or "" for _, replayed, _ in sent) == ["", *["true"] * 7]
    status, _, body = send("another")
    assert (status, body["code"]) == (409, "idempotency_conflict")
    assert len(client.http.get("/tasks").json()["tasks"]) == 1
    assert client.wait(sent[0][2]["task"]["id"])["attempt"] == 1


def test_a_retry_is_a_new_task_and_repeats_as_one(client: RestClient) -> None:
    first = client.wait(client.start("fails", "1")["id"])
    path, key = f"/tasks/{first['id']}/retry", {"Idempotency-Key": "again"}
    answer = client.http.post(path, json={"arguments": {"a": "0"}}, headers=key)
    assert answer.status_code == 201
    again = answer.json()["task"]
    assert (again["retry_of"], again["arguments"]) == (first["id"], {"a": "0"})
    repeated = client.http.post(path, json={"arguments": {"a": "0"}}, headers=key)
    assert repeated.headers["idempotent-replayed"] == "true"
    assert repeated.json()["task"]["id"] == again["id"]
    assert client.wait(again["id"])["state"] == "succeeded"
    assert client.task(first["id"])["state"] == "failed"


def test_somebody_else_approves(client: RestClient, approver: RestClient) -> None:
    task = client.start("guarded")
    assert task["state"] == "awaiting_approval"
    decision = {"digest": task["approval"]["digest"], "reason": "looks good"}
    approve = f"/tasks/{task['id']}/approve"
    problem(client.http.post(approve, json=decision), 403, "not_permitted")
    assert approver.task(task["id"])["state"] == "awaiting_approval"
    wrong = {"digest": "sha256:" + "0" * 64}
    problem(approver.http.post(approve, json=wrong), 409, "digest_mismatch")
    assert approver.http.post(approve, json=decision).status_code == 202
    done = client.wait(task["id"])
    assert (done["state"], done["result"]["output"]) == ("succeeded", "approved\n")
    assert done["approval"]["decided_by"]["sub"] == approver.sub
    assert approver.task(task["id"])["state"] == "succeeded"


def test_nobody_approves_their_own_task_whatever_their_scopes(server: Server) -> None:
    with calling(server, scope="admin") as boss:
        task = boss.start("guarded")
        decision = {"digest": task["approval"]["digest"]}
        answer = boss.http.post(f"/tasks/{task['id']}/approve", json=decision)
        problem(answer, 403, "not_permitted")
        assert boss.task(task["id"])["state"] == "awaiting_approval"


def test_a_rejected_task_has_failed(client: RestClient, approver: RestClient) -> None:
    task = client.start("guarded")
    decision = {"digest": task["approval"]["digest"], "reason": "not today"}
    assert approver.http.post(f"/tasks/{task['id']}/reject", json=decision).status_code == 202
    done = client.task(task["id"])
    assert (done["state"], done["attempt"]) == ("failed", 0)
    assert done["error"]["code"] == "approval_rejected"


def test_somebody_elses_task_looks_like_none(client: RestClient, approver: RestClient) -> None:
    theirs = client.create("echo", {"a": "secret"})
    for method, verb in [("GET", ""), ("GET", "/logs"), ("GET", "/events"), ("GET", "/status")]:
        foreign = approver.http.request(method, f"/tasks/{theirs['id']}{verb}")
        unknown = approver.http.request(method, f"/tasks/tsk_{'0' * 32}{verb}")
        problem(foreign, 404, "task_not_found")
        assert foreign.content == unknown.content


def test_an_alias_of_two_owners_is_ambiguous_for_who_sees_both(
    server: Server, client: RestClient, admin: RestClient
) -> None:
    with calling(server) as other:
        ids = {client.create("hidden")["id"], other.create("hidden")["id"]}
    answer = problem(admin.http.get("/tasks/hidden-1"), 409, "ambiguous_alias")
    assert ids <= set(answer["matches"])
    assert client.task("hidden-1")["id"] in ids


def test_a_raw_log_comes_byte_for_byte(noisy: tuple[RestClient, str]) -> None:
    client, task = noisy
    raw = {"Accept": "text/plain"}
    errors = client.http.get(f"/tasks/{task}/logs", params={"stream": "stderr"}, headers=raw)
    assert errors.content == b"\x1b[31merror: the disk is on fire\x1b[0m\n"
    output = client.http.get(f"/tasks/{task}/logs", params={"stream": "stdout"}, headers=raw)
    assert output.headers["content-type"].startswith("text/plain")
    lines = [*range(1, 41), *["same"] * 20, *range(41, 81)]
    expected = "".join(f"{line}\n" for line in lines).encode() + b"no end \xff"
    assert output.content == expected


def test_a_log_is_read_from_either_end_and_on_from_a_cursor(
    noisy: tuple[RestClient, str],
) -> None:
    client, task = noisy
    tail = client.log(task, stream="stdout", lines=2)
    assert (tail["text"], tail["from_line"], tail["to_line"]) == (
        "80\nno end \N{REPLACEMENT CHARACTER}\n",
        100,
        101,
    )
    assert (tail["total_lines"], tail["lost_bytes"], tail["final"]) == (101, 0, True)
    head = client.log(task, stream="stdout", mode="head", lines=2)
    assert head["text"] == "1\n2\n"
    following = client.log(task, stream="stdout", mode="since", lines=2, cursor=head["cursor"])
    assert following["text"] == "3\n4\n"
    last = client.log(task, stream="stdout", mode="since", cursor=tail["cursor"])
    assert last["text"] == ""


def test_a_log_is_searched_as_it_is_shown(noisy: tuple[RestClient, str]) -> None:
    client, task = noisy
    found = client.log(task, mode="grep", pattern="^(4[12]|error.*fire)$", context=0)
    assert {"41", "42", "error: the disk is on fire"} <= set(found["text"].splitlines())
    around = client.log(task, mode="around_error", lines=1)
    assert around["text"] == "error: the disk is on fire\n"
    coloured = client.log(task, mode="tail", stream="stderr", ansi="keep")
    assert coloured["text"] == "\x1b[31merror: the disk is on fire\x1b[0m\n"


def test_equal_neighbours_in_a_log_are_folded(noisy: tuple[RestClient, str]) -> None:
    client, task = noisy
    folded = client.log(task, stream="stdout")
    assert folded["folded_lines"] == 19
    assert folded["text"].count("same") == 1
    whole = client.log(task, stream="stdout", fold=False, lines=1000)
    assert (whole["folded_lines"], whole["text"].count("same")) == (0, 20)


def test_a_budget_of_bytes_is_kept(noisy: tuple[RestClient, str]) -> None:
    client, task = noisy
    page = client.log(task, max_bytes=100, lines=1000)
    assert 0 < len(page["text"].encode()) <= 100
    assert page["omitted_lines"] > 0
