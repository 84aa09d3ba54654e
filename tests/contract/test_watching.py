"""Waiting for tasks: woken by changes, never past the limit."""

import anyio
import pytest

from errandry.errors import TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ReadStatus, UpdateTask
from errandry.service.services import Services
from errandry.tasks import wire
from errandry.tasks.model import Task


async def _make(services: Services, who: Principal) -> Task:
    return (await services.intake.create(who, CreateTask(command="echo"))).task


async def test_a_status_without_wait_comes_at_once(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    assert await services.watching.status(alice, task.id, ReadStatus()) == task


async def test_a_newer_revision_than_asked_for_comes_at_once(
    services: Services, alice: Principal
) -> None:
    task = await _make(services, alice)
    with anyio.fail_after(10):
        seen = await services.watching.status(alice, task.id, ReadStatus(wait=50, revision=0))
    assert seen.revision == 1


@pytest.mark.parametrize("revision", [None, 1])
async def test_a_wait_ends_with_the_next_change(
    services: Services, alice: Principal, revision: int | None
) -> None:
    task = await _make(services, alice)
    seen: list[int] = []

    async def watch() -> None:
        wanted = ReadStatus(wait=50, revision=revision)
        seen.append((await services.watching.status(alice, task.id, wanted)).revision)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            while not seen:
                await services.tasks.update(alice, task.id, UpdateTask(title="new"), None)
                await anyio.sleep(0.01)
    assert seen[0] >= 2


async def test_a_wait_without_a_change_ends_with_its_time(
    services: Services, alice: Principal
) -> None:
    task = await _make(services, alice)
    with anyio.fail_after(10):
        seen = await services.watching.status(alice, task.id, ReadStatus(wait=0.05))
    assert seen.revision == 1


async def test_who_waits_for_a_task_that_is_deleted_is_told(
    services: Services, alice: Principal
) -> None:
    task = await _make(services, alice)

    async def watch() -> None:
        with pytest.raises(TaskNotFound):
            await services.watching.status(alice, task.id, ReadStatus(wait=50))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await anyio.sleep(0.05)
            await services.tasks.delete(alice, task.id, None)


async def test_a_waiting_caller_hears_of_each_look(services: Services, alice: Principal) -> None:
    task = await _make(services, alice)
    looks: list[int] = []

    async def note(tasks: object) -> None:
        looks.append(len(looks))
        await services.tasks.update(alice, task.id, UpdateTask(title=str(len(looks))), None)

    with anyio.fail_after(20):
        (seen,) = await services.watching.until(
            alice, [task.id], lambda tasks: tasks[0].revision >= 4, 50, note
        )
    assert (seen.revision, looks) == (4, [0, 1, 2])


async def test_without_a_cache_every_status_comes_from_the_row(
    services: Services, alice: Principal
) -> None:
    task = await _make(services, alice)
    status = await services.status.read(alice, task.id, ReadStatus())
    poll_after_ms = await services.statistics.poll_after_ms(task)
    assert (status.source, status.document) == ("database", wire.status(task, poll_after_ms))
