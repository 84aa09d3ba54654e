"""Telling who waits: the bus for watchers, the delivery for what is due."""

from collections.abc import Callable
from dataclasses import dataclass

from errandry.status.bus import StatusBus
from errandry.tasks.model import State, Task


@dataclass(frozen=True, slots=True)
class News:
    """What is to be done after a change of a task was committed; `wake` is the delivery's."""

    bus: StatusBus
    wake: Callable[[], None]

    def tell(self, task: Task) -> None:
        """Wake who watches the task, and the delivery if it is queued."""
        self.bus.publish(task.id, task.owner)
        if task.state is State.QUEUED:
            self.wake()
