"""Starts tasks, writes for them as a worker would, and takes frames from streams."""

import anyio

from errandry.principal import Principal
from errandry.service.forms import CreateTask
from errandry.service.frames import Frame
from errandry.service.live import Frames
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import Progress, Task
from errandry.tasks.retry import Ending
from errandry.tasks.sql import reports
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import Chunk, LogBatch
from errandry.tasks.sql.reports import Report
from support.waiting import LIMIT_S

DONE = Ending("succeeded", result={"n": 1})


async def start(services: Services, who: Principal, **fields: object) -> Task:
    form = CreateTask.model_validate({"command": "echo", "execute": True, **fields})
    return (await services.intake.create(who, form)).task


async def take(frames: Frames, count: int) -> list[Frame]:
    """The next frames of a stream."""
    with anyio.fail_after(LIMIT_S):
        return [await anext(frames) for _ in range(count)]


async def rest(frames: Frames) -> list[Frame]:
    """All that still comes; the stream has to end."""
    with anyio.fail_after(LIMIT_S):
        return [frame async for frame in frames]


def events(frames: list[Frame]) -> list[str]:
    return [frame.event for frame in frames]


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.number for frame in frames if frame.number is not None]


class Writer:
    """Writes for an attempt as its worker would, and tells the bus."""

    def __init__(self, database: Database, bus: StatusBus, claim: Claim) -> None:
        self.claim = claim
        self._database = database
        self._bus = bus
        self._chunks = 0
        self._bytes = 0

    def report(self, *texts: str, progress: Progress | None = None) -> Report:
        """A report with one chunk of one line for each text."""
        chunks = []
        for text in texts:
            number, data = self._chunks, f"{text}\n".encode()
            chunks.append(
                Chunk(number, "stdout", 1, number, self._bytes, number, self._bytes, data)
            )
            self._chunks += 1
            self._bytes += len(data)
        last = texts[-1] if texts else None
        return Report(self.claim.task_id, self.claim.attempt, progress, last, LogBatch(chunks))

    async def write(self, *texts: str, progress: Progress | None = None) -> None:
        await reports.report(self._database, [self.report(*texts, progress=progress)])
        self._bus.publish(self.claim.task_id, self.claim.owner)
