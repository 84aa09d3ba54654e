"""What a command file says. The JSON Schema of `Definition` is what definitions are checked with."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema, WithJsonSchema

from errandry.commands.names import NAME_PATTERN
from errandry.commands.stats import NO_RUNS, Stats

Origin = Literal["file", "api", "agent"]
OnCrash = Literal["retry", "fail"]

YEAR_S: Final = 31_536_000
VARIABLE: Final = "[A-Za-z_][A-Za-z0-9_]*"

# Kept as written, 60 or 0.5, and bounded by their JSON Schema alone.
Seconds = Annotated[
    int | float, WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": YEAR_S})
]
Pause = Annotated[int | float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": YEAR_S})]
InlineWait = Annotated[int | float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 45})]
Text = Annotated[str, Field(min_length=1)]
Variable = Annotated[str, Field(pattern=f"^{VARIABLE}$")]


class _Part(BaseModel):
    """A part of a definition: never changed, no field beside the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessSpec(_Part):
    """A program and its argument vector; see `errandry.commands.template` for the placeholders."""

    executor: ClassVar[str] = "process"

    argv: tuple[str, ...] = Field(min_length=1)
    cwd: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    inherit_env: tuple[Variable, ...] = ()
    stdin: str | None = None
    allow_dash: bool = False


class HttpSpec(_Part):
    """One HTTP request."""

    executor: ClassVar[str] = "http"

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    url: Text
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    json_body: Any = Field(default=None, alias="json")
    body: str | None = None
    allow: tuple[Text, ...] = ()
    ok_status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()


class PythonSpec(_Part):
    """A function of an installed package, by its name in the entry-point group."""

    executor: ClassVar[str] = "python"

    call: Text


class McpSpec(_Part):
    """A tool of another MCP server."""

    executor: ClassVar[str] = "mcp"

    server: Text
    tool: Text


class OtherSpec(_Part):
    """What an executor of another package is given; only that package can check it."""

    executor: str
    fields: dict[str, Any]


Spec = ProcessSpec | HttpSpec | PythonSpec | McpSpec | OtherSpec


class _Run(BaseModel):
    """The form of `run`: one key, which names the executor."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"minProperties": 1, "maxProperties": 1}
    )
    __pydantic_extra__: dict[str, dict[str, Any]]

    process: ProcessSpec | SkipJsonSchema[None] = None
    http: HttpSpec | SkipJsonSchema[None] = None
    python: PythonSpec | SkipJsonSchema[None] = None
    mcp: McpSpec | SkipJsonSchema[None] = None


_SPECS: Final = {spec.executor: spec for spec in (ProcessSpec, HttpSpec, PythonSpec, McpSpec)}

BUILT_IN: Final = frozenset(_SPECS)
"""The keys of `run` that need no other package."""


def _to_spec(run: dict[str, Any]) -> Spec:
    [(executor, fields)] = run.items()
    if executor in _SPECS:
        return _SPECS[executor](**fields)
    return OtherSpec(executor=executor, fields=fields)


class Retry(_Part):
    """When a failed attempt is tried again: full jitter between 0 and min(cap, base * 2**n) seconds."""

    max_attempts: int = Field(default=1, ge=1, le=100)
    base_s: Pause = 1
    cap_s: Pause = 60


class ApprovalRule(_Part):
    """Approval for some arguments only, or by holders of a further scope."""

    when: dict[str, Any] | None = None
    by: Text = "tasks:approve"


class Concurrency(_Part):
    """How many tasks with the same key may run at once."""

    key: Text
    limit: int = Field(default=1, ge=1, le=10_000)


class Annotations(_Part):
    """What the command does to the world; the defaults are those of MCP tool annotations."""

    read_only: bool = False
    destructive: bool = Field(default_factory=lambda others: not others["read_only"])
    idempotent: bool = False
    open_world: bool = True


def _closed_object() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


class Definition(_Part):
    """Every field of a command file; units stand in the names."""

    name: str = Field(pattern=NAME_PATTERN)
    title: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    description: str = Field(min_length=1, max_length=1024)
    parameters: dict[str, Any] = Field(default_factory=_closed_object)
    run: Annotated[Spec, BeforeValidator(_to_spec, json_schema_input_type=_Run)]
    result: dict[str, Any] | None = None
    timeout_s: Seconds = 3600
    retry: Retry = Retry()
    annotations: Annotations = Annotations()
    on_crash: OnCrash = Field(
        default_factory=lambda others: "retry" if others["annotations"].idempotent else "fail"
    )
    approval: Literal["never", "always"] | ApprovalRule = "never"
    expires_in_s: Seconds = 604_800
    concurrency: Concurrency | None = None
    secrets: tuple[Variable, ...] = ()
    tags: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = Field(
        default=(), max_length=16
    )
    expose: Literal["auto", "tool", "generic", "hidden"] = "auto"
    task: Literal["auto", "always", "never"] = "auto"
    wait_s: InlineWait = 20
    ttl_s: Seconds | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"
    ask: dict[str, Any] | None = None
    icon: Text | None = None


class Command(Definition):
    """A definition that was read and found good.

    `document` is the definition exactly as written, `digest` identifies it.
    """

    document: dict[str, Any] = Field(repr=False)
    digest: str
    origin: Origin = "file"

    @property
    def max_attempts(self) -> int:
        """How many times a failing task is tried."""
        return self.retry.max_attempts


def command_document(command: Command, stats: Stats = NO_RUNS) -> dict[str, Any]:
    """Return a command as the wire shows it: its fields as written, and the defaults of the others."""
    own = command.document
    filled = command.model_dump(mode="json", exclude={"run", "document"})
    fields = {name: own.get(name, filled.get(name)) for name in Definition.model_fields}
    return {
        **fields,
        "retry": {**filled["retry"], **own.get("retry", {})},
        "annotations": {**filled["annotations"], **own.get("annotations", {})},
        "digest": command.digest,
        "origin": command.origin,
        "stats": asdict(stats),
    }
