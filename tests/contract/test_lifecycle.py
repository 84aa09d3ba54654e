"""The life of tasks as a state machine: any order of calls by two principals and two workers.

Hypothesis drives the real services over the real store; a small model says what must be there.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from errandry.commands.catalog import Catalog
from errandry.errors import IdempotencyConflict, TaskActive, TaskNotEditable, TaskNotFound
from errandry.principal import Principal
from errandry.service.forms import (
    Answer,
    CreateTask,
    ListTasks,
    ReadEvents,
    RetryTask,
    UpdateTask,
)
from errandry.service.services import Services
from errandry.status.bus import StatusBus
from errandry.tasks.model import FINAL, State, Task
from errandry.tasks.questions import Asked, Question
from errandry.tasks.retry import Ending, RetryPolicy
from errandry.tasks.sql import claims, endings
from errandry.tasks.sql.claims import Claim
from errandry.tasks.sql.database import Database
from support.databases import Make
from support.definitions import write_commands

USER = frozenset({"commands:read", "tasks:read", "tasks:write", "tasks:approve"})
PEOPLE = {name: Principal("test:issuer", name, USER) for name in ("alice", "bob")}
ONCE_MORE = RetryPolicy(max_attempts=2, base_s=1e-9, cap_s=1e-9, on_crash="retry")
DAY_S = 86_400.0
LIMITS = {"keyed": 1, "pair": 2}
"""How many tasks of the key that these two commands share may run at once."""
BEGINNINGS = {
    "guarded": (State.AWAITING_APPROVAL, "approval_requested"),
    "guarded-asking": (State.AWAITING_APPROVAL, "approval_requested"),
    "asking": (State.INPUT_REQUIRED, "input_requested"),
}
"""Where a started task of a command begins, if not in the queue."""
QUEUED = (State.QUEUED, "queued")
AGREE: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass
class Known:
    """What the model believes of one task."""

    owner: str
    command: str
    state: State
    attempt: int = 0
    revision: int = 1
    cancel_requested: bool = False
    asked: int = 0
    questions: int = 0
    open: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=lambda: ["created"])


class Lifecycle(RuleBasedStateMachine):
    """Each rule does one thing to the product and to the model; then both must agree."""

    tasks: Bundle[str] = Bundle("tasks")
    made: Make

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-"))
        write_commands(self.folder / "commands")
        self.loop = asyncio.new_event_loop()
        self.stack = ExitStack()
        self.location = self.stack.enter_context(self.made(self.folder))
        self.database = self.run(self._open())
        bus = StatusBus()
        catalog = Catalog(self.folder / "commands")
        self.services = Services.over(self.database, catalog, bus, lambda: None, DAY_S)
        self.known: dict[str, Known] = {}
        self.claims: list[Claim] = []
        self.stale: list[Claim] = []
        self.keys: dict[tuple[str, str], str] = {}

    async def _open(self) -> Database:
        return Database.open(self.location)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()
        self.stack.close()
        shutil.rmtree(self.folder)

    @property
    def is_waiting(self) -> bool:
        return any(known.state is State.QUEUED for known in self.known.values())

    def read(self, task_id: str) -> Task:
        owner = PEOPLE[self.known[task_id].owner]
        task: Task = self.run(self.services.tasks.get(owner, task_id))[0]
        return task

    def moved(self, task_id: str, state: State, *events: str) -> None:
        known = self.known[task_id]
        known.state, known.revision = state, known.revision + 1
        known.events += events
        if state is State.INPUT_REQUIRED and "input_requested" in events:
            known.open = known.open or ["ask"]
        elif state is not State.INPUT_REQUIRED:
            known.open = []

    def running_of_key(self) -> list[int]:
        """The limits of the tasks that hold the key."""
        return [
            LIMITS[known.command]
            for known in self.known.values()
            if known.state is State.RUNNING and known.command in LIMITS
        ]

    # -- what callers do

    @initialize(target=tasks)
    def start(self) -> Any:
        """Nothing is there; then two people start a task each."""
        for person in PEOPLE.values():
            assert self.run(self.services.tasks.page(person, ListTasks())) == ([], None)
        return multiple(*(self.make(who, "echo", True, None) for who in PEOPLE))

    @rule(
        target=tasks,
        who=st.sampled_from(sorted(PEOPLE)),
        command=st.sampled_from(["echo", "guarded", "keyed", "pair", "asking", "guarded-asking"]),
        execute=st.booleans(),
        key=st.sampled_from([None, None, "k1", "k2"]),
    )
    def create(self, who: str, command: str, execute: bool, key: str | None) -> Any:
        made = self.make(who, command, execute, key)
        return multiple() if made is None else made

    def make(self, who: str, command: str, execute: bool, key: str | None) -> str | None:
        form = CreateTask(command=command, execute=execute)
        try:
            accepted = self.run(self.services.intake.create(PEOPLE[who], form, key))
        except IdempotencyConflict:
            assert key is not None
            assert (who, key) in self.keys
            return None
        if accepted.replayed:
            assert key is not None
            assert self.keys[who, key] == accepted.task.id
            return None
        if key:
            assert (who, key) not in self.keys or self.keys[who, key] not in self.known
            self.keys[who, key] = accepted.task.id
        made: str = accepted.task.id
        self.known[made] = Known(who, command, State.CREATED)
        if execute:
            self.begin(made)
        return made

    def begin(self, task_id: str) -> None:
        """A task starts in the step that makes it."""
        self.moved(task_id, *BEGINNINGS.get(self.known[task_id].command, QUEUED))
        self.known[task_id].revision = 1

    @rule(task_id=tasks)
    def execute(self, task_id: str) -> None:
        if task_id not in self.known:
            return
        known = self.known[task_id]
        task, started = self.run(self.services.intake.execute(PEOPLE[known.owner], task_id))
        assert started is (known.state is State.CREATED)
        if started:
            self.moved(task_id, *BEGINNINGS.get(task.command, QUEUED))

    @rule(task_id=tasks, title=st.text("ab", min_size=1, max_size=3), priority=st.integers(-2, 2))
    def update(self, task_id: str, title: str, priority: int) -> None:
        if task_id not in self.known:
            return
        known = self.known[task_id]
        form = UpdateTask(title=title, priority=priority)
        late = known.state is State.RUNNING or known.state in FINAL
        try:
            self.run(self.services.tasks.update(PEOPLE[known.owner], task_id, form, None))
        except TaskNotEditable:
            assert late
        else:
            assert not late
            self.moved(task_id, known.state, "updated")

    @rule(task_id=tasks, really=st.sampled_from([False, False, True]))
    def cancel_any(self, task_id: str, really: bool) -> None:
        if really:
            self.cancel(task_id)

    def cancel(self, task_id: str) -> None:
        if task_id not in self.known:
            return
        known = self.known[task_id]
        self.run(self.services.tasks.cancel(PEOPLE[known.owner], task_id, None))
        if known.state in FINAL or known.cancel_requested:
            return
        known.cancel_requested = True
        if known.state is State.RUNNING:
            self.moved(task_id, State.RUNNING, "cancel_requested")
        else:
            self.moved(task_id, State.CANCELLED, "cancel_requested", "finished")

    @rule(task_id=tasks)
    def delete(self, task_id: str) -> None:
        if task_id not in self.known:
            return
        known = self.known[task_id]
        allowed = known.state is State.CREATED or known.state in FINAL
        try:
            self.run(self.services.tasks.delete(PEOPLE[known.owner], task_id, None))
        except TaskActive:
            assert not allowed
        else:
            assert allowed
            del self.known[task_id]

    @rule(target=tasks, task_id=tasks)
    def retry(self, task_id: str) -> Any:
        if task_id not in self.known:
            return multiple()
        known = self.known[task_id]
        try:
            accepted = self.run(
                self.services.intake.retry(PEOPLE[known.owner], task_id, RetryTask())
            )
        except TaskActive:
            assert known.state not in FINAL
            return multiple()
        assert known.state in FINAL
        self.known[accepted.task.id] = Known(known.owner, known.command, State.CREATED)
        self.begin(accepted.task.id)
        return accepted.task.id

    @rule(task_id=tasks, approve=st.booleans())
    def decide(self, task_id: str, approve: bool) -> None:
        if task_id not in self.known or self.known[task_id].state is not State.AWAITING_APPROVAL:
            return
        known, decision = self.known[task_id], "approved" if approve else "rejected"
        other = next(person for name, person in PEOPLE.items() if name != known.owner)
        digest = self.read(task_id).command_digest
        self.run(self.services.decisions.decide(other, task_id, decision, digest, None))  # type: ignore[arg-type]
        if not approve:
            self.moved(task_id, State.FAILED, "rejected", "finished")
        elif known.command == "guarded-asking":
            self.moved(task_id, State.INPUT_REQUIRED, "approved", "input_requested")
        else:
            self.moved(task_id, State.QUEUED, "approved", "queued")

    @rule(
        task_id=tasks,
        key=st.sampled_from(["ask", "ask-1", "ask-2", "ask-3"]),
        action=st.sampled_from(["accept", "accept", "accept", "decline"]),
    )
    def answer(self, task_id: str, key: str, action: str) -> None:
        if task_id not in self.known:
            return
        known = self.known[task_id]
        content = {"word": "x"} if key == "ask" else {}
        given = {key: Answer.model_validate({"action": action, "content": content})}
        self.run(self.services.answers.answer(PEOPLE[known.owner], task_id, given))
        if key not in known.open:
            return
        known.open.remove(key)
        if action != "accept":
            self.moved(task_id, State.FAILED, "input_received", "finished")
        elif known.open:
            self.moved(task_id, State.INPUT_REQUIRED, "input_received")
        else:
            self.moved(task_id, State.QUEUED, "input_received", "queued")

    @rule(task_id=tasks)
    def look_at_a_foreign_task(self, task_id: str) -> None:
        if task_id not in self.known or self.known[task_id].state is State.AWAITING_APPROVAL:
            return
        if self.read(task_id).approval is not None:
            return  # who decided about it sees it
        other = next(p for name, p in PEOPLE.items() if name != self.known[task_id].owner)
        with pytest.raises(TaskNotFound):
            self.run(self.services.tasks.get(other, task_id))

    # -- what workers do

    @precondition(lambda self: self.is_waiting)
    @rule(count=st.integers(1, 3))
    def claim_by_one(self, count: int) -> None:
        self.claim("w1", count)

    @precondition(lambda self: self.is_waiting)
    @rule(count=st.integers(1, 3))
    def claim_by_another(self, count: int) -> None:
        self.claim("w2", count)

    def claim(self, worker: str, count: int) -> None:
        waiting = {task_id for task_id, known in self.known.items() if known.state is State.QUEUED}
        free = {task_id for task_id in waiting if self.known[task_id].command not in LIMITS}
        first_of_key = bool(waiting - free) and not self.running_of_key()
        taken = self.run(claims.claim(self.database, worker, count, 15))
        assert min(count, len(free) + first_of_key) <= len(taken) <= min(count, len(waiting))
        for claimed in taken:
            assert claimed.task_id in waiting
            known = self.known[claimed.task_id]
            known.attempt += 1
            assert claimed.attempt == known.attempt
            self.moved(claimed.task_id, State.RUNNING, "attempt_started")
            self.claims.append(claimed)

    @precondition(lambda self: self.claims)
    @rule(outcome=st.sampled_from(["succeeded", "cancelled"]), number=st.integers(0, 5))
    def finish_for_good(self, outcome: str, number: int) -> None:
        self.finish(outcome, number)

    @precondition(lambda self: self.claims)
    @rule(outcome=st.sampled_from(["failed", "timeout"]), number=st.integers(0, 5))
    def finish_badly(self, outcome: str, number: int) -> None:
        self.finish(outcome, number)

    @precondition(lambda self: self.claims)
    @rule(number=st.integers(0, 5))
    def lose(self, number: int) -> None:
        self.finish("lost", number)

    @precondition(lambda self: self.claims)
    @rule(number=st.integers(0, 5), count=st.integers(1, 2))
    def ask(self, number: int, count: int) -> None:
        claimed = self.claims.pop(number % len(self.claims))
        self.stale.append(claimed)
        known = self.known[claimed.task_id]
        first = known.questions + 1
        keys = [f"ask-{number}" for number in range(first, first + count)]
        asked = Asked({key: Question(key, AGREE, key) for key in keys}, DAY_S)
        self.end(claimed, Ending("asked", asked=asked))
        if known.cancel_requested:
            self.moved(claimed.task_id, State.CANCELLED, "attempt_finished", "finished")
            return
        known.open, known.asked, known.questions = keys, known.asked + 1, known.questions + count
        self.moved(claimed.task_id, State.INPUT_REQUIRED, "attempt_finished", "input_requested")

    def end(self, claimed: Claim, ending: Ending) -> None:
        ended = endings.finish(
            self.database, claimed.task_id, claimed.attempt, ending, ONCE_MORE, DAY_S
        )
        assert self.run(ended) is not None

    def finish(self, outcome: str, number: int) -> None:
        claimed = self.claims.pop(number % len(self.claims))
        self.stale.append(claimed)
        self.end(claimed, Ending(outcome))  # type: ignore[arg-type]  # the names of the outcomes
        known = self.known[claimed.task_id]
        limit = 3 if outcome == "lost" else 2
        if outcome == "succeeded":
            self.moved(claimed.task_id, State.SUCCEEDED, "attempt_finished", "finished")
        elif known.cancel_requested or outcome == "cancelled":
            self.moved(claimed.task_id, State.CANCELLED, "attempt_finished", "finished")
        elif known.attempt - known.asked < limit:
            self.moved(claimed.task_id, State.QUEUED, "attempt_finished", "queued")
        else:
            self.moved(claimed.task_id, State.FAILED, "attempt_finished", "finished")

    @precondition(lambda self: self.claims)
    @rule()
    def put_back(self) -> None:
        claimed = self.claims.pop(0)
        assert self.run(endings.release(self.database, claimed))
        self.known[claimed.task_id].attempt -= 1
        self.moved(claimed.task_id, State.QUEUED, "queued")

    @precondition(lambda self: self.claims)
    @rule(number=st.integers(0, 5))
    def cancel_what_runs(self, number: int) -> None:
        self.cancel(self.claims[number % len(self.claims)].task_id)

    @precondition(lambda self: self.stale)
    @rule(number=st.integers(0, 5))
    def finish_late(self, number: int) -> None:
        """A worker that was given up writes nothing any more."""
        late = self.stale[number % len(self.stale)]
        known = self.known.get(late.task_id)
        if known and (known.state, known.attempt) == (State.RUNNING, late.attempt):
            return  # put back since, and claimed again under the same number
        ending = Ending("succeeded", "late")
        wrote = endings.finish(self.database, late.task_id, late.attempt, ending, ONCE_MORE, DAY_S)
        assert self.run(wrote) is None

    # -- what must hold after each step

    @invariant()
    def no_key_runs_more_often_than_its_lowest_limit(self) -> None:
        running = self.running_of_key()
        assert not running or len(running) <= min(running)

    @invariant()
    def rows_are_as_believed(self) -> None:
        for task_id, known in self.known.items():
            task = self.read(task_id)
            assert (task.state, task.attempt, task.revision, task.cancel_requested) == (
                known.state,
                known.attempt,
                known.revision,
                known.cancel_requested,
            )
            assert (task.finished_at is not None) is (known.state in FINAL)
            assert [*(task.input_requests or {})] == known.open

    @invariant()
    def histories_are_as_believed(self) -> None:
        for task_id, known in self.known.items():
            owner = PEOPLE[known.owner]
            events, more = self.run(
                self.services.tasks.events(owner, task_id, ReadEvents(limit=100))
            )
            assert more is None
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert [event.type for event in events] == known.events

    @invariant()
    def lists_are_complete(self) -> None:
        for name, person in PEOPLE.items():
            found, _ = self.run(self.services.tasks.page(person, ListTasks(limit=100)))
            mine = {task_id for task_id, known in self.known.items() if known.owner == name}
            assert {task.id for task in found} == mine


def test_any_order_of_calls_keeps_the_promise(made: Make) -> None:
    Lifecycle.made = staticmethod(made)
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=1_000 if os.environ.get("ERRANDRY_TEST_LONG") else 20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
