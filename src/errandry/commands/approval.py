"""Who has to approve a task before it runs."""

from collections.abc import Mapping
from typing import Any

from errandry.commands.model import ApprovalRule, Command
from errandry.commands.schema import Schema


def approver(command: Command, arguments: Mapping[str, Any]) -> str | None:
    """Return the scope of who has to approve a task with these arguments, None: nobody has to."""
    rule = command.approval
    if rule == "never":
        return None
    if rule == "always":
        rule = ApprovalRule()
    if rule.when is not None and not Schema(rule.when).accepts(dict(arguments)):
        return None
    return rule.by
