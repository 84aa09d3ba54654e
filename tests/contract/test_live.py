"""The stream of one task over the store: what a reader is told, and in which order."""

import anyio
import pytest

from errandry import clock
from errandry.errors import InvalidField, NotPermitted, TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadEvents, ReadLog, UpdateTask
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks import cursor
from errandry.tasks.model import Progress
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import reports
from errandry.tasks.sql.backlog import backlog
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.logs import Chunk, LogBatch
from errandry.tasks.sql.reports import Report
from support.live import DONE, Writer, events, numbers, rest, start, take
from support.waiting import LIMIT_S
from support.work import claim_one, finish, finish_one

AGAIN = RetryPolicy(max_attempts=2, base_s=0.0001, cap_s=0.0002)


@pytest.fixture
async def writer(
    services: Services, alice: Principal, database: Database, bus: StatusBus
) -> Writer:
    """The writer of the running attempt of the one task there is, alice's `echo-1`."""
    await start(services, alice)
    return Writer(database, bus, await claim_one(database))


async def test_a_stream_tells_the_history_goes_on_and_ends_with_its_task(
    services: Services, alice: Principal, database: Database, bus: StatusBus
) -> None:
    task = await start(services, alice)
    frames = await services.live.task(alice, task.alias, ReadEvents())
    assert events(await take(frames, 2)) == ["created", "queued"]
    await finish_one(database, DONE)
    bus.publish(task.id, task.owner)
    end = await rest(frames)
    assert events(end) == ["attempt_started", "attempt_finished", "finished"]
    assert numbers(end) == [3, 4, 5]
    assert end[-1].data["data"]["state"] == "succeeded"


async def test_a_lost_wake_up_is_made_up_for(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice)
    frames = await services.live.task(alice, task.id, ReadEvents())
    await take(frames, 2)
    await finish_one(database, DONE)
    assert events(await rest(frames))[-1] == "finished"


@pytest.mark.parametrize("after", [0, 2, 5, 99])
async def test_a_stream_goes_on_where_the_reader_was(
    services: Services, alice: Principal, database: Database, after: int
) -> None:
    task = await start(services, alice)
    await finish_one(database, DONE)
    frames = await rest(await services.live.task(alice, task.id, ReadEvents(after=after)))
    assert numbers(frames) == [*range(after + 1, 6)]


async def test_a_long_history_comes_whole(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice)
    for number in range(205):
        await services.tasks.update(alice, task.id, UpdateTask(title=f"t{number}"), None)
    await finish_one(database, DONE)
    frames = await rest(await services.live.task(alice, task.id, ReadEvents()))
    assert numbers(frames) == [*range(1, 211)]


async def test_what_changed_after_the_end_comes_too(
    services: Services, alice: Principal, database: Database
) -> None:
    task = await start(services, alice)
    await finish_one(database, DONE)
    await services.tasks.update(alice, task.id, UpdateTask(title="late"), None)
    frames = await rest(await services.live.task(alice, task.id, ReadEvents()))
    assert events(frames)[-2:] == ["finished", "updated"]


async def test_progress_comes_when_it_has_changed(
    services: Services, alice: Principal, writer: Writer
) -> None:
    frames = await services.live.task(alice, "echo-1", ReadEvents(after=3))
    await writer.write(progress=Progress(1, 2))
    (first,) = await take(frames, 1)
    assert (first.event, first.number) == ("progress", None)
    assert first.data["progress"] == {"current": 1, "total": 2, "message": None}
    await writer.write(progress=Progress(1, 2))  # nothing new
    await writer.write("a line", progress=Progress(1, 2))
    (second,) = await take(frames, 1)
    assert second.data["last_line"] == "a line"
    await frames.aclose()


async def test_the_log_comes_when_asked_for_and_whole_before_the_end(
    services: Services, alice: Principal, database: Database, writer: Writer
) -> None:
    frames = await services.live.task(alice, "echo-1", ReadEvents(logs=True))
    await take(frames, 3)
    await writer.write(*(f"line {number}" for number in range(6)))
    first = await take(frames, 7)
    assert events(first) == ["progress", *["log"] * 6]
    last = writer.report("\033[31mred\033[0m", "bye", progress=Progress(2, 2))
    await finish_with(database, writer, last)
    end = await rest(frames)
    assert events(end) == ["progress", "log", "log", "attempt_finished", "finished"]
    log = [frame for frame in first + end if frame.event == "log"]
    text = "".join(frame.data["text"] for frame in log)
    assert text == (await services.logs.read(alice, "echo-1", ReadLog(mode="head"))).text
    assert {(frame.data["attempt"], frame.data["stream"]) for frame in log} == {(1, "stdout")}


