"""``errandry run``."""

import json
import signal
import threading

import pytest

from support import documents
from support.commandline import CommandLine
from support.documents import FAILED, RUNNING, SUCCEEDED, Document
from support.fake_rest import FakeRest

RESIZE = {"width": {"type": "integer"}, "file": {"type": "string"}}


@pytest.fixture(autouse=True)
def commands(server: FakeRest) -> None:
    server.commands = {
        "resize": documents.command("resize", RESIZE),
        "report": documents.command("report"),
        "broken": documents.command("broken"),
        "endless": documents.command("endless"),
    }
    server.scripts = {
        "resize": [RUNNING, SUCCEEDED],
        "report": [RUNNING, {**SUCCEEDED, "result": {"pages": 3}}],
        "broken": [RUNNING, FAILED],
        "endless": [RUNNING],
    }


def test_it_starts_a_task_with_typed_arguments_and_prints_its_output(
    cli: CommandLine, server: FakeRest
) -> None:
    ran = cli("run", "resize", "width=3", "file=cat.png")
    assert (ran.exit, ran.out) == (0, "done\n")
    assert server.tasks[0]["arguments"] == {"width": 3, "file": "cat.png"}


def test_changes_of_state_are_told_on_stderr(cli: CommandLine) -> None:
    assert cli("run", "resize").err == "resize-1 queued\nresize-1 running\nresize-1 succeeded\n"


def test_words_may_stand_behind_flags(cli: CommandLine, server: FakeRest) -> None:
    assert (
        cli("run", "--json", "resize", "--title", "cats", "width=3", "--detach", "file=f").exit == 0
    )
    assert server.tasks[0]["arguments"] == {"width": 3, "file": "f"}


def test_all_that_a_task_may_be_given_is_sent(cli: CommandLine, server: FakeRest) -> None:
    words = "resize --title cats --label team=ops --label a=b --priority -5 --delay 1.5 --detach"
    assert cli("run", *words.split()).exit == 0
    sent = server.requests[-1]
    assert sent.body == {
        "command": "resize",
        "arguments": {},
        "title": "cats",
        "labels": {"team": "ops", "a": "b"},
        "priority": -5,
        "delay_s": 1.5,
        "execute": True,
    }


def test_each_request_is_signed_by_the_operator_for_a_minute(
    cli: CommandLine, server: FakeRest
) -> None:
    cli("run", "resize")
    assert {(seen.sub, seen.seconds) for seen in server.requests} == {("operator", 60)}


def test_json_is_the_final_task_on_one_line(cli: CommandLine, server: FakeRest) -> None:
    ran = cli("run", "resize", "--json")
    assert ran.out.count("\n") == 1
    task = json.loads(ran.out)
    assert (task["state"], task["result"]) == ("succeeded", SUCCEEDED["result"])


def test_a_document_goes_to_stdout_and_the_log_to_stderr(
    cli: CommandLine, server: FakeRest
) -> None:
    server.logs = {(f"tsk_{0:032x}", 1): ["reading", "writing"]}
    ran = cli("run", "report")
    assert json.loads(ran.out) == {"pages": 3}
    assert ran.err.endswith("report-1 succeeded\nreading\nwriting\n")


def test_cut_output_says_where_all_of_it_is(cli: CommandLine, server: FakeRest) -> None:
    cut = {"exit_code": 0, "output": "the end", "output_truncated": True}
    server.scripts["resize"] = [{**SUCCEEDED, "result": cut}]
    ran = cli("run", "resize")
    assert ran.out == "the end\n"
    assert ran.err.endswith(
        "Only the end is shown; all of it: errandry tasks logs resize-1 --raw\n"
    )


def test_a_task_that_failed_ends_with_1_and_says_why(cli: CommandLine) -> None:
    ran = cli("run", "broken")
    assert (ran.exit, ran.out) == (1, "")
    assert ran.err.splitlines()[2:] == [
        "broken-1 failed: The process ended with exit code 3",
        "  code: exit_code",
        "  exit_code: 3",
        "  attempt: 1 of 1",
        "  | cannot open the door",
    ]


def test_a_failed_task_is_json_too(cli: CommandLine) -> None:
    ran = cli("run", "broken", "--json")
    assert (ran.exit, json.loads(ran.out)["error"]["code"]) == (1, "exit_code")


def test_wrong_arguments_end_with_2_and_name_each(cli: CommandLine) -> None:
    ran = cli("run", "resize", "width=wide")
    assert (ran.exit, ran.out) == (2, "")
    assert ran.err == (
        "errandry: The arguments do not fit\n"
        "  /arguments/width: 'wide' is not an integer (allowed: an integer)\n"
    )


def test_a_word_that_is_no_assignment_ends_with_2(cli: CommandLine, server: FakeRest) -> None:
    ran = cli("run", "resize", "cat.png")
    assert (ran.exit, server.tasks) == (2, [])
    assert "'cat.png' is no argument; write key=value" in ran.err


def test_an_unknown_command_ends_with_4_and_names_the_nearest(cli: CommandLine) -> None:
    ran = cli("run", "resise")
    assert ran.exit == 4
    assert ran.err == 'errandry: There is no command "resise"\nDid you mean resize?\n'


def test_detached_it_prints_the_task_and_does_not_wait(cli: CommandLine) -> None:
    ran = cli("run", "endless", "--no-wait")
    assert (ran.exit, ran.out) == (0, "endless-1 queued\n")
    assert ran.err == "Follow it with: errandry tasks watch endless-1\n"


def test_when_the_time_is_over_it_ends_with_124_and_the_task_goes_on(
    cli: CommandLine, server: FakeRest
) -> None:
    ran = cli("run", "endless", "--timeout", "0.05")
    assert (ran.exit, ran.out) == (124, "")
    assert ran.err.endswith(
        "errandry: endless-1 is running after 0.05 s\n"
        "The task goes on; follow it with: errandry tasks watch endless-1\n"
    )
    assert server.tasks[0]["state"] == "running"


def test_with_json_a_time_out_still_names_the_task(cli: CommandLine) -> None:
    ran = cli("run", "endless", "--timeout", "0", "--json")
    assert (ran.exit, json.loads(ran.out)["alias"]) == (124, "endless-1")


def test_a_lost_answer_does_not_start_a_second_task(cli: CommandLine, server: FakeRest) -> None:
    server.commands["resize"] = documents.command("resize")
    cli("commands", "show", "resize")
    server.lose("POST", "/tasks")
    assert cli("run", "resize").exit == 0
    posts = [seen for seen in server.requests if seen.method == "POST"]
    assert len(posts) == 2
    assert len({seen.key for seen in posts}) == 1
    assert len(server.tasks) == 1


def test_ctrl_c_ends_with_130_and_says_how_to_find_the_task(
    cli: CommandLine, server: FakeRest
) -> None:
    me = threading.get_ident()

    def press_ctrl_c() -> Document:
        signal.pthread_kill(me, signal.SIGINT)
        return {}

    server.scripts["endless"] = [RUNNING, press_ctrl_c]
    ran = cli("run", "endless")
    assert ran.exit == 130
    assert ran.err.endswith(
        "errandry: Interrupted\nThe task goes on; follow it with: errandry tasks watch endless-1\n"
    )


def test_a_server_that_goes_away_ends_with_6_and_says_how_to_go_on(
    cli: CommandLine, server: FakeRest
) -> None:
    server.lose("GET", "/tasks/endless-1/status")
    ran = cli("run", "endless")
    assert ran.exit == 6
    assert "Start a server with: errandry serve" in ran.err
    assert ran.err.endswith("The task goes on; follow it with: errandry tasks watch endless-1\n")
