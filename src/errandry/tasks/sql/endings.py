"""How an attempt ends in the store: the task is final, queued once more, asks, or is put back."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from errandry import clock
from errandry.tasks.model import State, Task
from errandry.tasks.questions import Asked
from errandry.tasks.retry import FINAL_STATE, Ending, RetryPolicy, pause_s, tries_again
from errandry.tasks.sql import logs, moves, reading, rows, start
from errandry.tasks.sql.claims import Claim, is_running
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.moves import NewEvent
from errandry.tasks.sql.reports import Report
from errandry.tasks.sql.tables import attempts, tasks


async def release(database: Database, claimed: Claim) -> bool:
    """Put back a task whose program was never started; the attempt does not count."""
    now = clock.now()
    async with database.write() as connection:
        moved = await moves.move(
            connection,
            claimed.task_id,
            is_running(claimed.task_id, claimed.attempt),
            [start.queued_fact("drain", None)],
            now,
            attempt=tasks.c.attempt - 1,
            worker=None,
            lease_until=None,
            concurrency_slot=None,
            **start.again(now, None),
        )
        if moved:
            await connection.execute(
                delete(attempts).where(
                    attempts.c.task_id == claimed.task_id, attempts.c.attempt == claimed.attempt
                )
            )
        return moved


async def finish(
    database: Database,
    task_id: str,
    attempt: int,
    ending: Ending,
    policy: RetryPolicy,
    retention_s: float,
    last: Report | None = None,
) -> Task | None:
    """End an attempt: the task is final, queued for the next one, or waits for answers.

    `last` is the attempt's last report, stored in the same transaction. Returns the task, or None
    when the attempt was no longer the current one: then nothing was written.
    """
    now = clock.now()
    async with database.write() as connection:
        found = await connection.execute(
            reading.select_tasks(now).where(is_running(task_id, attempt)).with_for_update(of=tasks)
        )
        row = found.first()
        if row is None:
            return None
        task = rows.task(row)
        if last is not None:
            await logs.append(connection, task_id, attempt, last.log)
        asked = await _count_asked(connection, task_id)
        facts, values = _after(task, asked, ending, policy, now, retention_s)
        if last is not None:
            values |= {"last_line": last.last_line}
            values |= {"progress": asdict(last.progress)} if last.progress else {}
        await moves.move(
            connection,
            task_id,
            is_running(task_id, attempt),
            facts,
            now,
            worker=None,
            lease_until=None,
            concurrency_slot=None,
            **values,
        )
        await _close_attempt(connection, task_id, attempt, ending, now)
        changed = await connection.execute(reading.select_tasks(now).where(tasks.c.id == task_id))
        return rows.task(changed.one())


async def _count_asked(connection: AsyncConnection, task_id: str) -> int:
    found = await connection.execute(
        select(func.count()).where(attempts.c.task_id == task_id, attempts.c.outcome == "asked")
    )
    return found.scalar_one()


def _after(
    task: Task,
    asked: int,
    ending: Ending,
    policy: RetryPolicy,
    now: datetime,
    retention_s: float,
) -> tuple[list[NewEvent], dict[str, Any]]:
    error = asdict(ending.error) if ending.error else None
    data = {
        "outcome": ending.outcome,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "error": error,
    }
    finished = NewEvent("attempt_finished", data, attempt=task.attempt)
    stopped = task.cancel_requested and ending.outcome != "succeeded"
    if not stopped and ending.asked is not None:
        return _wait(task, ending.asked, finished, now)
    tried = task.attempt - asked
    if not stopped and tries_again(policy, tried, ending):
        pause = pause_s(policy, tried, ending)
        run_at = clock.after(now, pause) if pause else None
        reason = "lost" if ending.outcome == "lost" else "retry"
        return [finished, start.queued_fact(reason, run_at)], start.again(now, run_at)
    state = State.CANCELLED if stopped else FINAL_STATE[ending.outcome]
    values = {
        "state": state,
        "result": ending.result,
        "error": None if state is State.CANCELLED else error,
        "finished_at": now,
        "expires_at": task.kept_until(now, retention_s),
    }
    return [finished, NewEvent("finished", {"state": state, "error": values["error"]})], values


def _wait(
    task: Task, asked: Asked, finished: NewEvent, now: datetime
) -> tuple[list[NewEvent], dict[str, Any]]:
    requests = asked.requests()
    person_s = asked.expires_in_s if task.expires_in_s is None else task.expires_in_s
    values = start.waiting(now, requests, person_s)
    values["questions"] = {**task.questions, **asked.memory()}
    return [finished, start.requested_fact(requests, attempt=task.attempt)], values


async def _close_attempt(
    connection: AsyncConnection, task_id: str, attempt: int, ending: Ending, now: datetime
) -> None:
    await connection.execute(
        update(attempts)
        .where(attempts.c.task_id == task_id, attempts.c.attempt == attempt)
        .values(
            finished_at=now,
            outcome=ending.outcome,
            exit_code=ending.exit_code,
            signal=ending.signal,
            max_rss_bytes=ending.max_rss_bytes,
            cpu_s=ending.cpu_s,
        )
    )
