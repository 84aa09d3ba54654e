"""A REST API that follows the contract and keeps all in memory: what the command line talks to here.

Its tasks do not run. Each question for a status that waits brings the next step of the script of
the task's command: fields that change, or a function that does things and returns such fields. After
the last step nothing changes any more.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import jwt

from errandry import errors
from errandry.auth.keys import local_secret
from errandry.auth.verifier import LOCAL_AUDIENCE
from errandry.place import ServerFile
from support import documents
from support.documents import AT, Document
from support.fake_http import Seen, handler


@dataclass
class FakeRest:
    """Commands, tasks, scripts and logs of one server; `requests` is all that was asked of it."""

    data_dir: Path
    commands: dict[str, Document] = field(default_factory=dict)
    tasks: list[Document] = field(default_factory=list)
    scripts: dict[str, list[Document | Callable[[], Document]]] = field(default_factory=dict)
    logs: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    faults: list[Document] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._secret = local_secret(self.data_dir)
        self._by_key: dict[str, Document] = {}
        self._steps: dict[str, int] = {}
        self._lost: set[tuple[str, str]] = set()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        ServerFile(self.url, "/nowhere", 1, "0", "/nowhere").write(self.data_dir)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving; whoever waits is answered."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, name: str, **fields: Any) -> Document:
        """Make a task without being asked."""
        number = 1 + sum(task["command"] == name for task in self.tasks)
        made = documents.task(len(self.tasks), name, f"{name}-{number}", **fields)
        self.tasks.append(made)
        return made

    def task(self, ref: str) -> Document:
        """Return a task by id or alias."""
        for task in self.tasks:
            if ref in (task["id"], task["alias"]):
                return task
        raise errors.TaskNotFound("Task not found")

    def caller(self, authorization: str) -> tuple[str, int]:
        """Return who a token of this machine names, and for how many seconds it was made."""
        token = authorization.removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self._secret, ["HS256"], audience=LOCAL_AUDIENCE)
        except jwt.InvalidTokenError:
            raise errors.NotAuthenticated("The token is not accepted") from None
        return claims["sub"], claims["exp"] - claims["iat"]

    def lose(self, method: str, path: str) -> None:
        """Do what the next such request asks for, but let its answer get lost."""
        self._lost.add((method, path))

    def loses(self, seen: Seen) -> bool:
        """Return whether this answer gets lost."""
        if (wanted := (seen.method, seen.path)) in self._lost:
            self._lost.remove(wanted)
            return True
        return False

    def answer(self, seen: Seen) -> tuple[int, Any]:
        """Return the status and the document, or text, of an answer."""
        self.requests.append(seen)
        for method, pattern, function in _ROUTES:
            if seen.method == method and (found := re.fullmatch(pattern, seen.path)):
                return function(self, seen, *map(unquote, found.groups()))
        raise errors.NotFound("There is nothing here")

    # -- routes

    def _list_commands(self, seen: Seen) -> tuple[int, Document]:
        return 200, {"commands": list(self.commands.values()), "faults": self.faults}

    def _get_command(self, seen: Seen, name: str) -> tuple[int, Document]:
        if name not in self.commands:
            close = errors.nearest(name, self.commands)
            raise errors.CommandNotFound(f'There is no command "{name}"', did_you_mean=close)
        return 200, {"command": self.commands[name]}

    def _create(self, seen: Seen) -> tuple[int, Document]:
        assert seen.key is not None
        faults = [
            errors.Fault(f"/arguments/{name}", f"{value!r} is not an integer", "an integer")
            for name, value in seen.body["arguments"].items()
            if name == "width" and not isinstance(value, int)
        ]
        if faults:
            raise errors.InvalidArguments("The arguments do not fit", faults=faults)
        if seen.key not in self._by_key:
            fields = {
                name: seen.body[name]
                for name in ("title", "labels", "priority")
                if name in seen.body
            }
            self._by_key[seen.key] = self.add(
                seen.body["command"],
                arguments=seen.body["arguments"],
                owner={"iss": "errandry:local", "sub": seen.sub},
                idempotency_key=seen.key,
                **fields,
            )
        return 201, {"task": self._by_key[seen.key]}

    def _list_tasks(self, seen: Seen) -> tuple[int, Document]:
        first = int(seen.query.get("cursor", ["0"])[0])
        behind = first + int(seen.query["limit"][0])
        newest = self.tasks[::-1]
        more = str(behind) if behind < len(newest) else None
        return 200, {"tasks": newest[first:behind], "next_cursor": more}

    def _get(self, seen: Seen, ref: str) -> tuple[int, Document]:
        task = self.task(ref)
        return 200, {"task": {**task, "attempts": documents.attempts(task)}}

    def _status(self, seen: Seen, ref: str) -> tuple[int, Document]:
        task = self.task(ref)
        if "wait" in seen.query:
            self._step(task, float(seen.query["wait"][0]))
        return 200, documents.status(task)

    def _step(self, task: Document, wait_s: float) -> None:
        step = self._steps.get(task["id"], 0)
        script = self.scripts.get(task["command"], [])
        if step < len(script):
            self._steps[task["id"]] = step + 1
            change = script[step]
            task |= change if isinstance(change, dict) else change()
            task["revision"] += 1
        else:
            self._closing.wait(wait_s)

    def _events(self, seen: Seen, ref: str) -> tuple[int, Document]:
        return 200, {"events": [documents.created(self.task(ref))], "next_cursor": None}

    def _read_log(self, seen: Seen, ref: str) -> tuple[int, Any]:
        task = self.task(ref)
        query = {name: values[0] for name, values in seen.query.items()}
        attempt = int(query["attempt"]) if "attempt" in query else task["attempt"]
        lines = self.logs.get((task["id"], attempt), [])
        if seen.accept == "text/plain":
            return 200, "".join(f"{line}\n" for line in lines)
        return 200, documents.log(lines, attempt, query)

    def _cancel(self, seen: Seen, ref: str) -> tuple[int, Document]:
        task = self.task(ref)
        task["cancel_requested"] = True
        if task["state"] != "running":
            task |= {"state": "cancelled", "finished_at": AT}
        return 202, {"task": task}

    def _retry(self, seen: Seen, ref: str) -> tuple[int, Document]:
        task = self.task(ref)
        if task["finished_at"] is None:
            raise errors.TaskActive(f"{task['alias']} is {task['state']}")
        return 201, {"task": self.add(task["command"], retry_of=task["id"])}

    def _decide(self, seen: Seen, ref: str, verb: str) -> tuple[int, Document]:
        task = self.task(ref)
        if seen.body["digest"] != task["command_digest"]:
            raise errors.DigestMismatch("The command has changed")
        task["state"] = "queued" if verb == "approve" else "failed"
        return 202, {"task": task}

    def _answer(self, seen: Seen, ref: str) -> tuple[int, Document]:
        task = self.task(ref)
        task["state"] = "queued"
        return 202, {"task": task}


_Route = Callable[..., tuple[int, Any]]
_ROUTES: Final[tuple[tuple[str, str, _Route], ...]] = (
    ("GET", "/commands", FakeRest._list_commands),
    ("GET", "/commands/([^/]+)", FakeRest._get_command),
    ("GET", "/tasks", FakeRest._list_tasks),
    ("POST", "/tasks", FakeRest._create),
    ("GET", "/tasks/([^/]+)", FakeRest._get),
    ("GET", "/tasks/([^/]+)/status", FakeRest._status),
    ("GET", "/tasks/([^/]+)/events", FakeRest._events),
    ("GET", "/tasks/([^/]+)/logs", FakeRest._read_log),
    ("POST", "/tasks/([^/]+)/cancel", FakeRest._cancel),
    ("POST", "/tasks/([^/]+)/retry", FakeRest._retry),
    ("POST", "/tasks/([^/]+)/(approve|reject)", FakeRest._decide),
    ("POST", "/tasks/([^/]+)/input", FakeRest._answer),
)
