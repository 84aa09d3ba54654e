"""What one client watches, and how all of it looked the last time.

Level-triggered: a look compares how things are with how they were. Nothing is queued, so a client that
reads slowly hears less often, and what it reads then is never old.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ToolsListChanged

from errandry.commands.model import Command
from errandry.errors import AmbiguousAlias, NotFound, NotPermitted, Unavailable
from errandry.mcp.resources import Resources, Uri, content
from errandry.principal import Principal
from errandry.service.forms import ReadLog
from errandry.service.services import Services

MAX_URIS: Final = 64
"""How many resources one client may watch."""

LOOK_AGAIN_S: Final = 1.0
"""How soon a changed command file is noticed; a changed task wakes who watches it."""

_SIZE_ONLY: Final = ReadLog(lines=1, max_bytes=16)

Change = ToolsListChanged | ResourcesListChanged | ResourceUpdated
"""What can happen; the list of prompts is the same as long as the server runs."""

OwnTools = Callable[[Principal], list[Command]]


@dataclass(frozen=True, slots=True)
class Sights:
    """How the things look that can be watched."""

    services: Services
    own_tools: OwnTools
    resources: Resources

    async def see(self, caller: Principal, change: Change) -> Hashable:
        """Return something that differs when the change has happened; None when there is nothing."""
        match change:
            case ToolsListChanged():
                return tuple(command.digest for command in self.own_tools(caller))
            case ResourcesListChanged():
                return await self.resources.names(caller)
            case ResourceUpdated():
                return await self._resource(caller, change.uri)

    async def _resource(self, caller: Principal, text: str) -> Hashable:
        if (uri := Uri.parse(text)) is None:
            return None
        try:
            if uri.kind == "log":
                page = await self.services.logs.read(caller, uri.name, _SIZE_ONLY)
                return page.attempt, page.total_bytes, page.final
            return hash((await content(self.services, caller, uri)).text)
        except (NotFound, AmbiguousAlias, NotPermitted):
            return None

    async def topic(self, caller: Principal, text: str) -> str | None:
        """Return the id of the task that the URI names, which the bus tells of."""
        uri = Uri.parse(text)
        if uri is None or uri.kind == "command":
            return None
        task, _ = await self.services.tasks.get(caller, uri.name)
        return task.id


@dataclass(eq=False)
class Watch:
    """What one client watches; `seen` is how it looked."""

    sights: Sights
    caller: Principal
    seen: dict[Change, Hashable] = field(default_factory=dict)
    topics: dict[str, str | None] = field(default_factory=dict)
    is_running: bool = False
    is_closed: bool = False

    async def add(self, change: Change) -> bool:
        """Watch a list or resource from now on; say whether there is one for the caller."""
        look = await self.sights.see(self.caller, change)
        if look is None:
            return False
        if isinstance(change, ResourceUpdated):
            self.topics[change.uri] = await self.sights.topic(self.caller, change.uri)
        self.seen[change] = look
        return True

    def remove(self, uri: str) -> None:
        """Watch a resource no longer."""
        self.seen.pop(ResourceUpdated(uri), None)
        self.topics.pop(uri, None)

    async def run(self, tell: Callable[[Change], Awaitable[None]]) -> None:
        """Tell of each change until closed."""
        while not self.is_closed:
            tasks = [topic for topic in self.topics.values() if topic]
            with self.sights.services.watching.bus.subscribe(tasks) as woken:
                for change in list(self.seen):
                    if await self._has_changed(change):
                        await tell(change)
                await woken.wait(LOOK_AGAIN_S)

    async def _has_changed(self, change: Change) -> bool:
        try:
            look = await self.sights.see(self.caller, change)
        except Unavailable:
            return False
        if change not in self.seen or self.seen[change] == look:
            return False
        self.seen[change] = look
        return True
