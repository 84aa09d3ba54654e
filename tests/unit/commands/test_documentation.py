import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from errandry.commands.definition import parse
from errandry.commands.model import (
    Annotations,
    ApprovalRule,
    Definition,
    HttpSpec,
    ProcessSpec,
    PythonSpec,
    Retry,
    command_document,
)
from errandry.commands.template import render
from errandry.commands.yamltext import read
from unit.commands.samples import command, process

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()


def tables() -> list[list[list[str]]]:
    """The cells of each table of fields, without its head."""
    found = re.findall(r"\| field \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", PAGE)
    return [
        [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table.splitlines()]
        for table in found
    ]


@pytest.mark.parametrize(
    ("table", "model"),
    list(
        zip(
            tables(),
            [Definition, Retry, ApprovalRule, Annotations, ProcessSpec, HttpSpec, PythonSpec],
            strict=True,
        )
    ),
    ids=["definition", "retry", "approval", "annotations", "process", "http", "python"],
)
def test_every_field_is_documented_in_its_order(
    table: list[list[str]], model: type[BaseModel]
) -> None:
    fields = [field.alias or name for name, field in model.model_fields.items()]
    assert [row[0].strip("`") for row in table] == fields


def _documented_defaults() -> Iterator[tuple[str, Any]]:
    for row in tables()[0]:
        if row[2] != "required" and row[0] != "`on_crash`":
            yield row[0].strip("`"), json.loads(row[2].strip("`"))


def test_every_default_is_documented() -> None:
    shown = command_document(command(parameters=None))
    documented = dict(_documented_defaults())
    assert {name: shown[name] for name in documented} == documented
    needed = {name for name, field in Definition.model_fields.items() if field.is_required()}
    assert documented.keys() | needed | {"on_crash"} == set(Definition.model_fields)


def test_the_first_example_is_a_good_command() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    assert parse(read(example.encode()).value).name == "disk-usage"


def test_the_example_of_a_request_is_a_good_command() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[2]
    assert parse(read(example.encode()).value).run.executor == "http"


def test_the_script_of_the_example_is_good() -> None:
    example = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
    run = read(example.encode()).value["run"]
    parameters = {"type": "object", "properties": {"files": {"type": "array"}}}
    assert command(run=run, parameters=parameters).run.executor == "process"


@pytest.mark.parametrize(
    ("element", "arguments", "expected"),
    [
        ("{word}", {"word": "a b; rm -rf /"}, ("a b; rm -rf /",)),
        ("--path={word}", {"word": "x"}, ("--path=x",)),
        ("--path={word}", {"word": None}, ()),
        ("{items}", {"items": ["a", "b"]}, ("a", "b")),
        ("{items}", {"items": []}, ()),
        ("{flag?--verbose}", {"flag": True}, ("--verbose",)),
        ("{flag?--verbose}", {"flag": False}, ()),
        ("{num}", {"num": 2.5}, ("2.5",)),
        ("{{path}}", {}, ("{path}",)),
    ],
)
def test_placeholders_do_what_the_table_says(
    element: str, arguments: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert render(process(argv=["x", element]), arguments).argv[1:] == expected
