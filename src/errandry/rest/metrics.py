"""What a Prometheus server is told: the text format 0.0.4, from a registry of this application."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the server knows of itself at one moment.

    `accepts` counts calls that make a task by what became of them, `attempts` those that have
    ended by their outcome, both since the server started; `due` is how many tasks wait for a free
    slot, `oldest_due_s` how long the first of them has. `bus_connected` and `cache_up` are None where
    there are no other processes to hear of, and no cache.
    """

    accepts: Mapping[str, int]
    attempts: Mapping[str, int]
    due: int
    oldest_due_s: float
    running: int
    streams: int
    bus_connected: bool | None = None
    cache_up: bool | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield each figure, as the client library wants them."""
        yield _counter("accepts", "Calls that make a task", "outcome", self.accepts)
        yield _counter("attempts", "Attempts that have ended", "outcome", self.attempts)
        for name, text, value in (
            ("queue_depth", "Tasks that are due and wait for a free slot", self.due),
            (
                "queue_oldest_due_seconds",
                "How long the first of them has waited",
                self.oldest_due_s,
            ),
            ("attempts_running", "Attempts that run now", self.running),
            ("streams_open", "Live streams that are open", self.streams),
            ("status_bus_up", "Whether changes in other processes are heard", self.bus_connected),
            ("status_cache_up", "Whether statuses are cached in Redis", self.cache_up),
        ):
            if value is None:
                continue
            yield GaugeMetricFamily(f"errandry_{name}", text, value)


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"errandry_{name}", text, labels=[label])
    for value, count in sorted(counts.items()):
        family.add_metric([value], count)
    return family


class Metrics:
    """Counts the requests of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "errandry_http_request_duration_seconds",
            "Requests by the time they took; status 0 is one whose client had gone",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def count(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count a request. Its labels are few, whatever a client sends: never a path or an id."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, _route(scope), str(status)).observe(seconds)

    def text(self, figures: Figures) -> bytes:
        """Return everything, the figures first."""
        return generate_latest(figures) + generate_latest(self._registry)


def _route(scope: Mapping[str, Any]) -> str:
    """The pattern of the route that was found, which the router leaves in the scope."""
    if scope["path"] == "/mcp":  # no route of the framework's own
        return "/mcp"
    path: str = getattr(scope.get("route"), "path", "other")
    return path
