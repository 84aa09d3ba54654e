"""What our guarantees cost: a start through the spawner against a bare asyncio subprocess.

Both give /bin/true a fresh folder and two pipes, in turns, in the same run. Prints one JSON line
per figure; `ratio` is ours to bare.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from _bench import SHORT, ratio, rounds, tell

from errandry.execution.spawner import Job, Spawner, Stream, unix

ROUNDS: Final = 6
STARTS: Final = 10 if SHORT else 100
AT_ONCE: Final = 20
BURST: Final = 40 if SHORT else 300
HELD: Final = 5 if SHORT else 50
PROGRAM: Final = ("/bin/true",)
LEASE_S: Final = 600.0

Way = Callable[[Path], Awaitable[None]]


def ignore(_stream: Stream, _data: bytes) -> None:
    """Take output of which there is none."""


async def bare(folder: Path) -> None:
    """Start and await one program with what asyncio offers."""
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, cwd=folder, env={}, stdin=null, stdout=pipe, stderr=pipe
    )
    await process.communicate()


def ours(spawner: Spawner) -> Way:
    """Return how to start and await one program with the spawner."""

    async def way(folder: Path) -> None:
        job = Job(argv=PROGRAM, cwd=folder, marks={"ERRANDRY_TASK_ID": "1"}, lease_s=LEASE_S)
        await (await spawner.start(job, ignore)).wait()

    return way


async def seconds(way: Way) -> float:
    """Return how long one start to exit takes, with a fresh folder."""
    began = time.perf_counter()
    with fresh_folder() as folder:
        await way(folder)
    return time.perf_counter() - began


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Make a folder and remove it, empty, in the end."""
    folder = Path(tempfile.mkdtemp())
    yield folder
    folder.rmdir()


async def rate(way: Way) -> float:
    """Return starts per second with `AT_ONCE` at the same time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with slots:
            await seconds(way)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(BURST)))
    return BURST / (time.perf_counter() - began)


async def memory(spawner: Spawner) -> float | None:
    """Return the PSS of a keeper with a running program in MB; only root on Linux can see it."""
    job = Job(argv=["/bin/sleep", "1000"], cwd=Path("/"), marks={}, lease_s=LEASE_S)
    attempts = [await spawner.start(job, ignore) for _ in range(HELD)]
    while not all(attempt.pid for attempt in attempts):
        await asyncio.sleep(0.01)
    try:
        return statistics.mean(map(pss_mb, unix.children(spawner.pid or 0)))
    except OSError:
        return None
    finally:
        for attempt in attempts:
            attempt.cancel(0)
            await attempt.wait()


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process (proc_pid_smaps(5))."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def compare(own: Way) -> None:
    """Measure both ways in turns; a round gives one ratio, the median of them counts."""
    starts: dict[Way, list[float]] = {bare: [], own: []}
    rates: dict[Way, list[float]] = {bare: [], own: []}
    for _ in rounds(ROUNDS):
        times: dict[Way, list[float]] = {bare: [], own: []}
        for _ in range(STARTS):
            for way, measured in times.items():
                measured.append(await seconds(way))
        for way, measured in times.items():
            starts[way].append(statistics.median(measured) * 1000)
            rates[way].append(await rate(way))
    tell(
        "spawner.start",
        "ratio <= 1.5",
        ratio=ratio(starts[own], starts[bare]),
        ms=statistics.median(starts[own]),
        bare_ms=statistics.median(starts[bare]),
    )
    tell(
        "spawner.at_once",
        "ratio >= 0.9",
        ratio=ratio(rates[own], rates[bare]),
        per_s=statistics.median(rates[own]),
        bare_per_s=statistics.median(rates[bare]),
    )


async def main() -> None:
    """Measure and print."""
    async with Spawner(keep=AT_ONCE) as spawner:
        await compare(ours(spawner))
        tell("spawner.memory", "pss_mb <= 2", pss_mb=await memory(spawner))


if __name__ == "__main__":
    asyncio.run(main())
