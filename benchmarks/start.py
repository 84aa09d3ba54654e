"""How long a task waits on an idle server: from being accepted to its start.

`claimed` is from the event `created` to `attempt_started`, in whole milliseconds as the history shows
them; `first_act` is to the moment that the program itself looks at the clock. `ratio` compares that
with the same program started by asyncio alone, in turns: durable, fenced and cancellable against none
of it. Lower is better.
"""

import asyncio
import time
from datetime import datetime
from typing import Final

from _bench import SHORT, databases, errandry, percentile, ratio, tell

from errandry.clock import parse_rfc3339
from support.rest_client import RestClient, calling
from support.server import Document

TASKS: Final = 5 if SHORT else 150
LIMIT_S: Final = 20.0
PROGRAM: Final = ("date", "+%s.%N")
CLOCK: Final[Document] = {
    "name": "clock",
    "description": "Says when it has started.",
    "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    "run": {"process": {"argv": [*PROGRAM], "allow_dash": True}},
}


def milliseconds(begin: datetime, end: datetime) -> float:
    """Return the time between two moments."""
    return (end - begin).total_seconds() * 1000


def one_task(client: RestClient) -> tuple[float, float]:
    """Return the milliseconds to `attempt_started`, and to the program's own first act."""
    task_id = client.start("clock")["id"]
    client.wait(task_id, "succeeded")
    at = {event["type"]: parse_rfc3339(event["at"]) for event in client.events(task_id)}
    acted = datetime.fromtimestamp(float(client.log(task_id)["text"]), at["created"].tzinfo)
    return milliseconds(at["created"], at["attempt_started"]), milliseconds(at["created"], acted)


async def one_bare() -> float:
    """Return the milliseconds from asking asyncio for the program to its first act."""
    began = time.time()
    null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(*PROGRAM, stdin=null, stdout=pipe, stderr=pipe)
    said, _ = await program.communicate()
    return (float(said) - began) * 1000


def measure(name: str, client: RestClient) -> None:
    """Start one after the other in turns, and tell."""
    claimed: list[float] = []
    acted: list[float] = []
    bare: list[float] = []
    end = time.monotonic() + LIMIT_S
    one_task(client)
    while len(acted) < TASKS and time.monotonic() < end:
        to_claim, to_act = one_task(client)
        claimed.append(to_claim)
        acted.append(to_act)
        bare.append(asyncio.run(one_bare()))
    for what, seen in (("claimed", claimed), ("first_act", acted)):
        tell(
            f"start.{name}.{what}",
            p50_ms=percentile(seen, 0.5),
            p99_ms=percentile(seen, 0.99),
            ratio=ratio(acted, bare) if what == "first_act" else None,
            bare_p50_ms=percentile(bare, 0.5) if what == "first_act" else None,
        )


def main() -> None:
    """Measure and print."""
    for name, database in databases():
        with errandry(database, CLOCK) as server, calling(server) as client:
            measure(name, client)


if __name__ == "__main__":
    main()
