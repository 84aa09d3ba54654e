"""Never stays in one process: forks, ends, and goes on in the child. With "setsid": each leaves.

It stops after a minute, should a test ever fail to end it.
"""

import os
import sys
import time

end = time.monotonic() + 60
for _ in range(3):
    if os.fork() == 0:
        break
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    if "setsid" in sys.argv:
        os.setsid()
