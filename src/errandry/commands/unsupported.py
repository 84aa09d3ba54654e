"""What a definition may say and this release does not do yet."""

from errandry.commands.model import Command, McpSpec


def unsupported(command: Command) -> str | None:
    """Return why the command cannot be run, as one sentence, or None when it can."""
    missing = [what for what, needed in _needs(command).items() if needed]
    if not missing:
        return None
    return f"it needs {' and '.join(missing)}, which this release does not do yet"


def _needs(command: Command) -> dict[str, bool]:
    return {
        'the executor "mcp"': isinstance(command.run, McpSpec),
    }
