"""Several servers on one PostgreSQL: what counts, checks and then writes must not race."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from errandry.commands.catalog import Catalog
from errandry.errors import TooManyRequests
from errandry.principal import Principal
from errandry.service.forms import CreateTask, ListTasks, UpdateTask
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import State
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location
from support.definitions import write_commands

pytestmark = pytest.mark.parametrize("made", ["postgresql"], indirect=True)

SERVERS = 4
DAY_S = 86_400.0
LIMIT = 10


@pytest.fixture
async def databases(location: Location) -> AsyncGenerator[list[Database]]:
    async with AsyncExitStack() as stack:
        opened = [Database.open(location) for _ in range(SERVERS)]
        for each in opened:
            stack.push_async_callback(each.close)
        yield opened


@pytest.fixture
def servers(databases: list[Database], tmp_path: Path) -> list[Services]:
    write_commands(tmp_path / "commands")
    catalog = Catalog(tmp_path / "commands")
    return [
        Services.over(each, catalog, StatusBus(), lambda: None, DAY_S, LIMIT) for each in databases
    ]


async def _ids(servers: list[Services], who: Principal) -> list[str]:
    found, _ = await servers[0].tasks.page(who, ListTasks(limit=100))
    return [task.id for task in found]


async def test_one_key_makes_one_task(servers: list[Services], alice: Principal) -> None:
    made: list[tuple[str, bool]] = []

    async def create(server: Services) -> None:
        form = CreateTask(command="echo", execute=True)
        accepted = await server.intake.create(alice, form, "the key")
        made.append((accepted.task.id, accepted.replayed))

    async with anyio.create_task_group() as group:
        for number in range(24):
            group.start_soon(create, servers[number % SERVERS])
    assert len({task_id for task_id, _ in made}) == 1
    assert [replayed for _, replayed in made].count(False) == 1
    assert await _ids(servers, alice) == [made[0][0]]


async def test_aliases_are_counted_without_gap_or_double(
    servers: list[Services], alice: Principal
) -> None:
    async with anyio.create_task_group() as group:
        for server in servers:
            for _ in range(2):
                group.start_soon(server.intake.create, alice, CreateTask(command="echo"))
    found, _ = await servers[0].tasks.page(alice, ListTasks(limit=100))
    assert {task.alias for task in found} == {f"echo-{n}" for n in range(1, 2 * SERVERS + 1)}


async def test_the_queue_limit_is_exact(servers: list[Services], alice: Principal) -> None:
    outcomes: list[bool] = []

    async def create(server: Services) -> None:
        try:
            await server.intake.create(alice, CreateTask(command="echo", execute=True))
        except TooManyRequests:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with anyio.create_task_group() as group:
        for number in range(3 * LIMIT):
            group.start_soon(create, servers[number % SERVERS])
    assert outcomes.count(True) == LIMIT
    assert len(await _ids(servers, alice)) == LIMIT


async def test_a_task_is_claimed_by_one_worker(
    servers: list[Services], databases: list[Database], alice: Principal
) -> None:
    for _ in range(LIMIT):
        await servers[0].intake.create(alice, CreateTask(command="echo", execute=True))
    claimed: list[str] = []

    async def claim(number: int) -> None:
        while found := await claims.claim(databases[number], f"w{number}", 2, 60):
            claimed.extend(each.task_id for each in found)

    async with anyio.create_task_group() as group:
        for number in range(SERVERS):
            group.start_soon(claim, number)
    assert sorted(claimed) == sorted(await _ids(servers, alice))


async def test_a_key_never_runs_more_often_than_its_limit(
    servers: list[Services], databases: list[Database], alice: Principal
) -> None:
    """`keyed` and `pair` share a key; one of them may run alone only, two of the other at once."""
    for number in range(LIMIT):
        command = "keyed" if number % 3 == 0 else "pair"
        await servers[0].intake.create(alice, CreateTask(command=command, execute=True))
    running: dict[str, str] = {}
    done = 0

    async def work(number: int) -> None:
        nonlocal done
        database = databases[number]
        while done < LIMIT:
            for each in await claims.claim(database, f"w{number}", 2, 60):
                running[each.task_id] = each.command
                assert len(running) <= (1 if "keyed" in running.values() else 2)
                await anyio.sleep(0.002)
                del running[each.task_id]  # before the row: another may claim as soon as it is free
                ended = await endings.finish(
                    database, each.task_id, 1, Ending("succeeded"), RetryPolicy(), DAY_S
                )
                assert ended is not None
                done += 1

    with anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for number in range(SERVERS):
                group.start_soon(work, number)
    assert done == LIMIT


async def test_changes_at_the_same_time_wait_for_each_other(
    servers: list[Services], databases: list[Database], alice: Principal
) -> None:
    """Nobody who named no revision is told that another one was meant, and no cancel is lost."""
    task = (await servers[0].intake.create(alice, CreateTask(command="echo", execute=True))).task
    (claimed,) = await claims.claim(databases[0], "w", 1, 60)

    async def rename(number: int) -> None:
        form = UpdateTask(title=f"title {number}")
        await servers[number % SERVERS].tasks.update(alice, task.id, form, None)

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(rename, number)
        group.start_soon(servers[1].tasks.cancel, alice, task.id, None)
        group.start_soon(claims.renew, databases[0], "w", [task.id], 60)
    found, _ = await servers[2].tasks.get(alice, task.id)
    assert found.cancel_requested
    assert found.revision == task.revision + 1 + 12 + 1
    again = RetryPolicy(max_attempts=5)
    ended = await endings.finish(databases[0], claimed.task_id, 1, Ending("failed"), again, DAY_S)
    assert ended is not None
    assert ended.state is State.CANCELLED
