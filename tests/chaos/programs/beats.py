"""Signs of life of an attempt: `attempt event time` lines, from it and from a daemon it starts.

Usage: beats.py FILE BEATS: how many before its end in the first attempt; a later one needs few. The
daemon never ends by itself.
"""

import os
import sys
import time

PAUSE_S = 0.02
FOR_EVER = 10**9
FEW = 5


def main(file: str, beats: int) -> None:
    marks = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    attempt = os.environ["ERRANDRY_ATTEMPT"]

    def mark(event: str) -> None:
        os.write(marks, f"{attempt} {event} {time.time():.6f}\n".encode())

    def beat(count: int) -> None:
        for _ in range(count):
            mark("beat")
            time.sleep(PAUSE_S)

    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            beat(FOR_EVER)
        os._exit(0)
    mark("start")
    beat(beats if attempt == "1" else FEW)
    mark("end")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
