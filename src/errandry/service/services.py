"""Everything a facade may call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from errandry.commands.catalog import Catalog
from errandry.service.answers import Answers
from errandry.service.cached import CachedStatuses
from errandry.service.commands import CommandService
from errandry.service.decisions import Decisions
from errandry.service.intake import Intake
from errandry.service.live import Live
from errandry.service.logs import LogService
from errandry.service.looks import Looks
from errandry.service.news import News
from errandry.service.statistics import Statistics
from errandry.service.status import StatusService
from errandry.service.tasks import TaskService
from errandry.service.watching import Watching
from errandry.status.bus import StatusBus
from errandry.tasks.sql.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, by noun."""

    commands: CommandService
    intake: Intake
    tasks: TaskService
    decisions: Decisions
    answers: Answers
    watching: Watching
    status: StatusService
    logs: LogService
    statistics: Statistics
    live: Live

    @classmethod
    def over(
        cls,
        database: Database,
        catalog: Catalog,
        bus: StatusBus,
        wake: Callable[[], None],
        retention_s: float,
        queue_limit: int | None = None,
    ) -> Self:
        """Return the use cases over these parts; `wake` tells the delivery that something is due."""
        statistics, watching = Statistics(database), Watching(database, bus)
        cached = CachedStatuses(bus.cache, statistics)
        news = News(bus, wake, cached)
        commands = CommandService(catalog, statistics)
        return cls(
            commands,
            Intake(database, commands, news, queue_limit),
            TaskService(database, news, retention_s),
            Decisions(database, news, retention_s),
            Answers(database, news, retention_s),
            watching,
            StatusService(watching, statistics, cached),
            LogService(database),
            statistics,
            Live(database, bus, statistics, Looks(database)),
        )
