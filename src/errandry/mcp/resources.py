"""Resources: commands and tasks by URI, read under the same rules as everywhere else."""

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

from mcp import types
from mcp.shared.exceptions import MCPError

from errandry.commands.model import Command
from errandry.errors import AmbiguousAlias, NotFound
from errandry.jsontext import compact
from errandry.mcp.callers import CallerOf, Context
from errandry.mcp.refusals import as_protocol_errors, invalid_params
from errandry.principal import Principal
from errandry.service.forms import ListTasks, ReadLog
from errandry.service.services import Services
from errandry.tasks import cursor, wire
from errandry.tasks.model import Task

Kind = Literal["command", "task", "log", "result"]

PAGE: Final = 50
KEPT_MS: Final = 3_600_000
"""How long a client may keep what does not change any more."""

JSON: Final = "application/json"
TEXT: Final = "text/plain"

_URI: Final = re.compile(
    r"command://(?P<command>[a-z0-9_-]{1,64})|task://(?P<task>[a-z0-9_-]{1,100})(?P<part>/log|/result)?"
)
_PARTS: Final[dict[str | None, Kind]] = {None: "task", "/log": "log", "/result": "result"}
_LOG: Final = ReadLog(lines=10_000)

TEMPLATES: Final = (
    ("command://{name}", "command", "A command as its file defines it", JSON),
    ("task://{id}", "task", "A task with its attempts; an id or alias", JSON),
    ("task://{id}/log", "task-log", "The end of what a task wrote, at most 64 KiB", TEXT),
    ("task://{id}/result", "task-result", "The result of a task, null while there is none", JSON),
)


@dataclass(frozen=True, slots=True)
class Uri:
    """What a URI names."""

    kind: Kind
    name: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what the URI names, or None when it is none of ours."""
        if (match := _URI.fullmatch(text)) is None:
            return None
        if match["command"]:
            return cls("command", match["command"])
        return cls(_PARTS[match["part"]], match["task"])


@dataclass(frozen=True, slots=True)
class Content:
    """A resource as it is now; `is_final` when it does not change any more."""

    text: str
    mime_type: str
    is_final: bool


async def content(services: Services, caller: Principal, uri: Uri) -> Content:
    """Return what a resource holds.

    Raises:
        NotFound, AmbiguousAlias: there is none of that name for the caller.
        NotPermitted: the caller may read none of its kind.
    """
    match uri.kind:
        case "command":
            command = services.commands.get(caller, uri.name)
            document = await services.commands.document(command)
            return Content(compact(document), JSON, is_final=False)
        case "log":
            page = await services.logs.read(caller, uri.name, _LOG)
            return Content(page.text, TEXT, page.final)
        case _:
            task, attempts = await services.tasks.get(caller, uri.name)
            document = task.result if uri.kind == "result" else wire.task(task, attempts)
            return Content(compact(document), JSON, task.state.is_final)


class Resources:
    """The handlers of resources."""

    def __init__(self, services: Services, caller_of: CallerOf) -> None:
        self._services = services
        self._caller_of = caller_of

    async def page(
        self, context: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """List the visible commands by name, then the caller's tasks, newest first."""
        with as_protocol_errors():
            caller = self._caller_of(context)
            text = params.cursor if params else None
            start, after = cursor.decode(text, int, str) if text else (0, "")
            found: list[types.Resource] = []
            if not after:
                begin = max(0, int(start))
                commands, end = self._commands(caller), begin + PAGE
                found = [_of_command(each) for each in commands[begin:end]]
                if end < len(commands):
                    return types.ListResourcesResult(
                        resources=found, next_cursor=cursor.encode(end, "")
                    )
            tasks, more = await self._tasks(caller, str(after) or None)
            return types.ListResourcesResult(
                resources=found + [_of_task(task) for task in tasks],
                next_cursor=cursor.encode(0, more) if more else None,
            )

    async def names(self, caller: Principal) -> tuple[str, ...]:
        """Return something that differs when the first page of the list does."""
        commands = [command.digest for command in self._commands(caller)]
        tasks, _ = await self._tasks(caller, None)
        return (*commands, *(task.id for task in tasks))

    def _commands(self, caller: Principal) -> list[Command]:
        return self._services.commands.search() if caller.may("commands:read") else []

    async def _tasks(self, caller: Principal, after: str | None) -> tuple[list[Task], str | None]:
        if not (caller.may("tasks:read") or caller.may("tasks:approve")):
            return [], None
        return await self._services.tasks.page(caller, ListTasks(limit=PAGE, cursor=after))

    async def templates(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """List the forms of URI that there are."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=uri, name=name, description=description, mime_type=mime_type
                )
                for uri, name, description, mime_type in TEMPLATES
            ]
        )

    async def read(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Return a resource; unknown and foreign ones get the same answer.

        Raises:
            MCPError: -32602, as the specification's section on resources asks.
        """
        with as_protocol_errors():
            uri, found = Uri.parse(params.uri), None
            if uri is not None:
                try:
                    found = await content(self._services, self._caller_of(context), uri)
                except (NotFound, AmbiguousAlias):
                    found = None
            if found is None:
                raise not_found(params.uri)
            return types.ReadResourceResult(
                contents=[
                    types.TextResourceContents(
                        uri=params.uri, mime_type=found.mime_type, text=found.text
                    )
                ],
                ttl_ms=KEPT_MS if found.is_final else 0,
                cache_scope="private",
            )


def not_found(uri: str) -> MCPError:
    """Return the one answer for what is unknown, foreign, or no URI of ours."""
    return invalid_params("Resource not found", {"uri": uri})


def _of_command(command: Command) -> types.Resource:
    return types.Resource(
        uri=f"command://{command.name}",
        name=command.name,
        title=command.title,
        description=command.description,
        mime_type=JSON,
    )


def _of_task(task: Task) -> types.Resource:
    return types.Resource(
        uri=f"task://{task.id}",
        name=task.alias,
        title=task.title,
        description=f"{task.alias} is {task.state}",
        mime_type=JSON,
    )
