"""How many tasks a server takes in per second, each committed before it is answered.

`POST /tasks` against a bare FastAPI that inserts one row of the same columns, in turns, each over a
database of the same kind that waits for the disk. Ratios of rates: higher is better.
"""

from typing import Final

from _bench import Target, bare, compare_rates, databases, errandry
from _load import load, request

from support.server import shell

AT_ONCE: Final = (1, 20)
TASK: Final = {
    "command": "note",
    "arguments": {"text": "Buy milk, bread and a small present."},
    "title": "What to buy",
    "labels": {"list": "shopping"},
}


def main() -> None:
    """Measure and print."""
    with load() as asking:
        for name, database in databases():
            with (
                errandry(database, shell("note", "true", "text")) as server,
                bare(database) as port,
            ):
                token = f"Bearer {server.token()}"
                own = Target(server.port, [request("POST", "/tasks", TASK, Authorization=token)])
                other = Target(port, [request("POST", "/tasks", TASK)])
                for at_once in AT_ONCE:
                    compare_rates(asking, f"accepts.{name}.{at_once}", own, other, at_once)


if __name__ == "__main__":
    main()
