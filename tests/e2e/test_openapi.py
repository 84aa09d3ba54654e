"""The OpenAPI document and the page that shows it."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from support.rest_client import RestClient
from support.server import Document, Server

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document(server: Server) -> Document:
    found: Document = httpx2.get(f"{server.url}/openapi.json", trust_env=False).json()
    return found


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield path, method, operation


def _nodes(value: Any) -> Iterator[Document]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from _nodes(each)


def _schemas(document: Document) -> Iterator[Any]:
    yield from document["components"]["schemas"].values()
    for node in _nodes(document["paths"]):
        if "schema" in node:
            yield node["schema"]


def test_its_schemas_are_schemas_and_every_reference_leads_somewhere(document: Document) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    for schema in _schemas(document):
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
        )
    for node in _nodes(document):
        if reference := node.get("$ref"):
            target: Any = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]


def test_its_operations_are_told_apart_and_declare_their_parameters(document: Document) -> None:
    operations = list(_operations(document))
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    for path, method, operation in operations:
        parameters = operation.get("parameters", [])
        declared = {each["name"] for each in parameters if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), (method, path)
        assert operation["responses"], (method, path)


def test_every_operation_that_it_names_is_there(document: Document, client: RestClient) -> None:
    for path, method, _ in _operations(document):
        address = re.sub(r"{\w+}", "nobody", path)
        with client.http.stream(method.upper(), address) as answer:  # one of them never ends
            assert answer.status_code != 405, (method, path)
            if answer.status_code == 404:
                answer.read()
                assert answer.json()["code"] != "not_found", (method, path)


def test_answers_are_what_it_says(document: Document, client: RestClient) -> None:
    task = client.wait(client.start("echo", "x")["id"])
    paths = {
        "/commands": "/commands",
        "/commands/{name}": "/commands/echo",
        "/tasks": "/tasks",
        "/tasks/{task_id}": f"/tasks/{task['id']}",
        "/tasks/{task_id}/status": f"/tasks/{task['id']}/status",
        "/tasks/{task_id}/events": f"/tasks/{task['id']}/events",
        "/tasks/{task_id}/logs": f"/tasks/{task['id']}/logs",
    }
    for template, path in paths.items():
        check = partial(_check, document, template, "get")
        check(client.http.get(path))
    _check(document, "/tasks", "post", client.http.post("/tasks", json={"command": "hidden"}))
    _check(document, "/tasks", "post", client.http.post("/tasks", json={"command": "nobody"}))


def _check(document: Document, template: str, method: str, answer: httpx2.Response) -> None:
    responses = document["paths"][template][method]["responses"]
    family = f"{answer.status_code // 100}XX"
    response = responses.get(str(answer.status_code)) or responses[family]
    schema = {
        **response["content"][answer.headers["content-type"]]["schema"],
        "components": document["components"],
    }
    jsonschema_rs.validate(schema, answer.json())


def test_the_page_loads_nothing_from_elsewhere(server: Server) -> None:
    page = httpx2.get(f"{server.url}/docs", trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    loaded = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", page.text)
    assert loaded == ["openapi.json"]
    assert not re.findall(r"""(?:url\(|import\s|fetch\(["'])(?:https?:)?//""", page.text)
