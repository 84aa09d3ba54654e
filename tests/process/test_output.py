"""Output: every byte, in bounded memory, and never waited for after the end."""

import asyncio
import os
import resource
import socket
import tempfile

from errandry.execution.spawner import Spawner, Stream, unix
from process.jobs import LIMIT_S, PYTHON, SHORT, Output, end_of, job, run, sh

FLOOD = 200_000_000 if SHORT else 2_000_000_000
PIECE = 65536


async def test_two_gigabytes_are_read_in_bounded_memory(spawner: Spawner) -> None:
    seen = most = turns = 0

    def count(_: Stream, data: bytes) -> None:
        nonlocal seen, most
        seen += len(data)
        most = max(most, len(data))

    before = unix.peak_memory(resource.getrusage(resource.RUSAGE_SELF))
    flood = await spawner.start(job(sh(f"head -c {FLOOD} /dev/zero")), count)
    async with asyncio.timeout(4 * LIMIT_S):
        while not flood.outcome.done():
            await asyncio.sleep(0)
            turns += 1
    after = unix.peak_memory(resource.getrusage(resource.RUSAGE_SELF))
    assert ((await flood.wait()).exit_code, seen) == (0, FLOOD)
    assert after - before < 50_000_000
    assert most <= PIECE
    assert turns > FLOOD / PIECE / 2, "others have their turn between the pieces"


async def test_output_that_comes_with_the_end_is_not_cut(spawner: Spawner) -> None:
    text = b"x" * 200_000
    for _ in range(20):
        ended, output = await run(spawner, job(["/bin/cat"], stdin=text))
        assert (ended.output_cut, output.stdout) == (False, text)


async def test_a_pipe_that_something_outside_holds_is_cut(spawner: Spawner) -> None:
    give = """if True:
        import socket, sys
        outside = socket.socket(socket.AF_UNIX)
        outside.connect(sys.argv[1])
        socket.send_fds(outside, [b"+"], [1])
        outside.recv(1)
        print("last words")
    """
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/socket"  # not in tmp_path: a socket's may have 100 bytes
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)
        output = Output()
        attempt = await spawner.start(job([*PYTHON, "-c", give, path]), output)
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        with connection:
            connection.setblocking(True)
            _, held, _, _ = socket.recv_fds(connection, 1, 1)
            with os.fdopen(held[0], "wb"):
                connection.send(b"+")
                ended = await end_of(attempt)
    assert (ended.exit_code, ended.output_cut, output.stdout) == (0, True, b"last words\n")


async def test_the_next_job_of_a_keeper_writes_to_its_own_sink(spawner: Spawner) -> None:
    for n in range(10):
        _, output = await run(spawner, job(sh(f"echo {n}")))
        assert output.stdout == b"%d\n" % n
