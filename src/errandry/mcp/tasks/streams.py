"""`notifications/tasks`: a stream that always tells how things stand, never how they were.

Level-triggered: a look compares a task with what was told of it last. Nothing is queued, so a client
that reads slowly hears less often, and what it reads then is never old.
"""

from typing import Any, Final

from mcp import types
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError

from errandry.mcp.tasks.faults import as_internal_errors
from errandry.mcp.tasks.store import Context, TaskStore
from errandry.mcp.tasks.task import Document

MAX_IDS: Final = 64
"""How many tasks one stream may watch."""

LOOK_AGAIN_S: Final = 5.0
"""A wake-up may get lost; nobody waits longer than this for one."""


class TaskNotification(types.Notification[dict[str, Any], str]):
    """A task as it is now; the parameters are a dictionary because `ttlMs` may be null."""

    method: str = "notifications/tasks"
    params: dict[str, Any]


def subscription(context: Context) -> dict[str, Any]:
    """Return the `_meta` that every frame of a stream bears."""
    return {SUBSCRIPTION_ID_META_KEY: context.request_id}


def asked_ids(wanted: types.SubscriptionFilter) -> list[str] | None:
    """Return the ids that a client wants to hear of, each once; None when it says nothing of tasks.

    Raises:
        MCPError: -32602, it is no list of at most `MAX_IDS` ids.
    """
    asked = (wanted.model_extra or {}).get("taskIds")
    if asked is None:
        return None
    if not isinstance(asked, list) or not all(isinstance(each, str) for each in asked):
        raise MCPError(types.INVALID_PARAMS, "taskIds is no list of ids")
    if len(asked) > MAX_IDS:
        raise MCPError(types.INVALID_PARAMS, f"At most {MAX_IDS} tasks can be listened to at once")
    return list(dict.fromkeys(asked))


async def follow(store: TaskStore, context: Context, task_ids: list[str]) -> None:
    """Tell of tasks until all of them are final or gone. A store that fails is asked again later."""
    told: dict[str, Document | None] = dict.fromkeys(task_ids)
    with store.watch(context, task_ids) as wakeups:
        changed = None
        while told:
            for task_id in [each for each in told if changed is None or each in changed]:
                await _look(store, context, task_id, told)
            if told:
                changed = await wakeups.wait(LOOK_AGAIN_S)


async def _look(
    store: TaskStore, context: Context, task_id: str, told: dict[str, Document | None]
) -> None:
    try:
        with as_internal_errors():
            task = await store.get(context, task_id)
    except MCPError:
        return
    if task is None:
        del told[task_id]
        return
    document = task.detailed()
    news = {key: value for key, value in document.items() if key != "pollIntervalMs"}
    if told[task_id] != news:
        told[task_id] = news
        notification: Any = TaskNotification(params=document | {"_meta": subscription(context)})
        await context.session.send_notification(notification, context.request_id)
    if task.is_final:
        del told[task_id]
