"""The documents say what the program does: names, defaults, codes and links, against what there is."""

import importlib
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from errandry.app import App, key_sources
from errandry.auth.keys import local_secret
from errandry.auth.mint import mint
from errandry.cli.exits import Exit
from errandry.errors import ErrandryError
from errandry.mcp import forms
from errandry.mcp.core_tools import CORE_TOOLS
from errandry.mcp.operator_tools import OPERATOR_TOOLS
from errandry.mcp.prompts import PROMPTS
from errandry.mcp.resources import TEMPLATES
from errandry.principal import SCOPES
from errandry.problems import STATUS
from errandry.rest import routes
from errandry.settings import PREFIX, Settings
from errandry.tasks.sql.location import Location
from support.verbs import verbs

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
URL: Final = "http://127.0.0.1:8000"
CODE: Final = re.compile(r"`([^`]+)`")
LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
OURS_THOUGH_HIDDEN: Final = {".ci", ".dockerignore", ".gitignore"}
FOREIGN_HOSTS: Final = (  # in pieces, so that this file may be looked at too
    ".".join(("files", "pythonhosted", "org")),
    ".".join(("registry", "npmjs", "org")),
    "/".join((".".join(("pypi", "org")), "simple")),
)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def table(text: str, head: str) -> list[list[str]]:
    """The cells of each row of the table whose first column is called `head`."""
    body = text.partition(f"\n| {head} |")[2].split("\n\n")[0].splitlines()[2:]
    assert body, f"there is no table with the head {head}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body]


def codes(cell: str) -> list[str]:
    """What stands in backticks."""
    return CODE.findall(cell)


# -- settings


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {codes(row[0])[0]: row[2] for row in table(page("settings.md"), "variable")}
    fields = {PREFIX + name.upper(): field for name, field in Settings.model_fields.items()}
    assert documented.keys() == fields.keys()
    for name, field in fields.items():
        if field.default_factory is None:
            value = field.default
            text = ",".join(value) if isinstance(value, tuple) else value
            default = "not set" if text in (None, "") else f"`{text}`"
            assert documented[name] == default, name


# -- the ways in, side by side

TOOLS: Final = CORE_TOOLS | OPERATOR_TOOLS
FACADES: Final = table(page("facades.md"), "use case")


@pytest.fixture
async def app(tmp_path: Path) -> App:
    """The whole application, wired and not running."""
    settings = Settings(data_dir=tmp_path, commands_dir=tmp_path)
    location = Location.parse(settings.database)
    return App(settings, location, key_sources(settings), URL, tmp_path / "socket")


def operations(app: App) -> dict[str, str]:
    """The operations of the OpenAPI document by route, as in `GET /tasks`."""
    return {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in app.asgi.openapi()["paths"].items()
        for method, operation in methods.items()
    }


def hidden_routes(app: App) -> Iterator[str]:
    """The routes that the OpenAPI document does not show."""
    names = [module.name for module in pkgutil.iter_modules(routes.__path__)]
    modules = [importlib.import_module(f"{routes.__name__}.{name}") for name in names]
    own = [route for module in modules for route in module.router.routes]
    for route in [*own, *app.asgi.routes]:
        if isinstance(route, Route) and not (
            isinstance(route, APIRoute) and route.include_in_schema
        ):
            for method in (route.methods or {"*"}) - {"HEAD"}:
                yield f"{method} {route.path}"


async def test_the_table_has_every_route_and_no_other(app: App) -> None:
    documented = [route for row in FACADES for route in codes(row[1])]
    assert sorted(documented) == sorted([*operations(app), *hidden_routes(app)])


async def test_a_use_case_is_called_like_the_operation_of_its_route(app: App) -> None:
    by_route = {route: codes(row[0]) for row in FACADES for route in codes(row[1])}
    for route, operation in operations(app).items():
        assert by_route[route] == [operation]


def test_the_table_has_every_tool_and_no_other() -> None:
    assert sorted(tool for row in FACADES for tool in codes(row[2])) == sorted(TOOLS)


def test_the_table_has_every_verb_and_no_other() -> None:
    assert {verb for row in FACADES for verb in codes(row[3])} == set(verbs())


BODIES: Final[dict[str, dict[str, Any]]] = {
    "create_command": {},
    "replace_command": {},
    "create_task": {"command": "any"},
    "update_task": {},
    "answer_task": {"responses": {}},
    "approve_task": {"digest": ""},
    "reject_task": {"digest": ""},
}
"""What the operations take that do not do without a body."""


