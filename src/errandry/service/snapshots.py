"""The command of a task, as the task keeps it, and arguments that fit a command."""

from collections.abc import Mapping
from typing import Any

from errandry.commands.arguments import check_arguments
from errandry.commands.model import Command
from errandry.commands.snapshots import command_of
from errandry.commands.template import check
from errandry.tasks import questions
from errandry.tasks.model import Task
from errandry.tasks.sql import reading
from errandry.tasks.sql.database import Database


async def snapshot(database: Database, task: Task) -> Command:
    """Return the version of its command that a task was made with."""
    return command_of(await reading.document(database, task.command_digest))


def checked(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the command's defaults filled in; its form is filled in later.

    Raises:
        InvalidArguments: they do not fit its schema or its argument vector; all faults at once.
    """
    filled = check_arguments(command.parameters, arguments)
    check(command, filled, questions.awaited(command))
    return filled
