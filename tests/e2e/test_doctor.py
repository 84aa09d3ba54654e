"""``errandry doctor`` beside a real server, and for a client that was installed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.server import Server, result, serving, shell


@pytest.fixture(scope="module")
def fresh() -> Iterator[Server]:
    with serving(shell("one", "echo 1"), shell("two", "echo 2")) as server:
        yield server


def diagnose(server: Server) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and the findings by subject."""
    status, out, err = result(server.open("doctor", "--json"))
    assert err == ""
    documents = [json.loads(line) for line in out.splitlines()]
    return status, {document["check"]: document for document in documents}


@pytest.fixture(autouse=True)
def home(fresh: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own for whatever is started."""
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(fresh.root))


def test_a_server_that_runs_is_in_order(fresh: Server) -> None:
    status, found = diagnose(fresh)
    assert (status, [one for one in found.values() if one["level"] == "fail"]) == (0, [])
    for subject in ("data folder", "secret", "database", "programs", "server", "socket", "token"):
        assert found[subject]["level"] == "ok", found[subject]
    assert found["server"]["says"].startswith(f"{fresh.url} is ready")
    assert found["database"]["says"].startswith("a server has it open")
    assert found["commands"]["says"] == f"2 in {fresh.commands}"
    assert "2 of them commands" in found["tools"]["says"]


def test_a_client_that_was_installed_is_in_order_until_its_commands_are_others(
    fresh: Server,
) -> None:
    status, _, err = fresh.run("install", "--client", "cursor")
    assert (status, "errandry doctor" in err) == (0, True)
    status, found = diagnose(fresh)
    assert (status, found["client cursor"]["level"]) == (0, "ok")
    others = fresh.path("others")
    others.mkdir()
    result(fresh.open("install", "--client", "cursor", commands_dir=str(others)))
    status, found = diagnose(fresh)
    assert (status, found["client cursor"]["level"]) == (1, "fail")
    assert fresh.run("uninstall", "--client", "cursor")[0] == 0


def test_after_a_crash_everything_is_still_in_order() -> None:
    with serving(shell("one", "echo 1")) as server:
        server.kill9()
        status, found = diagnose(server)
    assert status == 0, found
    assert found["database"]["says"].endswith("is whole")
    assert found["schema"]["level"] == "ok"
    assert "one that was killed" in found["server"]["says"]
