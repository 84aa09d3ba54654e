"""Everything a facade may call."""

from dataclasses import dataclass

from errandry.service.commands import CommandService
from errandry.service.logs import LogService
from errandry.service.tasks import TaskService
from errandry.service.watching import Watching


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, by noun."""

    commands: CommandService
    tasks: TaskService
    watching: Watching
    logs: LogService
