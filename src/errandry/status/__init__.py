"""Live status: who waits for a task is told when to look."""