async def finish_with(database: Database, writer: Writer, last: Report) -> None:
    await reports.report(database, [last])
    await finish(database, writer.claim, DONE)


async def test_a_log_goes_on_behind_a_cursor(
    services: Services, alice: Principal, database: Database, writer: Writer
) -> None:
    texts = [f"line {number}" for number in range(10)]
    await finish_with(database, writer, writer.report(*texts))
    wanted = ReadEvents(logs=True, after=5)
    whole = [
        f for f in await rest(await services.live.task(alice, "echo-1", wanted)) if f.number is None
    ]
    assert events(whole) == ["progress", *["log"] * 10]
    wanted = ReadEvents(logs=True, after=5, log_cursor=whole[6].data["cursor"])
    assert [
        frame.data["text"]
        for frame in await rest(await services.live.task(alice, "echo-1", wanted))
        if frame.event == "log"
    ] == [f"{text}\n" for text in texts[6:]]


async def test_a_cursor_may_lie_within_a_chunk(
    services: Services, alice: Principal, database: Database, writer: Writer
) -> None:
    data = b"a\nb\nc\n"
    batch = LogBatch([Chunk(0, "stderr", 3, 0, 0, 0, 0, data)])
    await finish_with(database, writer, Report(writer.claim.task_id, 1, None, "c", batch))
    page = await services.logs.read(alice, "echo-1", ReadLog(mode="head", lines=2))
    wanted = ReadEvents(logs=True, log_cursor=page.cursor)
    frames = await rest(await services.live.task(alice, "echo-1", wanted))
    assert [frame.data["text"] for frame in frames if frame.event == "log"] == ["c\n"]


async def test_the_log_of_the_next_attempt_follows(
    services: Services, alice: Principal, database: Database, writer: Writer, bus: StatusBus
) -> None:
    frames = await services.live.task(alice, "echo-1", ReadEvents(logs=True, after=3))
    await writer.write("first")
    await take(frames, 2)
    await reports.report(database, [writer.report("last of the first")])
    await finish(database, writer.claim, Ending("failed"), AGAIN)
    with anyio.fail_after(LIMIT_S):
        while (await backlog(database, clock.now())).due == 0:
            await anyio.sleep(0.001)
    second = Writer(database, bus, await claim_one(database))
    await second.write("second")
    await finish(database, second.claim, DONE)
    log = [frame.data for frame in await rest(frames) if frame.event == "log"]
    assert [(each["attempt"], each["text"]) for each in log] == [
        (1, "last of the first\n"),
        (2, "second\n"),
    ]


@pytest.mark.parametrize(
    "parts",
    [(2, "both", 0), (-1, "both", 0), (1, "stdout", 0), (1, "both", -1), (1, "both", 10**30)],
)
async def test_a_cursor_of_another_log_is_refused(
    services: Services, alice: Principal, writer: Writer, parts: tuple[int, str, int]
) -> None:
    wanted = ReadEvents(logs=True, log_cursor=cursor.encode(*parts))
    with pytest.raises(InvalidField):
        await services.live.task(alice, "echo-1", wanted)


async def test_somebody_elses_task_is_no_task_and_reading_needs_its_scope(
    services: Services, alice: Principal, bob: Principal
) -> None:
    task = await start(services, alice)
    with pytest.raises(TaskNotFound):
        await services.live.task(bob, task.id, ReadEvents())
    nobody = Principal(alice.iss, alice.sub, frozenset({"tasks:write"}))
    with pytest.raises(NotPermitted):
        await services.live.task(nobody, task.id, ReadEvents())
    with pytest.raises(NotPermitted):
        services.live.tasks(nobody)


async def test_a_stream_ends_when_its_task_is_deleted(services: Services, alice: Principal) -> None:
    task = (await services.intake.create(alice, CreateTask(command="echo"))).task
    frames = await services.live.task(alice, task.id, ReadEvents())
    await take(frames, 1)
    await services.tasks.delete(alice, task.id, None)
    assert await rest(frames) == []
