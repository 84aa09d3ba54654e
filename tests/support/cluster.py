"""One server that runs no tasks and several workers, which share a PostgreSQL database alone."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from support.server import Document, Server
from support.waiting import until

_STOPPING = "stopping: waiting"


class WorkerProcess(Server):
    """An `errandry worker` with a data folder of its own and no commands."""

    verb = "worker"
    _begun = 0

    def begin(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start it and return at once."""
        self._begun += 1
        return super().begin(*arguments, **settings)

    def readiness(self) -> int:
        """Return 200 when it says that it is ready."""
        return 200 if self.log.count("INFO ready ") == self._begun else 0

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> int:
        """End it without waiting for its tasks; return its status."""
        told = self.log.count(_STOPPING)
        self.signal(signal.SIGTERM)
        until(lambda: not self.lives or self.log.count(_STOPPING) > told, "a worker that drains")
        if self.lives:
            self.signal(signal.SIGTERM)
        return self.ended()


@dataclass
class Cluster:
    """The server, and the workers that there were."""

    api: Server
    settings: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)

    def hire(self) -> WorkerProcess:
        """Start one more worker."""
        worker = WorkerProcess(**self.settings)
        self.workers.append(worker)
        return worker.start()

    def dismiss(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.close()


@contextmanager
def cluster(url: str, *commands: Document, workers: int = 2, **settings: str) -> Iterator[Cluster]:
    """Run a server and workers on a database while the block lasts."""
    shared = {"database_url": url, **settings}
    with ExitStack() as stack:
        api = Server(*commands, **shared | {"concurrency": "0"})
        stack.callback(api.close)
        made = Cluster(api.start(), shared)
        stack.callback(made.dismiss)
        for _ in range(workers):
            made.hire()
        yield made
