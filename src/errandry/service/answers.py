"""Use cases of questions: what a command asks, and answers to what a task asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from errandry.commands.concurrency import key_of
from errandry.commands.model import Command
from errandry.commands.template import PREFIX, check
from errandry.errors import InvalidArguments
from errandry.principal import Principal
from errandry.service.forms import Answer
from errandry.service.news import News
from errandry.service.snapshots import snapshot
from errandry.tasks import questions
from errandry.tasks.model import Json, State, Task
from errandry.tasks.sql import questions as store
from errandry.tasks.sql import reading
from errandry.tasks.sql.database import Database


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers, by whoever may change the task."""

    database: Database
    news: News
    retention_s: float

    async def answer(
        self, caller: Principal, reference: str, responses: Mapping[str, Answer]
    ) -> Task:
        """Answer open questions of a task; what is not, or no longer, asked is ignored.

        With the last answer the task is queued; one that is declined or cancelled ends it.

        Raises:
            TaskNotFound, AmbiguousAlias, NotPermitted: see `reading.find_own`.
            InvalidArguments: an answer does not fit what was asked; nothing was kept.
        """
        caller.require("tasks:write")
        while True:
            task = await reading.get_own(self.database, caller, reference)
            asked = task.input_requests or {}
            given = {key: each for key, each in responses.items() if key in asked}
            if task.state is not State.INPUT_REQUIRED or not given:
                return task
            if await self._take(caller, task, given):
                break  # else somebody else was faster, and may have answered the same
        task = await reading.get_own(self.database, caller, task.id)
        self.news.tell(task)
        return task

    async def _take(self, caller: Principal, task: Task, given: Mapping[str, Answer]) -> bool:
        asked = task.input_requests or {}
        contents = {
            key: questions.checked(key, asked[key], each.content or {})
            for key, each in given.items()
            if each.action == "accept"
        }
        derived: dict[str, Json] = {}
        if questions.FORM in contents:
            command = await snapshot(self.database, task)
            memory = _fitting(command, task.arguments, contents[questions.FORM])
            derived["concurrency_key"] = key_of(command, questions.filled(task.arguments, memory))
        if len(contents) < len(given):
            actions = {key: each.action for key, each in given.items()}
            return await store.decline(self.database, caller, task, actions, self.retention_s)
        return await store.accept(self.database, caller, task, contents, **derived)


def answered(
    command: Command, arguments: Mapping[str, Any], content: Mapping[str, Any]
) -> dict[str, Json]:
    """Return what the store keeps of an answer to the form that a command has.

    Raises:
        InvalidArguments: the answer does not fit the form, or what the command runs.
    """
    asked = questions.of_command(command)[questions.FORM]
    return _fitting(command, arguments, questions.checked(questions.FORM, asked, content))


def _fitting(
    command: Command, arguments: Mapping[str, Any], content: Mapping[str, Any]
) -> dict[str, Json]:
    memory = questions.remember({}, {questions.FORM: content})
    filled = questions.filled(arguments, memory)
    try:
        check(command, filled)
    except InvalidArguments as error:
        path = questions.path_of(questions.FORM)
        faults = [
            replace(fault, path=path + fault.path.removeprefix(PREFIX)) for fault in error.faults
        ]
        raise InvalidArguments(error.message, faults=faults) from error
    return memory
