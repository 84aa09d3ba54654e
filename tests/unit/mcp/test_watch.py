"""Watching: what has changed is told once, and a database that does not answer ends nothing."""

from collections.abc import Callable, Hashable
from types import SimpleNamespace
from typing import Any

import anyio
from mcp.server.subscriptions import ResourceUpdated, ToolsListChanged

from errandry.errors import Unavailable
from errandry.mcp.watch import Change, Watch
from errandry.principal import LOCAL_AGENT, Principal
from errandry.status.bus import StatusBus
from errandry.tasks.model import Owner

TASK = "tsk_1"
URI = f"task://{TASK}"


class Scene:
    """Looks as it is told to; every look at it is counted."""

    def __init__(self) -> None:
        self.bus = StatusBus()
        self.services: Any = SimpleNamespace(watching=SimpleNamespace(bus=self.bus))
        self.looks: dict[Change, Callable[[], Hashable]] = {}

    async def see(self, _: Principal, change: Change) -> Hashable:
        return self.looks[change]()

    async def topic(self, _: Principal, uri: str) -> str:
        return uri.removeprefix("task://")


def _fail() -> Hashable:
    raise Unavailable("The database does not answer")


async def test_what_changed_is_told_once_also_after_an_outage() -> None:
    scene, resource, tools = Scene(), ResourceUpdated(URI), ToolsListChanged()
    watch = Watch(scene, LOCAL_AGENT)  # type: ignore[arg-type]
    scene.looks = {resource: lambda: "old", tools: lambda: "same"}
    assert await watch.add(resource)
    assert await watch.add(tools)
    told: list[Change] = []

    async def tell(change: Change) -> None:
        told.append(change)
        watch.is_closed = True
        scene.bus.publish(TASK, Owner(LOCAL_AGENT.iss, LOCAL_AGENT.sub))

    def recover() -> Hashable:
        scene.looks[resource] = lambda: "new"
        return _fail()

    scene.looks[resource] = recover
    with anyio.fail_after(30):
        await watch.run(tell)
    assert told == [resource]


async def test_what_is_not_there_cannot_be_watched() -> None:
    scene, resource = Scene(), ResourceUpdated(URI)
    scene.looks = {resource: lambda: None}
    watch = Watch(scene, LOCAL_AGENT)  # type: ignore[arg-type]
    assert not await watch.add(resource)
    assert not watch.seen


async def test_what_is_removed_while_it_is_looked_at_is_not_told() -> None:
    scene, resource, tools = Scene(), ResourceUpdated(URI), ToolsListChanged()
    watch = Watch(scene, LOCAL_AGENT)  # type: ignore[arg-type]
    scene.looks = {resource: lambda: "old", tools: lambda: "old"}
    await watch.add(resource)
    await watch.add(tools)
    told: list[Change] = []

    async def tell(change: Change) -> None:
        told.append(change)
        watch.is_closed = True

    def remove() -> Hashable:
        watch.remove(URI)
        return "new"

    scene.looks = {resource: remove, tools: lambda: "new"}
    with anyio.fail_after(30):
        await watch.run(tell)
    assert told == [tools]
