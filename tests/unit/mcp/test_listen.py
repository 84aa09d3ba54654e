"""Streams that are asked for tasks: how they end."""

from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
from mcp import types

from errandry.mcp.listen import Listening
from errandry.mcp.tasks import Tasks
from errandry.principal import LOCAL_AGENT
from errandry.status.bus import StatusBus
from support.fake_tasks import DONE, WORKING, Store, context


class Sights:
    """Looks at lists that never change."""

    def __init__(self) -> None:
        self.services = SimpleNamespace(watching=SimpleNamespace(bus=StatusBus()))

    async def see(self, *_: Any) -> str:
        return "the same"


async def listen(listening: Listening, **wanted: Any) -> list[dict[str, Any]]:
    """What a stream tells until its end."""
    of = context()
    filtered = types.SubscriptionFilter(**wanted)
    params = types.SubscriptionsListenRequestParams(notifications=filtered, _meta={})
    with anyio.fail_after(30):
        await listening.listen(of, params)
    sent: list[dict[str, Any]] = of.session.sent
    return sent


def listening(store: Store) -> Listening:
    return Listening(Sights(), lambda _: LOCAL_AGENT, Tasks(store))  # type: ignore[arg-type]


async def test_a_stream_of_tasks_alone_ends_with_them() -> None:
    store = Store(WORKING)
    store.script = [WORKING, WORKING, DONE]
    acknowledged, *told = await listen(listening(store), taskIds=["t1"])
    assert acknowledged["params"]["notifications"] == {"taskIds": ["t1"]}
    assert [frame["params"]["status"] for frame in told] == ["working", "completed"]


async def test_a_stream_that_has_more_to_tell_goes_on_until_the_server_closes_it() -> None:
    class Closing(Store):
        """Closes the streams when its task has been told of."""

        async def get(self, of: Any, task_id: str) -> Any:
            if self.looks:
                streams.close()
            return await super().get(of, task_id)

    streams = listening(Closing(DONE))
    acknowledged, told = await listen(streams, taskIds=["t1"], toolsListChanged=True)
    honoured = {"taskIds": ["t1"], "toolsListChanged": True}
    assert acknowledged["params"]["notifications"] == honoured
    assert told["params"]["status"] == "completed"


async def test_a_stream_without_tasks_is_closed_by_the_server() -> None:
    streams = listening(Store())
    async with anyio.create_task_group() as group:

        async def close() -> None:
            while not streams._open:
                await anyio.lowlevel.checkpoint()
            streams.close()

        group.start_soon(close)
        (acknowledged,) = await listen(streams, toolsListChanged=True)
    assert acknowledged["params"]["notifications"] == {"toolsListChanged": True}
