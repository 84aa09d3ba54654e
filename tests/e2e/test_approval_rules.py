"""`approval` as a rule, over REST: which arguments need somebody's approval, and whose."""

from collections.abc import Iterator

import pytest

from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, serving, shell

REMOTE = {"properties": {"host": {"not": {"const": "localhost"}}}, "required": ["host"]}
RUN = {"process": {"argv": ["echo", "{host}"], "allow_dash": True}}
HOST = {"type": "object", "properties": {"host": {"type": "string", "default": "far"}}}
COMMANDS = (
    shell("deploy", 'echo "$1"', "host", approval={"when": REMOTE}),
    shell("chief", 'echo "$1"', "host", approval={"by": "admin"}),
    {
        "name": "filled",
        "description": "The default decides.",
        "parameters": HOST,
        "run": RUN,
        "approval": {"when": REMOTE},
    },
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*COMMANDS) as made:
        yield made


def _decide(approver: RestClient, task: Document, verb: str = "approve") -> int:
    answer = approver.http.post(
        f"/tasks/{task['id']}/{verb}", json={"digest": task["approval"]["digest"]}
    )
    if answer.status_code == 403:
        problem(answer, 403, "not_permitted")
    return answer.status_code


def test_arguments_that_the_rule_does_not_mean_start_at_once(client: RestClient) -> None:
    done = client.wait(client.create("deploy", {"host": "localhost"}, execute=True)["id"])
    assert (done["state"], done["approval"]) == ("succeeded", None)


def test_arguments_that_the_rule_means_wait_for_somebody_else(
    server: Server, client: RestClient
) -> None:
    task = client.create("deploy", {"host": "far"}, execute=True)
    assert (task["state"], task["approval"]["by"]) == ("awaiting_approval", "tasks:approve")
    assert _decide(client, task) == 403
    with calling(server, scope="tasks:approve") as approver:
        assert _decide(approver, task) == 202
    assert client.wait(task["id"])["result"]["output"] == "far\n"


def test_a_default_counts_like_an_argument(client: RestClient) -> None:
    assert client.create("filled", {}, execute=True)["state"] == "awaiting_approval"


def test_the_arguments_at_the_start_are_what_counts(client: RestClient) -> None:
    task = client.create("deploy", {"host": "localhost"})
    client.http.put(f"/tasks/{task['id']}", json={"arguments": {"host": "far"}})
    client.http.post(f"/tasks/{task['id']}/execute")
    assert client.task(task["id"])["state"] == "awaiting_approval"


def test_the_rule_names_the_scope_of_who_decides(server: Server, client: RestClient) -> None:
    task = client.create("chief", {"host": "far"}, execute=True)
    assert task["approval"]["by"] == "admin"
    with calling(server, scope="tasks:approve") as approver:
        assert [_decide(approver, task, verb) for verb in ("approve", "reject")] == [403, 403]
        assert approver.task(task["id"])["state"] == "awaiting_approval"
    with calling(server, scope="admin") as admin:
        assert _decide(admin, task) == 202
    assert client.wait(task["id"])["state"] == "succeeded"


def test_a_repeated_task_is_judged_anew(client: RestClient) -> None:
    first = client.wait(client.create("deploy", {"host": "localhost"}, execute=True)["id"])
    again = client.http.post(f"/tasks/{first['id']}/retry", json={"arguments": {"host": "far"}})
    assert again.json()["task"]["state"] == "awaiting_approval"


def test_a_rule_with_an_unknown_scope_is_refused(server: Server) -> None:
    wrong = shell("wrong", "true", approval={"by": "tasks:aprove"})
    with calling(server, scope="admin") as admin:
        refused = problem(admin.http.post("/commands", json=wrong), 422, "invalid_command")
    assert [fault["path"] for fault in refused["errors"]] == ["/approval/by"]
