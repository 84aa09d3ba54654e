"""What the built-in tools have in common: a form, a handler, hints."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from mcp import types
from pydantic import ValidationError

from errandry.errors import InvalidArguments, UnknownField
from errandry.mcp import forms
from errandry.mcp.callers import Context
from errandry.mcp.results import ToolResult
from errandry.mcp.wiretasks import WireTasks
from errandry.principal import Principal
from errandry.service.forms import Form, refusal
from errandry.service.services import Services


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call: the use cases, who calls, and the request it came in.

    `task_after_s` is how long a client that knows tasks waits for a result before it is given one.
    """

    services: Services
    caller: Principal
    context: Context
    wire_tasks: WireTasks
    task_after_s: float


Handler = Callable[[Call, Any], Awaitable[ToolResult]]


def _hints(
    *, reads: bool = False, destroys: bool = False, repeatable: bool = False, reaches_out: bool
) -> types.ToolAnnotations:
    return types.ToolAnnotations(
        read_only_hint=reads,
        destructive_hint=destroys,
        idempotent_hint=repeatable,
        open_world_hint=reaches_out,
    )


READS: Final = _hints(reads=True, repeatable=True, reaches_out=False)
ADDS: Final = _hints(reaches_out=False)
CHANGES: Final = _hints(repeatable=True, reaches_out=False)
ENDS: Final = _hints(destroys=True, repeatable=True, reaches_out=False)
STARTS: Final = _hints(reaches_out=True)
STARTS_ONCE: Final = _hints(repeatable=True, reaches_out=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its form, what it does, and what it may change."""

    form: type[Form]
    handler: Handler
    title: str
    hints: types.ToolAnnotations

    def listed(self, name: str) -> types.Tool:
        """Return the tool as tools/list shows it."""
        return types.Tool(
            name=name,
            title=self.title,
            description=" ".join((self.form.__doc__ or "").split()),
            input_schema=forms.tool_schema(self.form),
            annotations=self.hints,
        )

    async def call(self, call: Call, arguments: dict[str, Any]) -> ToolResult:
        """Check the arguments and do it.

        Raises:
            InvalidArguments, UnknownField: the arguments do not fit; all faults at once.
        """
        try:
            form = self.form.model_validate(arguments)
        except ValidationError as error:
            details = [{**detail, "loc": detail["loc"]} for detail in error.errors()]
            refused = refusal(details, list(self.form.model_fields))
            if isinstance(refused, UnknownField):
                raise refused from error
            raise InvalidArguments(refused.message, faults=refused.faults) from error
        return await self.handler(call, form)
