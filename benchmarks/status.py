"""How many looks at a running task a server answers per second.

`GET /tasks/{id}/status` against a bare FastAPI with one SELECT, in turns, each over a database of
the same kind. Ratios of rates: higher is better.
"""

import asyncio
import json
from typing import Final

from _bench import Target, bare, compare_rates, databases, errandry
from _load import HEAD_END, Connection, load, request

from support.rest_client import calling
from support.server import Server, shell

AT_ONCE: Final = (1, 20)


def running_task(server: Server) -> str:
    """Start a task that lasts as long as the server; return its id."""
    with calling(server, "agent") as client:
        task_id: str = client.start("last")["id"]
        client.wait(task_id, "running")
        return task_id


async def bare_task(port: int) -> str:
    """Make a task of the bare server; return its id."""
    form = {"command": "last", "arguments": {}, "title": "", "labels": {}}
    connection = await Connection.to(port)
    answer = await connection.ask(request("POST", "/tasks", form).encode())
    connection.close()
    task_id: str = json.loads(answer.split(HEAD_END, 1)[1])["task"]["id"]
    return task_id


def main() -> None:
    """Measure and print."""
    with load() as asking:
        for name, database in databases():
            with errandry(database, shell("last", "sleep 1000")) as server, bare(database) as port:
                token = f"Bearer {server.token()}"
                path = f"/tasks/{running_task(server)}/status"
                own = Target(server.port, [request("GET", path, Authorization=token)])
                path = f"/tasks/{asyncio.run(bare_task(port))}/status"
                other = Target(port, [request("GET", path)])
                for at_once in AT_ONCE:
                    compare_rates(asking, f"status.{name}.{at_once}", own, other, at_once)


if __name__ == "__main__":
    main()
