"""What starting a task of a command means: who has to approve it, what it asks, how long it waits."""

from collections.abc import Mapping
from datetime import datetime

from errandry.commands.model import Command
from errandry.commands.unsupported import unsupported
from errandry.errors import InvalidCommand
from errandry.tasks import questions
from errandry.tasks.model import Json
from errandry.tasks.sql.start import Start


def start_of(
    command: Command,
    run_at: datetime | None,
    expires_in_s: float | None,
    memory: Mapping[str, Json],
    approver: str | None,
) -> Start:
    """Return the start of a task.

    `expires_in_s` is what its creator allowed it to wait, `memory` what was answered beforehand.

    Raises:
        InvalidCommand: the command needs what this server cannot do.
    """
    if reason := unsupported(command):
        raise InvalidCommand(
            f'The command "{command.name}" cannot be run by this server: {reason}',
            next_step="Use another command, or take that field out of its definition.",
        )
    return Start(
        digest=command.digest,
        run_at=run_at,
        approver=approver,
        person_s=command.expires_in_s if expires_in_s is None else expires_in_s,
        queue_s=expires_in_s,
        requests={} if questions.FORM in memory else questions.of_command(command),
    )
