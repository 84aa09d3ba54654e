"""The command line as a whole: verbs, help, connection, exit statuses."""

import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import errandry
from errandry.auth.keys import local_secret
from errandry.auth.mint import mint
from errandry.place import ServerFile
from support import documents
from support.commandline import CommandLine
from support.fake_http import Seen
from support.fake_rest import FakeRest
from support.verbs import verbs

UNKNOWN = "tsk_" + "0" * 32


@pytest.mark.parametrize("words", [*verbs()])
def test_every_verb_explains_itself_with_an_example(cli: CommandLine, words: str) -> None:
    ran = cli(*words.split(), "--help")
    assert (ran.exit, ran.err) == (0, "")
    assert f"usage: errandry {words}" in ran.out
    assert "errandry" in ran.out.partition("example: ")[2]


@pytest.mark.parametrize("words", [*verbs()])
def test_every_verb_has_a_function(words: str) -> None:
    assert callable(pkgutil.resolve_name(verbs()[words].get_default("action")))


def test_the_help_lists_every_verb(cli: CommandLine) -> None:
    out = cli("--help").out
    for words in verbs():
        assert f"\n    {words.split()[0]} " in out


def test_the_version_is_told(cli: CommandLine) -> None:
    assert cli("--version") == (0, f"errandry {errandry.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "no-such-verb",
        "tasks",
        "run",
        "tasks show",
        "tasks list --state done",
        "tasks list --stat running",
        "tasks list surplus",
        "run resize --no-such-flag a=b",
        "tasks logs x --mode middle",
        "token --days soon",
        "tasks list --url nowhere",
        "run resize text=\udcff",
    ],
)
def test_wrong_usage_ends_with_2_and_shows_the_usage(cli: CommandLine, words: str) -> None:
    ran = cli(*words.split())
    assert (ran.exit, ran.out) == (2, "")
    assert ran.err.startswith("usage: errandry")


@pytest.mark.parametrize(
    "words",
    ["--json tasks list", "tasks --json list", "tasks list --json"],
)
def test_global_flags_may_stand_anywhere(cli: CommandLine, server: FakeRest, words: str) -> None:
    server.add("resize")
    assert json.loads(cli(*words.split()).out)["alias"] == "resize-1"


def test_without_a_server_it_ends_with_6_and_says_how_to_start_one(
    cli: CommandLine, data_dir: Path
) -> None:
    assert cli("tasks", "list") == (
        6,
        "",
        f"errandry: No server runs on the data folder {data_dir}\nStart a server with: errandry serve\n",
    )


def test_a_server_that_has_gone_ends_with_6(cli: CommandLine, data_dir: Path) -> None:
    gone = FakeRest(data_dir)
    gone.close()
    ran = cli("tasks", "list")
    assert (ran.exit, ran.out) == (6, "")
    assert ran.err.startswith(f"errandry: No answer from {gone.url}")
    assert ran.err.endswith("Start a server with: errandry serve\n")


def test_a_token_alone_speaks_to_the_local_server(
    cli: CommandLine, server: FakeRest, data_dir: Path
) -> None:
    ann = mint(local_secret(data_dir), "ann", ["tasks:read"], 60)
    assert cli("tasks", "list", "--token", ann).exit == 0
    assert (server.requests[0].sub, "owner" in server.requests[0].query) == ("ann", False)


def test_url_and_token_speak_to_another_server(
    cli: CommandLine, server: FakeRest, data_dir: Path
) -> None:
    ServerFile.path(data_dir).unlink()
    ann = mint(local_secret(data_dir), "ann", ["tasks:read"], 60)
    assert cli("--url", f"{server.url}/", "tasks", "list", "--token", ann).exit == 0


def test_the_operators_token_goes_to_no_other_address(cli: CommandLine, server: FakeRest) -> None:
    ran = cli("tasks", "list", "--url", server.url)
    assert (ran.exit, server.requests) == (2, [])
    assert ran.err == "errandry: --url needs --token: only the local server knows the operator\n"


