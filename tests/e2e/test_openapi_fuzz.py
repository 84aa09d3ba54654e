"""The API against its own document: schemathesis invents requests of two users and checks the answers.

ERRANDRY_TEST_LONG=1 makes it long, ERRANDRY_TEST_SEED takes another seed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.server import AGENT, Document, Server, serving, shell

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
SEED: Final = os.environ.get("ERRANDRY_TEST_SEED", "1")
LONG: Final = ["--max-examples", "150"] if os.environ.get("ERRANDRY_TEST_LONG") else []
AT_LEAST: Final = 1_000
CHECKS: Final = {
    "allow_header_conformance",
    "content_type_conformance",
    "ensure_resource_availability",
    "ignored_auth",
    "missing_required_header",
    "negative_data_rejection",
    "not_a_server_error",
    "object_level_authorization",
    "positive_data_acceptance",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
}
OPEN: Final = {"parameters": {"type": "object"}}
"""Takes any arguments, so that most invented tasks are made, and later calls have some to name."""

COMMANDS: Final = (
    shell("any", "true") | OPEN,
    shell("hello", "echo hello") | OPEN,
    shell("guarded", "echo approved", approval="always") | OPEN,
)


def _users(server: Server) -> Document:
    """Describe the users in the form of Web Fuzzing Commons."""
    tokens = {name: server.token(name, AGENT) for name in ("alice", "bob")}
    return {
        "auth": [
            {
                "name": name,
                "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {token}"}],
            }
            for name, token in tokens.items()
        ]
    }


class Run:
    """One run over all operations."""

    def __init__(self, server: Server, folder: Path) -> None:
        shutil.copy(CONFIG, folder)
        (folder / "users.json").write_text(json.dumps(_users(server)))
        report = folder / "report.ndjson"
        done = subprocess.run(
            [
                Path(sys.executable).with_name("st"),
                *("run", f"{server.url}/openapi.json"),
                *("--checks", "all", "--seed", SEED, *LONG),
                *("--report", "ndjson", "--report-ndjson-path", report),
            ],
            cwd=folder,
            env={
                name: value
                for name, value in os.environ.items()
                if not name.startswith("COVERAGE_")  # it would be measured, and slow
            },
            capture_output=True,
            text=True,
            timeout=3_000,
            check=False,
        )
        self.status, self.said = done.returncode, done.stdout + done.stderr
        self.scenarios = list(_scenarios(report))
        print(f"schemathesis, seed {SEED}: {self.count} requests\n{self.said}")

    @property
    def count(self) -> int:
        """How many requests it has invented."""
        return sum(len(scenario["recorder"]["cases"]) for scenario in self.scenarios)

    def checks(self) -> Counter[tuple[str, str]]:
        """How often each check came out how."""
        return Counter(
            (check["name"], check["status"])
            for scenario in self.scenarios
            for checks in scenario["recorder"]["checks"].values()
            for check in checks
        )

    def answers(self, phase: str) -> Counter[tuple[str, int]]:
        """The methods and statuses of a phase whose path names a real task."""
        return Counter(
            (interaction["request"]["method"], interaction["response"]["status_code"])
            for scenario in self.scenarios
            if scenario["phase"] == phase
            for interaction in scenario["recorder"]["interactions"].values()
            if "/tasks/tsk_" in interaction["request"]["uri"] and interaction["response"]
        )


def _scenarios(report: Path) -> Iterator[Any]:
    for line in report.read_text(encoding="utf-8").splitlines():
        scenario = json.loads(line).get("ScenarioFinished", {})
        if "cases" in scenario.get("recorder", {}):
            yield scenario


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with serving(*COMMANDS) as server:
        run = Run(server, tmp_path_factory.mktemp("schemathesis"))
        yield run
        assert "Traceback" not in server.log


def test_nothing_fails(run: Run) -> None:
    assert run.status == 0, run.said
    assert {name for name, status in run.checks() if status != "success"} == set(), run.said


def test_requests_are_many_and_every_check_has_looked_at_them(run: Run) -> None:
    assert run.count >= AT_LEAST
    assert {name for name, _ in run.checks()} >= CHECKS


def test_calls_follow_one_another_on_real_tasks(run: Run) -> None:
    answers = run.answers("stateful")
    assert answers["GET", 200], answers
    assert answers["POST", 202], answers
    assert answers["POST", 201], "a final one was run again"
