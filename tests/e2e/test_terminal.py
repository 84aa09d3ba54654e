"""The command line as scripts use it: real processes, statuses, JSON on stdout."""

import json

import httpx2

from support.rest_client import RestClient
from support.server import Server


def test_a_run_prints_the_result_and_ends_as_its_task_does(server: Server) -> None:
    status, out, _ = server.run("run", "echo", "a=from the terminal")
    assert (status, out) == (0, "from the terminal\n")
    status, _, err = server.run("run", "fails", "a=9")
    assert status == 1
    assert "cannot open the door" in err
    status, _, err = server.run("run", "ecko")
    assert status == 4
    assert "echo" in err


def test_what_it_prints_as_json_is_the_json_of_the_wire(server: Server, client: RestClient) -> None:
    task = client.wait(client.start("greet", "Ada")["id"])
    status, out, _ = server.run("tasks", "show", task["id"], "--json")
    assert status == 0
    assert json.loads(out) == task


def test_a_token_it_prints_is_accepted(server: Server) -> None:
    status, out, _ = server.run("token", "--sub", "ci", "--scope", "tasks:read")
    assert status == 0
    headers = {"Authorization": f"Bearer {out.strip()}"}
    answer = httpx2.get(f"{server.url}/tasks", headers=headers, trust_env=False)
    assert answer.status_code == 200
    made = {"command": "hidden"}
    answer = httpx2.post(f"{server.url}/tasks", headers=headers, json=made, trust_env=False)
    assert answer.status_code == 403


def test_an_approval_needs_a_person_at_a_terminal(server: Server, client: RestClient) -> None:
    task = client.start("guarded")
    status, _, err = server.run("tasks", "approve", task["id"])
    assert status == 3
    assert "terminal" in err
    assert client.task(task["id"])["state"] == "awaiting_approval"