def test_an_address_that_cannot_be_is_refused(cli: CommandLine) -> None:
    ran = cli("tasks", "list", "--url", "http://[1:2]", "--token", "abc")
    assert (ran.exit, ran.err.startswith("errandry: http://[1:2] is no address: ")) == (2, True)


@pytest.mark.parametrize("token", ["", "two words", "ü", "line\nend"])
def test_what_is_no_token_is_refused_and_never_replaced_by_the_operators(
    cli: CommandLine, server: FakeRest, token: str
) -> None:
    ran = cli("tasks", "list", "--token", token)
    assert (ran.exit, server.requests) == (2, [])
    assert ran.err.endswith("argument --token: this is no token; get one with: errandry token\n")


def test_a_token_that_is_not_accepted_ends_with_3(cli: CommandLine, server: FakeRest) -> None:
    ran = cli("tasks", "list", "--token", "abc.def.ghi")
    assert ran == (3, "", "errandry: The token is not accepted\n")


def test_with_json_a_refusal_is_the_problem_on_stderr(cli: CommandLine, server: FakeRest) -> None:
    ran = cli("tasks", "show", UNKNOWN, "--json")
    assert (ran.exit, ran.out) == (4, "")
    assert json.loads(ran.err)["code"] == "task_not_found"


def test_an_answer_that_is_not_ours_ends_with_6(
    cli: CommandLine, server: FakeRest, data_dir: Path
) -> None:
    server.answer = lambda seen: (200, "<html>")  # type: ignore[method-assign]
    ran = cli("tasks", "list")
    assert (ran.exit, ran.out) == (6, "")
    assert "does not look like an errandry server" in ran.err


def test_a_refusal_without_our_form_ends_with_6(cli: CommandLine, server: FakeRest) -> None:
    server.answer = lambda seen: (502, {"error": "bad gateway"})  # type: ignore[method-assign]
    assert cli("tasks", "list").exit == 6


def test_ctrl_c_ends_any_verb_with_130(cli: CommandLine, server: FakeRest) -> None:
    me = threading.get_ident()

    def press_ctrl_c(seen: Seen) -> tuple[int, object]:
        signal.pthread_kill(me, signal.SIGINT)
        return 200, {}

    server.answer = press_ctrl_c  # type: ignore[method-assign]
    assert cli("tasks", "list") == (130, "", "errandry: interrupted\n")


def test_mcp_behind_a_flag_is_still_mcp(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {**os.environ, "ERRANDRY_DATA_DIR": str(tmp_path / "file")}
    program = [sys.executable, "-m", "errandry", "--json", "mcp"]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("errandry mcp: cannot make the data folder")


@pytest.mark.parametrize(
    "verb", [["--help"], ["tasks", "list"], ["run", "x"], ["commands", "list"], ["token"]]
)
def test_a_client_verb_loads_no_part_of_the_server(data_dir: Path, verb: list[str]) -> None:
    heavy = {"fastapi", "starlette", "sqlalchemy", "mcp", "uvicorn", "alembic"}
    if verb != ["token"]:
        heavy |= {"pydantic", "rich"}
    program = (
        "import sys\nfrom errandry.cli.main import main\n"
        f"main({verb!r})\nprint('loaded', sorted({heavy!r} & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "loaded []"


def test_a_locale_without_unicode_still_gets_its_answer(server: FakeRest) -> None:
    server.commands = {"du": documents.command("du", description="Größe 世")}
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    ended = subprocess.run(
        [sys.executable, "-m", "errandry", "commands", "show", "du"],
        env=environment,
        capture_output=True,
        encoding="latin-1",
        check=True,
    )
    assert "Größe \\u4e16" in ended.stdout


def test_a_reader_that_goes_away_ends_it_in_silence(server: FakeRest) -> None:
    for _ in range(100):
        server.add("resize", title="x" * 2000)
    program = "import sys\nfrom errandry.cli.main import main\nsys.exit(main(['tasks', 'list', '--json', '--limit', '100']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert (running.wait(30), running.stderr.read()) == (141, b"")
