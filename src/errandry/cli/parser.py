"""Every verb and flag. Imports next to nothing, so that ``--help`` is quick."""

import argparse
from typing import Final

import errandry
from errandry.cli import client_verbs, flags, task_verbs
from errandry.cli.flags import verb

_EXITS: Final = """\
exit status: 0 done, 1 the task failed or was cancelled, 2 wrong usage or arguments, 3 not
authenticated or permitted, 4 not found, 5 conflict, 6 no server or database, 124 --timeout ran
out, 130 interrupted (the task goes on)

example: errandry run hello name=World
"""

_IDLE_S: Final = 15 * 60


def build() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="errandry",
        description="Durable tasks for AI agents: commands in YAML files, tasks in SQL.",
        epilog=_EXITS,
        parents=[flags.connection()],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"errandry {errandry.__version__}")
    parser.set_defaults(url=None, token=None, json=False)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_serve(verbs)
    _add_worker(verbs)
    verb(
        verbs,
        "mcp",
        "stdio:run",
        "speak MCP on stdin and stdout; starts a server when none runs",
        example="claude mcp add errandry -- errandry mcp",
    )
    _add_run(verbs)
    task_verbs.add(verbs)
    _add_commands(verbs)
    _add_token(verbs)
    _add_init(verbs)
    client_verbs.add(verbs)
    _add_db(verbs)
    verb(
        verbs,
        "doctor",
        "doctor:doctor",
        "check this installation and say what to do",
        example="errandry doctor",
        flags=flags.output(),
    )
    return parser


def _add_serve(verbs: "flags.Verbs") -> None:
    serve = verb(
        verbs,
        "serve",
        "serve:run",
        "start the server, which also runs the tasks",
        example="ERRANDRY_PORT=8080 errandry serve",
    )
    add = serve.add_argument
    add("--detached", action="store_true", help=argparse.SUPPRESS)  # as `errandry mcp` starts it
    add("--idle-exit-s", type=flags.seconds, default=_IDLE_S, help=argparse.SUPPRESS)


def _add_worker(verbs: "flags.Verbs") -> None:
    worker = verb(
        verbs,
        "worker",
        "worker:run",
        "run tasks of a PostgreSQL database, beside a server and other workers",
        example="ERRANDRY_DATABASE_URL=postgresql://errandry@db/errandry errandry worker",
    )
    worker.add_argument(
        "--concurrency",
        metavar="N",
        type=flags.count,
        help="how many at once (default: ERRANDRY_CONCURRENCY)",
    )


def _add_run(verbs: "flags.Verbs") -> None:
    run = verb(
        verbs,
        "run",
        "run:run",
        "start a command and wait for its end",
        example="errandry run resize file=cat.png width=640 --timeout 60",
        flags=flags.connection(),
    )
    add = run.add_argument
    add("name", metavar="NAME", help="the command, see: errandry commands list")
    add(
        "arguments",
        metavar="key=value",
        nargs="*",
        help="read by the command's schema; repeat the key of an array; key:=JSON for any JSON",
    )
    add("--timeout", metavar="S", type=flags.seconds, help="wait no longer; the task goes on")
    add("--detach", "--no-wait", action="store_true", help="print the task and do not wait")
    add("--title", help="a name for people")
    add(
        "--label",
        metavar="k=v",
        type=flags.label,
        action="append",
        default=[],
        help="may be repeated",
    )
    add("--priority", metavar="N", type=int, help="-100 to 100, higher first")
    add("--delay", metavar="S", type=flags.seconds, help="start that much later")


def _add_commands(verbs: "flags.Verbs") -> None:
    commands = flags.group(verbs, "commands", "see and check what can be run")
    listed = verb(
        commands,
        "list",
        "commands:list_commands",
        "list the commands",
        example="errandry commands list --tag ops",
        flags=flags.connection(),
    )
    listed.add_argument("--query", metavar="TEXT", help="words in name, title or description")
    listed.add_argument("--tag", help="only those with this tag")
    show = verb(
        commands,
        "show",
        "commands:show",
        "show one command",
        example="errandry commands show disk-usage",
        flags=flags.connection(),
    )
    show.add_argument("name", metavar="NAME")
    validate = verb(
        commands,
        "validate",
        "validate:validate",
        "check command files, without a server",
        example="errandry commands validate ./commands",
        flags=flags.output(),
    )
    validate.add_argument(
        "folder", metavar="FOLDER", nargs="?", help="default: the folder that a server would read"
    )


def _add_token(verbs: "flags.Verbs") -> None:
    token = verb(
        verbs,
        "token",
        "token:token",
        "print a token for the local server",
        example='errandry token --sub ci --scope "tasks:read tasks:write" --days 30',
    )
    add = token.add_argument
    add("--sub", default="agent", metavar="NAME", help="who the token is for (default: agent)")
    add(
        "--scope",
        metavar="SCOPES",
        action="append",
        default=[],
        help="default: commands:read tasks:read tasks:write",
    )
    add(
        "--days",
        metavar="N",
        type=float,
        default=1,
        help="how long it is good (default: 1, at most 365)",
    )


def _add_init(verbs: "flags.Verbs") -> None:
    init = verb(
        verbs,
        "init",
        "init:init",
        "write starter commands, overwriting nothing",
        example="errandry init",
    )
    init.add_argument(
        "folder", metavar="FOLDER", nargs="?", default="commands", help="default: ./commands"
    )


def _add_db(verbs: "flags.Verbs") -> None:
    db = flags.group(verbs, "db", "look after the database")
    verb(
        db,
        "upgrade",
        "db:upgrade",
        "bring the database to the schema of this version",
        example="errandry db upgrade",
    )
