"""What a command may be called."""

from typing import Final

NAME_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,63}$"

BUILT_IN_TOOLS: Final = frozenset(
    {
        "find_commands",
        "run_command",
        "get_task",
        "wait_for_tasks",
        "read_task_log",
        "list_tasks",
        "cancel_task",
        "create_task",
        "update_task",
        "delete_task",
        "execute_task",
        "retry_task",
        "answer_task",
        "create_command",
    }
)
"""Every tool that is no command; a command can be a tool of its own, so it may not take such a name."""

TASK_ID_PREFIX: Final = "tsk_"


def why_reserved(name: str) -> str | None:
    """Return why no command may have that name, or None."""
    if name in BUILT_IN_TOOLS:
        return f'"{name}" is the name of a built-in tool'
    if name.startswith(TASK_ID_PREFIX):
        return f'"{name}" looks like the id of a task, because it starts with {TASK_ID_PREFIX}'
    return None
