"""Completions: names of commands, ids and aliases of tasks, for templates and prompts."""

from typing import Final

from mcp import types

from errandry.mcp.callers import CallerOf, Context
from errandry.mcp.prompts import PROMPTS
from errandry.mcp.refusals import as_protocol_errors, invalid_params
from errandry.mcp.resources import TEMPLATES
from errandry.principal import Principal
from errandry.service.forms import MAX_LIMIT, ListTasks
from errandry.service.services import Services

_VARIABLES: Final = {uri: "name" if uri.startswith("command:") else "id" for uri, *_ in TEMPLATES}

Reference = types.ResourceTemplateReference | types.PromptReference


class Completions:
    """The handler of completions."""

    def __init__(self, services: Services, caller_of: CallerOf) -> None:
        self._services = services
        self._caller_of = caller_of

    async def complete(
        self, context: Context, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        """Return the values that begin with what was typed.

        Raises:
            MCPError: -32602, there is nothing of that name to complete.
        """
        with as_protocol_errors():
            known = await self._known(self._caller_of(context), params.ref, params.argument.name)
        matching = [value for value in known if value.startswith(params.argument.value)]
        return types.CompleteResult(
            completion=types.Completion(
                values=matching[:MAX_LIMIT],
                total=len(matching),
                has_more=len(matching) > MAX_LIMIT,
            )
        )

    async def _known(self, caller: Principal, ref: Reference, name: str) -> list[str]:
        if isinstance(ref, types.PromptReference):
            if ref.name not in PROMPTS or PROMPTS[ref.name].argument != name:
                raise invalid_params("There is no such argument of a prompt")
            if name != "task":
                return []
            failed = ListTasks(state=["failed"], limit=MAX_LIMIT)
            return [task.alias for task in (await self._services.tasks.page(caller, failed))[0]]
        if _VARIABLES.get(ref.uri) != name:
            raise invalid_params("There is no such variable of a resource template")
        if name == "name":
            caller.require("commands:read")
            return [command.name for command in self._services.commands.search()]
        latest = await self._services.tasks.page(caller, ListTasks(limit=MAX_LIMIT))
        return [reference for task in latest[0] for reference in (task.id, task.alias)]
