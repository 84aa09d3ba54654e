"""The metrics of one application, as a Prometheus server reads them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from errandry.rest.metrics import Figures, Metrics

FIGURES = Figures(
    accepts={"created": 3, "replayed": 1},
    attempts={"succeeded": 2},
    due=4,
    oldest_due_s=1.5,
    running=2,
    streams=7,
)


def samples(metrics: Metrics, figures: Figures = FIGURES) -> dict[tuple[str, ...], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text(figures).decode())
        for sample in family.samples
    }


def test_every_figure_is_told() -> None:
    told = samples(Metrics())
    assert told == {
        ("errandry_accepts_total", "created"): 3,
        ("errandry_accepts_total", "replayed"): 1,
        ("errandry_attempts_total", "succeeded"): 2,
        ("errandry_queue_depth",): 4,
        ("errandry_queue_oldest_due_seconds",): 1.5,
        ("errandry_attempts_running",): 2,
        ("errandry_streams_open",): 7,
    }


def test_what_is_there_is_told_to_be_up_or_not() -> None:
    told = samples(Metrics(), replace(FIGURES, bus_connected=True, cache_up=False))
    assert told["errandry_status_bus_up",] == 1
    assert told["errandry_status_cache_up",] == 0


def test_requests_are_counted_by_method_route_and_status_with_their_time() -> None:
    metrics = Metrics()
    scope = {"method": "GET", "path": "/tasks/x", "route": SimpleNamespace(path="/tasks/{task_id}")}
    metrics.count(scope, 200, 0.002)
    metrics.count(scope, 200, 0.3)
    name, labels = "errandry_http_request_duration_seconds", ("/tasks/{task_id}", "200", "GET")
    told = samples(metrics)
    assert told[f"{name}_count", *labels] == 2
    assert told[f"{name}_sum", *labels] == pytest.approx(0.302)
    assert told[f"{name}_bucket", "/tasks/{task_id}", "0.005", "200", "GET"] == 1
    assert told[f"{name}_bucket", "/tasks/{task_id}", "0.5", "200", "GET"] == 2


def test_what_a_client_invents_makes_no_new_label() -> None:
    metrics = Metrics()
    for number in range(20):
        metrics.count({"method": f"ODD{number}", "path": f"/nowhere/{number}"}, 404, 0.1)
    metrics.count({"method": "POST", "path": "/mcp"}, 200, 0.1)
    counts = {
        key[1:]: value for key, value in samples(metrics).items() if key[0].endswith("_count")
    }
    assert counts == {("404", "other", "other"): 20, ("/mcp", "200", "POST"): 1}


def test_two_applications_do_not_share_their_counts() -> None:
    first, second = Metrics(), Metrics()
    first.count({"method": "GET", "path": "/mcp"}, 200, 0.1)
    assert b"http_request" in first.text(FIGURES)
    assert b'"/mcp"' not in second.text(FIGURES)
