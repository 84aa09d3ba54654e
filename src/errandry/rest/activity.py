"""Whether clients are there, for a server that ends itself when nobody needs it."""

import time
from collections.abc import Generator
from contextlib import contextmanager


class Activity:
    """Counts open requests, and knows when the last one ended."""

    def __init__(self) -> None:
        self._open = 0
        self._last = time.monotonic()

    @contextmanager
    def request(self) -> Generator[None]:
        """Count a request while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._last = time.monotonic()

    def quiet_s(self) -> float:
        """Return the seconds since the last request ended; 0 while one is open."""
        return 0.0 if self._open else time.monotonic() - self._last
