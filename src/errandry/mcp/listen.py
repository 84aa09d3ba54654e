"""Telling clients what has changed: `subscriptions/listen`, and sessions of the handshake era."""

from typing import Any, Final

import anyio
from mcp import types
from mcp.server.subscriptions import (
    SUBSCRIPTION_ID_META_KEY,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import event_to_notification

from errandry.mcp.callers import CallerOf, Context
from errandry.mcp.refusals import as_protocol_errors, invalid_params
from errandry.mcp.resources import not_found
from errandry.mcp.tasks import Tasks
from errandry.mcp.watch import MAX_URIS, Change, Sights, Watch

MAX_STREAMS: Final = 64
"""How many streams one caller may have open at once."""

_WATCH: Final = "errandry.watch"


class Listening:
    """The handlers of subscriptions, in both eras."""

    def __init__(self, sights: Sights, caller_of: CallerOf, tasks: Tasks) -> None:
        self._sights = sights
        self._caller_of = caller_of
        self._tasks = tasks
        self._open: set[Watch] = set()

    def close(self) -> None:
        """End all streams within a second."""
        for watch in self._open:
            watch.is_closed = True

    # -- 2026-07-28: the response of a request is the stream

    async def listen(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Acknowledge what is honoured, then tell of changes until the client goes.

        Not honoured are resources that the caller cannot read, tasks that are not its own, and
        changes of the list of prompts, which is the same as long as the server runs. A stream that
        was asked for tasks, and has nothing else to tell, ends when all of them are final.

        Raises:
            MCPError: there are too many streams, resources or tasks; or the client asks for tasks
                without declaring that it knows them.
        """
        caller = self._caller_of(context)
        if sum(watch.caller == caller for watch in self._open) >= MAX_STREAMS:
            message = f"{MAX_STREAMS} streams are open already; close one of them"
            raise MCPError(types.INTERNAL_ERROR, message)
        watch = Watch(self._sights, caller)
        with as_protocol_errors():
            task_ids = await self._tasks.honour(context, params.notifications)
            honoured = await _honour(watch, params.notifications, task_ids)
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: context.request_id}
        acknowledged = types.SubscriptionsAcknowledgedNotification(
            params=types.SubscriptionsAcknowledgedNotificationParams(
                notifications=honoured, _meta=meta
            )
        )

        async def tell(change: Change) -> None:
            await context.session.send_notification(
                event_to_notification(change, meta), context.request_id
            )

        self._open.add(watch)
        try:
            await context.session.send_notification(acknowledged, context.request_id)
            async with anyio.create_task_group() as group:
                if task_ids is not None:
                    group.start_soon(self._follow, context, task_ids, watch, group.cancel_scope)
                await watch.run(tell)
                group.cancel_scope.cancel()
        finally:
            self._open.discard(watch)
        return types.SubscriptionsListenResult(_meta=meta)

    async def _follow(
        self, context: Context, task_ids: list[str], watch: Watch, stream: anyio.CancelScope
    ) -> None:
        await self._tasks.follow(context, task_ids)
        if not watch.seen:
            stream.cancel()

    # -- the handshake era: a session hears of all lists, and of what it subscribes to

    async def initialized(self, context: Context, _: types.NotificationParams) -> None:
        """Tell a session of changes as long as its connection lasts: the SDK ends this handler then."""
        watch = self._watch(context)
        if watch.is_running:
            return
        watch.is_running = True
        for change in (ToolsListChanged(), ResourcesListChanged()):
            await watch.add(change)
        session = context.session

        async def tell(change: Change) -> None:
            await session.send_notification(event_to_notification(change, {}))

        try:
            await watch.run(tell)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the client went while it was being told

    async def subscribe(
        self, context: Context, params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        """Let the session hear of a resource.

        Raises:
            MCPError: there is no such resource for the caller, or it has too many already.
        """
        watch = self._watch(context)
        with as_protocol_errors():
            _check_room(watch)
            if not await watch.add(ResourceUpdated(params.uri)):
                raise not_found(params.uri)
        return types.EmptyResult()

    async def unsubscribe(
        self, context: Context, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        """Let the session hear of a resource no longer."""
        self._watch(context).remove(params.uri)
        return types.EmptyResult()

    def _watch(self, context: Context) -> Watch:
        # The SDK keeps a dictionary for each connection and gives handlers no other way to it.
        state = context.session._connection.state  # noqa: SLF001
        caller = self._caller_of(context)
        watch: Watch = state.setdefault(_WATCH, Watch(self._sights, caller))
        watch.caller = caller
        return watch


async def _honour(
    watch: Watch, wanted: types.SubscriptionFilter, task_ids: list[str] | None
) -> types.SubscriptionFilter:
    uris = []
    for uri in dict.fromkeys(wanted.resource_subscriptions or []):
        _check_room(watch)
        if await watch.add(ResourceUpdated(uri)):
            uris.append(uri)
    return types.SubscriptionFilter(
        tools_list_changed=(wanted.tools_list_changed and await watch.add(ToolsListChanged()))
        or None,
        resources_list_changed=(
            wanted.resources_list_changed and await watch.add(ResourcesListChanged())
        )
        or None,
        resource_subscriptions=uris or None,
        **({"taskIds": task_ids} if task_ids else {}),
    )


def _check_room(watch: Watch) -> None:
    if len(watch.topics) >= MAX_URIS:
        raise invalid_params(f"At most {MAX_URIS} resources can be subscribed to at once")