async def test_a_route_needs_the_scopes_that_the_table_says(app: App, tmp_path: Path) -> None:
    scopes = {route: codes(row[4]) for row in FACADES for route in codes(row[1])}
    token = mint(local_secret(tmp_path), "nobody", [], 60)
    transport = httpx2.ASGITransport(app=app.asgi)
    async with httpx2.AsyncClient(
        transport=transport, base_url=URL, headers={"Authorization": f"Bearer {token}"}
    ) as client:
        for route, operation in operations(app).items():
            if scopes[route]:
                method, path = route.split()
                answer = await client.request(method, path, json=BODIES.get(operation))
                assert answer.json()["required_scopes"] == scopes[route], route


# -- MCP


def sections(text: str) -> dict[str, str]:
    """The text below each heading that is nothing but code, by that code."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {heading.strip("`"): body for heading, body in pairs if CODE.fullmatch(heading)}


def test_every_tool_is_documented_with_its_parameters_and_defaults() -> None:
    documented = sections(page("mcp.md"))
    assert documented.keys() == TOOLS.keys()
    for name, tool in TOOLS.items():
        rows = {codes(row[0])[0]: row[1] for row in table(documented[name], "parameter")}
        schema = forms.tool_schema(tool.form)
        assert rows.keys() == schema["properties"].keys(), name
        for parameter, field in schema["properties"].items():
            if "default" in field:
                assert rows[parameter] == f"`{field['default']}`", f"{name}: {parameter}"
            assert (rows[parameter] == "required") == (parameter in schema.get("required", ()))


def test_every_resource_is_documented() -> None:
    rows = table(page("mcp.md"), "resource")
    assert [codes(row[0])[0] for row in rows] == [uri for uri, *_ in TEMPLATES]


def test_every_prompt_is_documented_with_its_argument() -> None:
    rows = table(page("mcp.md"), "prompt")
    assert [(codes(row[0])[0], codes(row[1])[0]) for row in rows] == [
        (name, prompt.argument) for name, prompt in PROMPTS.items()
    ]


def test_every_test_that_holds_a_claim_is_there() -> None:
    """The claims of the Tasks extension name tests by what their names say."""
    rows = table(page("mcp-conformance.md"), "requirement")
    assert len({row[0] for row in rows}) == len(rows)
    for *_, tests in rows:
        for name, file in re.findall(r"\[([^]]+)\]\(([^)]+)\)", tests):
            text = (ROOT / "docs" / file).read_text(encoding="utf-8")
            assert f"def test_{name.replace(' ', '_')}(" in text, name


# -- REST and the contract


async def test_every_operation_has_a_heading_of_its_own(app: App) -> None:
    assert set(sections(page("rest.md"))) == set(operations(app))


def test_every_code_is_documented_with_its_statuses() -> None:
    documented = {
        (codes(row[0])[0], int(status))
        for row in table(page("contract.md"), "code")
        for status in row[1].split(", ")
    }
    assert documented == {
        (kind.code, int(status))
        for kind, status in STATUS.items()
        if kind is ErrandryError or kind.code != ErrandryError.code
    }


def test_every_scope_is_documented() -> None:
    rows = table(page("contract.md"), "scope")
    assert [scope for row in rows for scope in codes(row[0])] == [*SCOPES]


def test_every_exit_status_is_documented() -> None:
    assert [int(row[0]) for row in table(page("contract.md"), "status")] == [*Exit]


# -- all documents


def anchors(text: str) -> set[str]:
    """What a link into a page may point to: its headings, as the usual hosts write them."""
    plain = (heading.lower() for heading in HEADING.findall(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_something_in_this_repository(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        assert target.exists(), f"{document.name} links to {link}"
        assert target.resolve().is_relative_to(ROOT), f"{document.name} links to {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{document}: {link}"


def own_files() -> Iterator[Path]:
    for folder, below, files in os.walk(ROOT):
        below[:] = [
            name
            for name in below
            if name in OURS_THOUGH_HIDDEN or not name.startswith((".", "__pycache__"))
        ]
        for name in files:
            if name in OURS_THOUGH_HIDDEN or not name.startswith("."):
                yield Path(folder, name)


def test_no_file_names_the_host_of_a_package_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in own_files()
        for host in FOREIGN_HOSTS
        if host.encode() in path.read_bytes()
    ]
    assert found == []
