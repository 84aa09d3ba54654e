"""``errandry tasks list|show|watch|wait|cancel|retry``."""

import json

import pytest

from support.commandline import CommandLine
from support.documents import AT, FAILED, RUNNING, SUCCEEDED
from support.fake_rest import FakeRest


def test_list_shows_every_owners_tasks_newest_first(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize", progress={"current": 3, "total": 10, "message": "third"})
    server.add("report", owner={"iss": "https://id.example", "sub": "ann"}, state="succeeded")
    ran = cli("tasks", "list")
    head, report, resize = (line.split("\t") for line in ran.out.splitlines())
    assert head == ["alias", "command", "state", "progress", "age", "owner"]
    assert report[:4] == ["report-1", "report", "succeeded", ""]
    assert report[5] == "ann of https://id.example"
    assert resize[:4] == ["resize-1", "resize", "queued", "3/10 third"]
    assert resize[5] == "agent"
    assert server.requests[0].query["owner"] == ["*"]


def test_list_sends_what_is_asked_for(cli: CommandLine, server: FakeRest) -> None:
    words = (
        "--state running --state queued --command resize --label team=ops --label a=b --owner ann"
        " --since 2026-11-24T08:00:00Z --limit 7"
    )
    assert cli("tasks", "list", *words.split()).exit == 0
    assert server.requests[0].query == {
        "state": ["running", "queued"],
        "command": ["resize"],
        "label": ["team:ops", "a:b"],
        "owner": ["ann"],
        "since": ["2026-11-24T08:00:00.000Z"],
        "limit": ["7"],
    }


def test_list_as_json_is_one_task_a_line(cli: CommandLine, server: FakeRest) -> None:
    made = [server.add("resize") for _ in range(3)]
    ran = cli("tasks", "list", "--json")
    assert [json.loads(line) for line in ran.out.splitlines()] == made[::-1]


def test_a_long_list_comes_in_pages(cli: CommandLine, server: FakeRest) -> None:
    for _ in range(130):
        server.add("resize")
    assert len(cli("tasks", "list", "--json", "--limit", "120").out.splitlines()) == 120
    assert [seen.query["limit"] for seen in server.requests] == [["100"], ["20"]]


def test_show_tells_fields_attempts_and_history(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize", **RUNNING, arguments={"text": "\x1b[2J"}, labels={"team": "ops"})
    out = cli("tasks", "show", "resize-1").out
    assert out.splitlines()[0] == "resize-1 running"
    assert '"text": "\\u001b[2J"' in out
    assert '"team": "ops"' in out
    assert f"1\t-\t-\t-\t{AT}\t-\tw1\n" in out
    assert f"{AT}\tcreated\t-\tagent\t\n" in out
    assert "title" not in out


def test_show_leaves_out_attempts_where_there_were_none(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize")
    out = cli("tasks", "show", "resize-1").out
    assert "attempts" not in out
    assert "\nhistory\n" in out


def test_show_as_json_is_the_task(cli: CommandLine, server: FakeRest) -> None:
    made = server.add("resize")
    assert json.loads(cli("tasks", "show", made["id"], "--json").out) == {**made, "attempts": []}


@pytest.mark.parametrize(
    "words",
    ["show", "watch", "logs", "logs --raw", "logs -f", "wait", "cancel", "retry"],
)
def test_an_unknown_task_ends_with_4(cli: CommandLine, server: FakeRest, words: str) -> None:
    verb, *flags = words.split()
    ran = cli("tasks", verb, "resize-9", *flags)
    assert (ran.exit, ran.out, ran.err) == (4, "", "errandry: Task not found\n")


def test_a_ref_is_one_step_of_the_path(cli: CommandLine, server: FakeRest) -> None:
    assert cli("tasks", "show", "../commands?x#y").exit == 4
    assert server.requests[0].path == "/tasks/..%2Fcommands%3Fx%23y"


def test_watch_tells_each_change_and_ends_like_the_task(cli: CommandLine, server: FakeRest) -> None:
    progress = {"current": 1, "total": 2, "message": None}
    server.scripts["broken"] = [RUNNING, RUNNING, {"progress": progress}, FAILED]
    server.add("broken", queue_position=2)
    ran = cli("tasks", "watch", "broken-1")
    assert ran.exit == 1
    assert ran.err.splitlines()[:4] == [
        "broken-1 queued number 2 in the queue",
        "broken-1 running",
        "broken-1 running 1/2",
        "broken-1 failed: The process ended with exit code 3",
    ]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("awaiting_approval", "somebody must decide: errandry tasks approve resize-1"),
        ("input_required", "somebody must answer: errandry tasks answer resize-1"),
    ],
)
def test_watch_tells_what_a_task_waits_for(
    cli: CommandLine, server: FakeRest, state: str, told: str
) -> None:
    server.add("resize", state=state)
    ran = cli("tasks", "watch", "resize-1", "--timeout", "0")
    assert ran.exit == 124
    assert ran.err.splitlines()[0] == f"resize-1 {state} {told}"


def test_watch_as_json_is_one_status_a_line(cli: CommandLine, server: FakeRest) -> None:
    server.scripts["resize"] = [RUNNING, SUCCEEDED]
    server.add("resize")
    ran = cli("tasks", "watch", "resize-1", "--json")
    assert ran.exit == 0
    statuses = [json.loads(line) for line in ran.out.splitlines()]
    assert [status["status"] for status in statuses] == ["queued", "running", "succeeded"]


@pytest.mark.parametrize(
    ("last", "end", "told"),
    [
        (SUCCEEDED, 0, "resize-1 succeeded\n"),
        ({"state": "cancelled", "finished_at": AT}, 1, "resize-1 cancelled\n"),
    ],
)
def test_wait_is_silent_and_ends_like_the_task(
    cli: CommandLine, server: FakeRest, last: dict[str, object], end: int, told: str
) -> None:
    server.scripts["resize"] = [RUNNING, last]
    server.add("resize")
    assert cli("tasks", "wait", "resize-1") == (end, "", told)


def test_wait_asks_for_long_answers_from_the_revision_it_knows(
    cli: CommandLine, server: FakeRest
) -> None:
    server.scripts["resize"] = [RUNNING, SUCCEEDED]
    server.add("resize")
    cli("tasks", "wait", "resize-1")
    assert [seen.query for seen in server.requests if seen.path.endswith("/status")] == [
        {},
        {"wait": ["50"], "revision": ["1"]},
        {"wait": ["50"], "revision": ["2"]},
    ]


def test_wait_as_json_is_the_final_task(cli: CommandLine, server: FakeRest) -> None:
    server.add("broken", **FAILED)
    ran = cli("tasks", "wait", "broken-1", "--json")
    assert (ran.exit, json.loads(ran.out)["error"]["exit_code"]) == (1, 3)


def test_a_wait_that_runs_out_ends_with_124(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize")
    ran = cli("tasks", "wait", "resize-1", "--timeout", "0.05")
    assert (ran.exit, ran.out) == (124, "")
    assert ran.err == (
        "errandry: resize-1 is queued after 0.05 s\n"
        "The task goes on; follow it with: errandry tasks watch resize-1\n"
    )


def test_cancel_ends_a_waiting_task_at_once(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize")
    ran = cli("tasks", "cancel", "resize-1", "--reason", "too late")
    assert ran == (0, "resize-1 cancelled\n", "")
    assert server.requests[0].body == {"reason": "too late"}


def test_cancel_says_that_a_running_task_takes_a_moment(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize", **RUNNING)
    ran = cli("tasks", "cancel", "resize-1")
    assert ran.out == "resize-1 running, its processes are being ended\n"
    assert ran.err == "Follow it with: errandry tasks watch resize-1\n"


def test_retry_makes_a_new_task(cli: CommandLine, server: FakeRest) -> None:
    old = server.add("broken", **FAILED)
    ran = cli("tasks", "retry", "broken-1", "--json")
    assert (ran.exit, json.loads(ran.out)["retry_of"]) == (0, old["id"])
    assert cli("tasks", "retry", "broken-1").out == "broken-3 queued\n"
    assert all(seen.key for seen in server.requests)


def test_retry_of_a_task_that_goes_on_ends_with_5(cli: CommandLine, server: FakeRest) -> None:
    server.add("resize")
    assert cli("tasks", "retry", "resize-1") == (5, "", "errandry: resize-1 is queued\n")
