"""A worker to be killed or stopped. One argument, JSON: count, argv, marks, lease_s, lock.

Prints the spawner's process id, then what the programs print; feeds them for ever.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from errandry.execution.spawner import Job, Spawner, Stream


def show(_: Stream, data: bytes) -> None:
    print(data.decode(), end="", flush=True)


async def main(told: dict[str, Any]) -> None:
    lease_s: float = told["lease_s"]
    job = Job(argv=told["argv"], cwd=Path("/"), marks=told["marks"], lease_s=lease_s)
    async with Spawner(lock=Path(told["lock"])) as spawner:
        print(spawner.pid, flush=True)
        attempts = [await spawner.start(job, show) for _ in range(told["count"])]
        while True:
            await asyncio.sleep(lease_s / 5)
            for attempt in attempts:
                attempt.feed(lease_s, since=spawner.now())


asyncio.run(main(json.loads(sys.argv[1])))
