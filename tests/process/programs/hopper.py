"""Never stays in one process: forks, ends, and goes on in the child. With "setsid": each leaves."""

import os
import sys

for _ in range(3):
    if os.fork() == 0:
        break
while True:
    if os.fork():
        os._exit(0)
    if "setsid" in sys.argv:
        os.setsid()
