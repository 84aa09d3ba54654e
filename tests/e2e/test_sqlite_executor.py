"""The executor of docs/examples, installed beside a real server."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from errandry.commands.yamltext import read
from support.packages import SQLITE, install
from support.rest_client import RestClient, calling, problem
from support.server import Document, Server, serving
from support.waiting import until, until_gone

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
PARAMETERS = {"type": "object", "properties": {"ids": {"type": "array"}, "x": {}}}


def _command(name: str, database: Path, query: str, **fields: Any) -> Document:
    run = {"sqlite": {"database": str(database), "query": query, **fields.pop("more", {})}}
    return {"name": name, "description": name, "parameters": PARAMETERS, "run": run, **fields}


@pytest.fixture(scope="module")
def database() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.db")
        with closing(sqlite3.connect(path)) as shop, shop:
            shop.execute("CREATE TABLE orders (id, customer, total, placed_at)")
            rows = [(n, "a@x" if n % 2 else "b@x", n / 2, n) for n in range(1, 301)]
            shop.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        yield path


@pytest.fixture(scope="module")
def server(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    example: Any = read((SQLITE / "commands" / "orders-of.yaml").read_bytes()).value
    example["run"]["sqlite"]["database"] = str(database)
    commands = [
        example,
        _command("endless", database, ENDLESS),
        _command("hasty", database, ENDLESS, timeout_s=0.5),
        _command("bound", database, "SELECT value FROM json_each(:ids) UNION SELECT :x"),
        _command("blob", database, "SELECT x'00ff' AS b, ':x' AS \"a :y\" -- :z"),
        _command("writes", database, "DELETE FROM orders"),
        _command("nowhere", database.with_name("none.db"), "SELECT 1"),
    ]
    packages = [install(SQLITE, tmp_path_factory.mktemp("packages"))]
    with serving(*commands, packages=packages) as made:
        yield made


def test_the_example_runs_and_tells_of_its_progress(client: RestClient) -> None:
    task = client.ended("orders-of", customer="a@x")
    assert task["state"] == "succeeded", task["error"]
    assert task["result"]["truncated"] is True
    assert [row["id"] for row in task["result"]["rows"]] == list(range(299, 199, -2))
    assert task["progress"] == {"current": 50, "total": 50, "message": "rows"}
    assert client.log(task["id"])["text"].splitlines()[-1] == "50 rows"


def test_arguments_are_bound_and_never_part_of_the_query(client: RestClient) -> None:
    task = client.ended("orders-of", customer="' OR 1=1 --")
    assert task["result"] == {"rows": [], "truncated": False}
    rows = client.ended("bound", ids=[1, 2])["result"]["rows"]
    assert [row["value"] for row in rows] == [None, 1, 2]


def test_names_in_quotes_and_comments_are_no_parameters(client: RestClient) -> None:
    assert client.ended("blob")["result"]["rows"] == [{"b": "00ff", "a :y": ":x"}]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("writes", "exit_code", "The query failed: attempt to write a readonly database"),
        ("nowhere", "not_startable", "There is no file "),
        ("hasty", "timeout", "longer than its timeout of 0.5 s"),
    ],
)
def test_what_goes_wrong_is_said(client: RestClient, name: str, code: str, said: str) -> None:
    error = client.ended(name)["error"]
    assert error["code"] == code
    assert said in error["message"]
    assert error["output"] is None


def test_a_cancel_lets_the_executor_clean_up(client: RestClient) -> None:
    task = client.start("endless")
    until(lambda: ENDLESS in client.log(task["id"])["text"], "the query")
    client.http.post(f"/tasks/{task['id']}/cancel")
    assert client.wait(task["id"])["state"] == "cancelled"
    assert client.log(task["id"])["text"].splitlines()[-1] == "interrupted"
    until_gone(task["id"])


def test_a_bad_definition_is_refused_with_the_place_of_each_fault(
    server: Server, database: Path
) -> None:
    with calling(server, scope="admin") as admin:

        def faults(**changes: Any) -> list[tuple[str, Any]]:
            wrong = _command("wrong", database, "SELECT :x", more=changes)
            refused = problem(admin.http.post("/commands", json=wrong), 422, "invalid_command")
            return [(fault["path"], fault["allowed"]) for fault in refused["errors"]]

        assert faults(query="SELECT :y, :x") == [("/run/sqlite/query", ["ids", "x"])]
        assert faults(database="shop.db") == [("/run/sqlite/database", "^/")]
        assert [path for path, _ in faults(qery="SELECT 1")] == ["/run/sqlite/qery"]


def test_validate_says_what_the_executor_finds(server: Server, database: Path) -> None:
    folder = server.path("commands")
    folder.mkdir()
    (folder / "wrong.yaml").write_text(
        "name: wrong\ndescription: Wrong.\nrun:\n  sqlite:\n    database: /a\n    query: SELECT :y\n"
    )
    status, out, _ = server.run("commands", "validate", str(folder))
    assert (status, out) == (
        2,
        f"{folder / 'wrong.yaml'}:6: /run/sqlite/query: :y names no parameter\n",
    )


def test_doctor_names_the_executor_and_its_package(server: Server) -> None:
    _, out, _ = server.run("doctor")
    assert "sqlite of errandry-executor-sqlite 1.0.0" in out
