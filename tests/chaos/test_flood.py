"""Two gigabytes of output through one task."""

from support.rest_client import FINAL, calling
from support.server import Server, serving, shell

BYTES = 2 * 1024**3
LINE = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefghijklmnop\n"
GROWTH = 150 * 1024**2
FLOOD = f'yes "{LINE.strip()}" | head -c "$1"; echo the end >&2'


def test_a_flood_of_output_stays_within_its_bounds_and_readable() -> None:
    with serving(shell("flood", FLOOD, "a")) as server, calling(server) as client:
        before = resident(server)
        task = client.start("flood", str(BYTES))
        peak, status = before, {"status": "queued", "revision": 0}
        while status["status"] not in FINAL:
            query = {"wait": 0.2, "revision": status["revision"]}
            status = client.http.get(f"/tasks/{task['id']}/status", params=query).json()
            peak = max(peak, resident(server))
        assert status["status"] == "succeeded"
        assert peak - before < GROWTH

        head = client.log(task["id"], mode="head", lines=2, fold=False)
        assert head["text"] == LINE * 2
        assert head["total_bytes"] == BYTES + len("the end\n")
        assert head["lost_bytes"] > 0
        tail = client.log(task["id"], lines=2, stream="stdout", fold=False)
        assert tail["text"] == LINE * 2
        assert tail["to_line"] == BYTES // len(LINE)
        assert client.log(task["id"], stream="stderr")["text"] == "the end\n"
        kept = sum(size for (size,) in server.rows("SELECT size FROM log_chunks"))
        assert kept == head["total_bytes"] - head["lost_bytes"]
        assert kept <= 16 * 1024**2


def resident(server: Server) -> int:
    size: int = server.process.memory_info().rss
    return size
