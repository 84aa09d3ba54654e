"""An executor whose attempts end when the test says so."""

import anyio

from errandry.execution.executors.port import Context, failed
from errandry.tasks.model import Progress
from errandry.tasks.retry import Ending


class HeldAttempt:
    """One attempt that waits for its end."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.cancelled = False
        self.result: object = {"attempt": context.attempt}
        self._end = anyio.Event()
        self._fails = False

    def succeed(self) -> None:
        """Let it end well."""
        self._end.set()

    def fail(self) -> None:
        """Let it end badly."""
        self._fails = True
        self._end.set()

    async def run(self) -> Ending:
        """Wait for the end; a cancellation is noted and let through."""
        self.context.on_start()
        try:
            await self._end.wait()
        except BaseException:
            self.cancelled = True
            raise
        if self._fails:
            return failed(self.context, "exit_code", "it was told to fail")
        return self.context.end("succeeded", result=self.result)


class HeldExecutor:
    """Starts attempts that wait; it also stands for what is fed and killed with the lease."""

    def __init__(self) -> None:
        self.attempts: list[HeldAttempt] = []
        self.fed: list[float] = []
        self.killed = 0
        self.breaks = False

    async def run(self, context: Context) -> Ending:
        """Carry out one attempt."""
        if self.breaks:
            raise RuntimeError("a fault of the executor")
        attempt = HeldAttempt(context)
        self.attempts.append(attempt)
        return await attempt.run()

    def feed(self, lease_until: float) -> None:
        """Note a renewed lease."""
        self.fed.append(lease_until)

    def kill(self) -> None:
        """Note the end of all."""
        self.killed += 1

    async def started(self, count: int) -> HeldAttempt:
        """Return attempt number `count` (from 1) once it has begun."""
        with anyio.fail_after(20):
            while len(self.attempts) < count:
                await anyio.sleep(0.005)
        return self.attempts[count - 1]


def tell(attempt: HeldAttempt, current: int) -> None:
    """Let an attempt report progress."""
    attempt.context.on_progress(Progress(current, 10, "going on"))
