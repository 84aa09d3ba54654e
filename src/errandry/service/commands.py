"""Use cases of commands."""

from typing import Any

from anyio import to_thread

from errandry.commands.catalog import Catalog
from errandry.commands.model import Command, Origin, command_document
from errandry.principal import Principal
from errandry.service.forms import ListCommands
from errandry.service.statistics import Statistics


class CommandService:
    """Commands of the catalog, for callers with the right scopes."""

    def __init__(self, catalog: Catalog, statistics: Statistics) -> None:
        self._catalog = catalog
        self._statistics = statistics

    async def overview(self, caller: Principal, wanted: ListCommands) -> dict[str, Any]:
        """Return `{"commands": […]}` by name, and for who may write them the `faults` of the files."""
        caller.require("commands:read")
        found = self.search(wanted.query, wanted.tag)
        stats = await self._statistics.of(command.name for command in found)
        answer: dict[str, Any] = {
            "commands": [command_document(command, stats[command.name]) for command in found]
        }
        if caller.may("commands:write"):
            answer["faults"] = [fault.document() for fault in self._catalog.faults]
        return answer

    def search(self, query: str | None = None, tag: str | None = None) -> list[Command]:
        """Return the visible commands that match, by name; no scope is asked."""
        self._catalog.refresh()
        return self._catalog.list(query=query, tag=tag)

    def find(self, name: str) -> Command:
        """Return a command by its exact name, hidden ones too; no scope is asked.

        Raises:
            CommandNotFound: there is none; the error proposes near names.
        """
        self._catalog.refresh()
        return self._catalog.get(name)

    def get(self, caller: Principal, name: str) -> Command:
        """Return a command by its exact name; see `find`."""
        caller.require("commands:read")
        return self.find(name)

    async def document(self, command: Command) -> dict[str, Any]:
        """Return a command as the wire shows it, with its statistics."""
        stats = await self._statistics.of([command.name])
        return command_document(command, stats[command.name])

    async def create(
        self, caller: Principal, document: dict[str, Any], origin: Origin = "api"
    ) -> Command:
        """Write a new definition into the folder.

        Raises:
            CommandExists, InvalidCommand, UnknownField: it was not written.
        """
        caller.require("commands:write")
        return await to_thread.run_sync(self._catalog.create, document, origin)

    async def replace(
        self,
        caller: Principal,
        name: str,
        document: dict[str, Any],
        expected_digests: frozenset[str] | None,
    ) -> Command:
        """Write another definition of a command into its file. See `Catalog.replace`."""
        caller.require("commands:write")
        return await to_thread.run_sync(
            self._catalog.replace, name, document, "api", expected_digests
        )

    async def remove(
        self, caller: Principal, name: str, expected_digests: frozenset[str] | None
    ) -> None:
        """Remove a command with its file; its tasks stay. See `Catalog.remove`."""
        caller.require("commands:write")
        await to_thread.run_sync(self._catalog.remove, name, expected_digests)
