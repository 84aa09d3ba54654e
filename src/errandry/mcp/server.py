"""The MCP server: which tools there are at this moment, what a call of one does, and all other handlers."""

import logging
from collections.abc import Collection
from typing import Any, Final

from mcp import types
from mcp.server import NotificationOptions, Server
from mcp.server.caching import CacheHint
from mcp.shared.exceptions import MCPError

from errandry import __version__, problems
from errandry.commands.model import Command
from errandry.errors import ErrandryError
from errandry.mcp import calls, results
from errandry.mcp.callers import CallerOf, Context
from errandry.mcp.completions import Completions
from errandry.mcp.core_tools import CORE_TOOLS
from errandry.mcp.listen import Listening
from errandry.mcp.operator_tools import OPERATOR_TOOLS
from errandry.mcp.prompts import Prompts
from errandry.mcp.resources import KEPT_MS, Resources
from errandry.mcp.results import ToolResult
from errandry.mcp.tasks import Tasks
from errandry.mcp.tool import Call
from errandry.mcp.watch import Sights
from errandry.mcp.wiretasks import WireTasks
from errandry.principal import Principal
from errandry.service.services import Services

_log = logging.getLogger(__name__)

MAX_COMMAND_TOOLS: Final = 10
"""With more visible commands than this, only those that say `expose: tool` are tools of their own."""

INSTRUCTIONS: Final = (
    "errandry runs commands as durable tasks: once accepted, a task is carried out whatever happens"
    " to this connection. Three moves: find_commands (detail=schema shows the parameters),"
    " run_command (answers with the result, or with an alias when it takes longer), wait_for_tasks"
    " (waits for aliases; call again while met is false). read_task_log shows what a task wrote."
    " Repeat a call that may have been lost with the same idempotency_key."
)

HANDLE_SCHEMA: Final = {
    "type": "object",
    "properties": {"task": {"type": "object"}, "next": {"type": "string"}},
    "required": ["task", "next"],
}


class _Server(Server[Any]):
    """The SDK's server, whose capabilities say what is so: the list of prompts never changes."""

    def get_capabilities(self, *arguments: Any, **more: Any) -> types.ServerCapabilities:
        """Return what `initialize` and `server/discover` tell."""
        changes = NotificationOptions(tools_changed=True, resources_changed=True)
        told = super().get_capabilities(changes, *arguments[1:], **more)
        return told.model_copy(update={"prompts": types.PromptsCapability(list_changed=False)})


class McpFacade:
    """The handlers of the low-level server, for callers that `caller_of` knows.

    The core tools are always there, the operator's when `toolsets` names them. A client that knows
    tasks is answered with one after `task_after_s` seconds.
    """

    def __init__(
        self,
        services: Services,
        caller_of: CallerOf,
        toolsets: Collection[str],
        task_after_s: float,
    ) -> None:
        self._services = services
        self._caller_of = caller_of
        self._task_after_s = task_after_s
        self._wire_tasks = WireTasks(services, caller_of)
        self._tasks = Tasks(self._wire_tasks)
        self._tools = CORE_TOOLS | (OPERATOR_TOOLS if "operator" in toolsets else {})
        self._resources = Resources(services, caller_of)
        sights = Sights(services, self._own_tools, self._resources)
        self._listening = Listening(sights, caller_of, self._tasks)

    def close(self) -> None:
        """End the streams of subscriptions within a second."""
        self._listening.close()

    def server(self) -> Server[Any]:
        """Return a server with these handlers; it serves both eras of the protocol."""
        prompts = Prompts(self._services, self._caller_of)
        listening = self._listening
        server = _Server(
            "errandry",
            version=__version__,
            title="errandry",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,  # type: ignore[arg-type]  # a dict keeps its nulls
            on_list_resources=self._resources.page,
            on_list_resource_templates=self._resources.templates,
            on_read_resource=self._resources.read,
            on_subscribe_resource=listening.subscribe,
            on_unsubscribe_resource=listening.unsubscribe,
            on_subscriptions_listen=listening.listen,
            on_list_prompts=prompts.page,
            on_get_prompt=prompts.get,
            on_completion=Completions(self._services, self._caller_of).complete,
            cache_hints={
                "tools/list": CacheHint(0, "private"),
                "resources/list": CacheHint(0, "private"),
                "resources/templates/list": CacheHint(KEPT_MS, "public"),
                "prompts/list": CacheHint(KEPT_MS, "public"),
                "server/discover": CacheHint(KEPT_MS, "public"),
            },
        )
        server.add_notification_handler(
            "notifications/initialized", types.NotificationParams, listening.initialized
        )
        self._tasks.install(server)
        return server

    async def _list_tools(
        self, context: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        core = [tool.listed(name) for name, tool in self._tools.items()]
        own = [_command_tool(command) for command in self._own_tools(self._caller_of(context))]
        return types.ListToolsResult(tools=core + own)

    def _own_tools(self, caller: Principal) -> list[Command]:
        """Return the commands that are tools of their own, by name."""
        if not (caller.may("commands:read") or caller.may("tasks:write")):
            return []
        visible = self._services.commands.search()
        few = len(visible) <= MAX_COMMAND_TOOLS
        return [
            command
            for command in visible
            if command.expose == "tool" or (command.expose == "auto" and few)
        ]

    async def _call_tool(self, context: Context, params: types.CallToolRequestParams) -> ToolResult:
        arguments = dict(params.arguments or {})
        call = Call(
            self._services,
            self._caller_of(context),
            context,
            self._wire_tasks,
            self._task_after_s,
        )
        try:
            if tool := self._tools.get(params.name):
                return await tool.call(call, arguments)
            return await calls.call_command(call, self._tool_command(params.name), arguments)
        except ErrandryError as error:
            return results.refused(error)
        except MCPError:
            raise
        except Exception:  # noqa: BLE001 - the caller is told that it is ours to mend
            _log.exception("a tool call failed")
            return results.refused(problems.unexpected())

    def _tool_command(self, name: str) -> Command:
        """Return the command that is this tool.

        An `expose: auto` command stays callable when there are too many to be listed: a client may
        have read the list before.

        Raises:
            MCPError: there is no such tool (-32602, as the specification's section on tools asks).
        """
        for command in self._services.commands.search():
            if command.name == name and command.expose in ("auto", "tool"):
                return command
        raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {name}")


def _command_tool(command: Command) -> types.Tool:
    hints = command.annotations
    output = None
    if command.result is not None:
        output = {"type": "object", "anyOf": [_with_object_root(command.result), HANDLE_SCHEMA]}
    return types.Tool(
        name=command.name,
        title=command.title,
        description=command.description,
        input_schema=dict(command.parameters),
        output_schema=output,
        annotations=types.ToolAnnotations(
            read_only_hint=hints.read_only,
            destructive_hint=hints.destructive,
            idempotent_hint=hints.idempotent,
            open_world_hint=hints.open_world,
        ),
    )


def _with_object_root(schema: Any) -> Any:
    """A result that is no object comes wrapped as `{"result": …}`; its schema says so."""
    if isinstance(schema, dict) and schema.get("type") == "object":
        return schema
    return {"anyOf": [schema, {"type": "object", "properties": {"result": schema}}]}
