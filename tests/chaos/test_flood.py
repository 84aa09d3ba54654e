"""Two gigabytes of output through one task."""

from chaos.marks import LINE
from support.rest_client import FINAL, RestClient
from support.server import Server

BYTES = 2 * 1024**3
GROWTH = 150 * 1024**2
CAP = 16 * 1024**2
CHUNK = 128 * 1024
"""The log is kept in chunks of at most this size; the last one of the head may pass the cap."""


def test_a_flood_of_output_stays_within_its_bounds_and_readable(
    server: Server, client: RestClient
) -> None:
    before = resident(server)
    task = client.start("flood", str(BYTES))
    peak, state = before, "queued"
    while state not in FINAL:
        answer = client.http.get(f"/tasks/{task['id']}/status", params={"wait": 0.2})
        state = answer.json()["status"]
        peak = max(peak, resident(server))
    assert state == "succeeded"
    assert peak - before < GROWTH

    head = client.log(task["id"], mode="head", lines=2, fold=False)
    assert head["text"] == LINE * 2
    assert head["total_bytes"] == BYTES + len("the end\n")
    assert head["lost_bytes"] > 0
    tail = client.log(task["id"], lines=2, stream="stdout", fold=False)
    assert tail["text"] == LINE * 2
    assert tail["to_line"] == BYTES // len(LINE)
    assert client.log(task["id"], stream="stderr")["text"] == "the end\n"
    ((kept,),) = server.rows("SELECT sum(size) FROM log_chunks WHERE task_id = ?", task["id"])
    assert kept == head["total_bytes"] - head["lost_bytes"]
    assert CAP - 2 * CHUNK < kept < CAP + CHUNK


def resident(server: Server) -> int:
    size: int = server.process.memory_info().rss
    return size
