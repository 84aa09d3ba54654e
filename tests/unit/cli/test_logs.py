"""``errandry tasks logs``."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.commandline import CommandLine
from support.documents import RUNNING, SUCCEEDED, Document
from support.fake_rest import FakeRest


@pytest.fixture
def task(server: FakeRest) -> Document:
    task = server.add("resize", **RUNNING)
    server.logs[task["id"], 1] = [f"line {number}" for number in range(1, 301)]
    return task


def test_the_end_of_the_log_is_printed_and_what_is_left_out_is_told(
    cli: CommandLine, task: Document
) -> None:
    ran = cli("tasks", "logs", "resize-1", "--lines", "2")
    assert ran.out == "line 299\nline 300\n"
    assert ran.err == "(298 lines not shown; --lines shows more, --raw all that is kept)\n"


def test_nothing_is_told_when_nothing_is_left_out(cli: CommandLine, task: Document) -> None:
    assert cli("tasks", "logs", "resize-1", "--lines", "300").err == ""


def test_every_way_to_read_is_sent(cli: CommandLine, server: FakeRest, task: Document) -> None:
    words = "--mode around_error --lines 5 --stream stderr --attempt 1"
    cli("tasks", "logs", "resize-1", *words.split())
    assert server.requests[0].query == {
        "mode": ["around_error"],
        "lines": ["5"],
        "stream": ["stderr"],
        "attempt": ["1"],
    }


def test_grep_is_a_mode_of_its_own(cli: CommandLine, server: FakeRest, task: Document) -> None:
    cli("tasks", "logs", "resize-1", "--grep", "a+ b")
    assert server.requests[0].query == {"mode": ["grep"], "pattern": ["a+ b"]}


def test_json_is_the_answer_of_the_server(cli: CommandLine, task: Document) -> None:
    log = json.loads(cli("tasks", "logs", "resize-1", "--lines", "1", "--json").out)
    assert (log["text"], log["total_lines"]) == ("line 300\n", 300)


def test_raw_is_all_of_it(cli: CommandLine, server: FakeRest, task: Document) -> None:
    ran = cli("tasks", "logs", "resize-1", "--raw")
    assert ran.out.splitlines() == server.logs[task["id"], 1]
    assert server.requests[0].accept == "text/plain"


def test_a_raw_log_from_a_server_that_goes_away_ends_with_6(
    cli: CommandLine, server: FakeRest, task: Document
) -> None:
    server.lose("GET", "/tasks/resize-1/logs")
    ran = cli("tasks", "logs", "resize-1", "--raw")
    assert (ran.exit, ran.out) == (6, "")
    assert ran.err.startswith(f"errandry: No answer from {server.url}")


def test_follow_prints_what_comes_in_every_attempt(
    cli: CommandLine, server: FakeRest, task: Document
) -> None:
    first, second = ["one"], ["four"]
    server.logs = {(task["id"], 1): first, (task["id"], 2): second}

    def write(log: list[str], line: str, **change: Any) -> Callable[[], Document]:
        def step() -> Document:
            log.append(line)
            return change

        return step

    server.scripts["resize"] = [
        write(first, "two"),
        write(first, "three", attempt=2),
        write(second, "five"),
        write(second, "six", **SUCCEEDED),
    ]
    ran = cli("tasks", "logs", "resize-1", "--follow")
    assert (ran.exit, ran.out) == (0, "one\ntwo\nthree\nfour\nfive\nsix\n")


def test_follow_waits_for_a_task_that_has_not_begun(cli: CommandLine, server: FakeRest) -> None:
    task = server.add("report")
    server.logs[task["id"], 1] = ["hello"]
    server.scripts["report"] = [RUNNING, SUCCEEDED]
    assert cli("tasks", "logs", "report-1", "-f") == (0, "hello\n", "")


def test_follow_of_one_attempt_ends_when_that_attempt_is_over(
    cli: CommandLine, server: FakeRest, task: Document
) -> None:
    task["attempt"] = 2
    server.logs[task["id"], 1] = ["old"]
    assert cli("tasks", "logs", "resize-1", "-f", "--attempt", "1") == (0, "old\n", "")


def test_follow_with_a_pattern_goes_on_with_it(
    cli: CommandLine, server: FakeRest, task: Document
) -> None:
    server.scripts["resize"] = [SUCCEEDED]
    cli("tasks", "logs", "resize-1", "-f", "--grep", "needle")
    asked = [seen.query for seen in server.requests if seen.path.endswith("/logs")]
    assert {query["mode"][0] for query in asked} == {"grep"}
    assert asked[-1]["cursor"] == ["300"]
