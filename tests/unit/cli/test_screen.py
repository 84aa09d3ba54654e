"""What is drawn on a terminal."""

import pytest

from errandry.cli.main import main
from support import documents
from support.documents import RUNNING, SUCCEEDED
from support.fake_rest import FakeRest
from support.terminals import terminal


def test_a_running_task_is_one_line_that_moves(
    server: FakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.commands = {"resize": documents.command("resize")}
    progress = {"current": 5, "total": 10, "message": "fifth\x1b[31m [red]"}
    server.scripts["resize"] = [RUNNING, {"progress": progress}, {}, SUCCEEDED]
    with terminal(monkeypatch) as screen:
        assert main(["run", "resize"]) == 0
    text = screen.text()
    assert "resize-1 running" in text
    assert "5/10 fifth\\u001b[31m [red]" in text
    assert text.endswith("resize-1 succeeded\ndone\n")


def test_a_live_status_is_asked_for_every_second(
    server: FakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.scripts["resize"] = [RUNNING, SUCCEEDED]
    server.add("resize")
    with terminal(monkeypatch):
        main(["tasks", "watch", "resize-1"])
    waits = [seen.query["wait"] for seen in server.requests if "wait" in seen.query]
    assert waits == [["1"], ["1"]]


def test_a_table_is_aligned_and_coloured(server: FakeRest, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("resize", **SUCCEEDED)
    with terminal(monkeypatch) as screen:
        main(["tasks", "list"])
    head, row = screen.text().splitlines()
    assert "\x1b[1m" in head
    assert "\x1b[32msucceeded" in row


def test_no_color_takes_the_colours_away(server: FakeRest, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("resize", **SUCCEEDED)
    with terminal(monkeypatch) as screen:
        monkeypatch.setenv("NO_COLOR", "1")
        main(["tasks", "list"])
    assert "\x1b[32m" not in screen.text()


def test_a_dumb_terminal_gets_plain_lines(
    server: FakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("resize", **SUCCEEDED)
    with terminal(monkeypatch) as screen:
        monkeypatch.setenv("TERM", "dumb")
        main(["tasks", "watch", "resize-1"])
    assert screen.text() == "resize-1 succeeded\n"


def test_output_of_a_task_cannot_steer_the_terminal(
    server: FakeRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = server.add("resize", **RUNNING)
    server.logs[task["id"], 1] = ["plain\r", "\x1b]0;title\x07"]
    with terminal(monkeypatch) as screen:
        main(["tasks", "logs", "resize-1"])
    assert screen.text() == "plain\n\\u001b]0;title\\u0007\n"
