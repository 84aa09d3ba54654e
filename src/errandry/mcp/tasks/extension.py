"""The methods of the extension, and the rules that hold for each of its requests."""

from typing import Any

from mcp import types
from mcp.server import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types.jsonrpc import HEADER_MISMATCH
from mcp.types.version import MODERN_PROTOCOL_VERSIONS

from errandry.mcp.tasks.faults import as_internal_errors
from errandry.mcp.tasks.store import Context, TaskStore
from errandry.mcp.tasks.streams import asked_ids, follow, subscription
from errandry.mcp.tasks.task import EXTENSION, Document, Task


class TaskParams(types.RequestParams):
    """What names a task."""

    task_id: str


class UpdateParams(TaskParams):
    """Answers to what a task asks, by the keys of its `inputRequests`."""

    input_responses: dict[str, dict[str, Any]]


class Tasks:
    """The server's side of the extension.

    `on_call_tool` may answer with `created(task)` when `declared(context)`, once the task is stored.
    A server that has more to tell on a stream makes its `on_subscriptions_listen` of `honour` and
    `follow`.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    def install(self, server: Server[Any]) -> None:
        """Advertise the extension and serve its methods; and streams, if the server does not yet."""
        server.extensions[EXTENSION] = {}
        server.add_request_handler("tasks/get", TaskParams, self._get)
        server.add_request_handler("tasks/update", UpdateParams, self._update)
        server.add_request_handler("tasks/cancel", TaskParams, self._cancel)
        if server.get_request_handler("subscriptions/listen") is None:
            server.add_request_handler(
                "subscriptions/listen", types.SubscriptionsListenRequestParams, self.listen
            )

    # -- tools/call

    @staticmethod
    def declared(context: Context) -> bool:
        """Whether this very request says that its client knows tasks."""
        capabilities = context.session.client_capabilities
        return (
            context.protocol_version in MODERN_PROTOCOL_VERSIONS
            and capabilities is not None
            and EXTENSION in (capabilities.extensions or {})
        )

    @classmethod
    def require(cls, context: Context) -> None:
        """Let only clients pass that know tasks.

        Raises:
            MCPError: -32021 with the capability that is missing.
        """
        if not cls.declared(context):
            raise MCPError(
                types.MISSING_REQUIRED_CLIENT_CAPABILITY,
                f"This needs a client that declares the extension {EXTENSION}",
                {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
            )

    @staticmethod
    def created(task: Task) -> Document:
        """Return the CreateTaskResult of a task that is stored."""
        return {"resultType": "task", **task.handle()}

    # -- tasks/…

    async def _get(self, context: Context, params: TaskParams) -> Document:
        return (await self._find(context, params)).detailed()

    async def _update(self, context: Context, params: UpdateParams) -> Document:
        task = await self._find(context, params)
        asked = task.input_requests or {}
        responses = {key: each for key, each in params.input_responses.items() if key in asked}
        if responses:
            with as_internal_errors():
                await self._store.answer(context, task.id, responses)
        return {}

    async def _cancel(self, context: Context, params: TaskParams) -> Document:
        task = await self._find(context, params)
        if not task.is_final:
            with as_internal_errors():
                await self._store.cancel(context, task.id)
        return {}

    async def _find(self, context: Context, params: TaskParams) -> Task:
        """Check the request, then find its task.

        Raises:
            MCPError: -32601 in the handshake era, -32020, -32021, or -32602: unknown or foreign.
        """
        if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise MCPError(types.METHOD_NOT_FOUND, "Method not found", context.method)
        _check_name(context, params.task_id)
        self.require(context)
        with as_internal_errors():
            task = await self._store.get(context, params.task_id)
        if task is None:
            raise MCPError(types.INVALID_PARAMS, "Task not found")
        return task

    # -- subscriptions/listen

    async def honour(self, context: Context, wanted: types.SubscriptionFilter) -> list[str] | None:
        """Return those of the `taskIds` that the caller may watch; None when it asks for none.

        Raises:
            MCPError: -32602, see `asked_ids`; -32021, see `require`.
        """
        if (asked := asked_ids(wanted)) is None:
            return None
        self.require(context)
        with as_internal_errors():
            return [each for each in asked if await self._store.get(context, each)]

    async def follow(self, context: Context, task_ids: list[str]) -> None:
        """Send these tasks as they are, then each change, until all of them are final or gone."""
        await follow(self._store, context, task_ids)

    async def listen(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve a stream of a server that has nothing else to tell."""
        honoured = await self.honour(context, params.notifications) or []
        acknowledged = types.SubscriptionsAcknowledgedNotificationParams(
            notifications=types.SubscriptionFilter(**({"taskIds": honoured} if honoured else {})),
            _meta=subscription(context),
        )
        await context.session.send_notification(
            types.SubscriptionsAcknowledgedNotification(params=acknowledged), context.request_id
        )
        await self.follow(context, honoured)
        return types.SubscriptionsListenResult(_meta=subscription(context))


def _check_name(context: Context, task_id: str) -> None:
    """Over HTTP `Mcp-Name` repeats the id; the SDK checks it for its own methods only."""
    if context.request is None:
        return
    if decode_header_value(context.request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(HEADER_MISMATCH, f"{MCP_NAME_HEADER} header does not match params.taskId")
