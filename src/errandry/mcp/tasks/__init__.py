"""The extension `io.modelcontextprotocol/tasks` (2026-07-28) for low-level MCP servers, over any store.

A library: it needs the MCP SDK and a `TaskStore`, and nothing else of this package.
"""

from errandry.mcp.tasks.extension import Tasks
from errandry.mcp.tasks.store import Context, TaskStore, Wakeups
from errandry.mcp.tasks.task import EXTENSION, Task

__all__ = ["EXTENSION", "Context", "Task", "TaskStore", "Tasks", "Wakeups"]
