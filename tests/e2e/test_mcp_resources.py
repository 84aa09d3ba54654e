"""Commands and tasks as resources, and completions of their names, on every road and in both eras."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from mcp import Client, types
from mcp.shared.exceptions import MCPError

from support.mcp_clients import ROADS, call, connect, over_http, over_sse
from support.rest_client import RestClient, calling
from support.server import Document, Server, serving, shell

pytestmark = pytest.mark.both_databases

UNKNOWN = f"task://tsk_{'0' * 32}"


@pytest.fixture(params=[*ROADS, ("sse", "legacy")], ids="-".join)
async def mcp(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Client]:
    road, mode = request.param
    if road == "sse":
        async with over_sse(server) as client:
            yield client
    else:
        async with connect(server, road, mode) as client:
            yield client


@pytest.fixture
async def http(server: Server) -> AsyncIterator[Client]:
    async with over_http(server, "2026-07-28") as client:
        yield client


@pytest.fixture
def done(agent: RestClient) -> Document:
    return agent.wait(agent.start("noisy")["id"])


async def read(client: Client, uri: str) -> str:
    (content,) = (await client.read_resource(uri)).contents
    assert isinstance(content, types.TextResourceContents)
    assert content.uri == uri
    return content.text


async def refused(client: Client, uri: str) -> tuple[int, str, Any]:
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    error = caught.value.error
    return error.code, error.message, error.data


async def test_four_templates_are_offered(mcp: Client) -> None:
    templates = (await mcp.list_resource_templates()).resource_templates
    assert [each.uri_template for each in templates] == [
        "command://{name}",
        "task://{id}",
        "task://{id}/log",
        "task://{id}/result",
    ]


async def test_the_list_has_the_visible_commands_and_own_tasks_but_no_hidden_command(
    mcp: Client, done: Document
) -> None:
    listed = {each.uri: each for each in (await mcp.list_resources()).resources}
    assert listed["command://greet"].title == "Greet someone"
    assert "command://hidden" not in listed
    assert listed[f"task://{done['id']}"].name == done["alias"]


async def test_a_command_is_read_as_its_definition(mcp: Client, agent: RestClient) -> None:
    document = json.loads(await read(mcp, "command://greet"))
    assert document == agent.http.get("/commands/greet").json()["command"]
    assert json.loads(await read(mcp, "command://hidden"))["name"] == "hidden"


async def test_a_task_is_read_by_id_or_alias_as_over_rest(
    mcp: Client, agent: RestClient, done: Document
) -> None:
    for reference in (done["id"], done["alias"]):
        assert json.loads(await read(mcp, f"task://{reference}")) == agent.task(done["id"])


async def test_a_log_and_a_result_are_read(mcp: Client, done: Document) -> None:
    log = await read(mcp, f"task://{done['id']}/log")
    assert "error: the disk is on fire" in log
    assert json.loads(await read(mcp, f"task://{done['id']}/result")) == done["result"]


async def test_a_result_that_is_not_there_yet_is_null(http: Client, agent: RestClient) -> None:
    task = agent.create("echo", {"a": "x"})
    assert await read(http, f"task://{task['id']}/result") == "null"


async def test_what_is_final_may_be_kept_and_the_rest_not(
    http: Client, agent: RestClient, done: Document
) -> None:
    for part in ("", "/log", "/result"):
        final = await http.read_resource(f"task://{done['id']}{part}", cache_mode="bypass")
        assert (final.ttl_ms, final.cache_scope) == (3_600_000, "private")
    created = agent.create("echo", {"a": "x"})
    for uri in (f"task://{created['id']}", "command://greet"):
        assert (await http.read_resource(uri, cache_mode="bypass")).ttl_ms == 0


@pytest.mark.parametrize(
    "uri",
    [
        "command://none",
        "command://",
        "command://a/b",
        "command://..%2F..%2Fetc%2Fpasswd",
        "task://",
        "task://none-1",
        "task://../../etc/passwd",
        f"{UNKNOWN}/logs",
        f"{UNKNOWN}?x",
        f"{UNKNOWN}\n",
        "file:///etc/passwd",
        "other://x",
        "",
    ],
)
async def test_what_is_not_there_is_invalid_params(http: Client, uri: str) -> None:
    assert await refused(http, uri) == (-32602, "Resource not found", {"uri": uri})


async def test_a_foreign_task_is_answered_like_an_unknown_one(
    mcp: Client, client: RestClient
) -> None:
    foreign = client.wait(client.start("noisy")["id"])
    assert f"task://{foreign['id']}" not in {
        each.uri for each in (await mcp.list_resources()).resources
    }
    for part in ("", "/log", "/result"):
        code, message, data = await refused(mcp, f"task://{foreign['id']}{part}")
        known = await refused(mcp, f"{UNKNOWN}{part}")
        assert (code, message) == known[:2]
        assert data.keys() == known[2].keys() == {"uri"}


async def test_an_alias_that_several_owners_have_names_nothing(server: Server) -> None:
    with calling(server) as one, calling(server) as other:
        alias = one.create("echo", {"a": "x"})["alias"]
        assert other.create("echo", {"a": "x"})["alias"] == alias
    async with over_http(server, sub="nobody", scope="admin") as admin:
        assert (await refused(admin, f"task://{alias}"))[1] == "Resource not found"


async def test_without_a_scope_its_kind_is_neither_listed_nor_read(server: Server) -> None:
    async with over_http(server, sub="reader", scope="commands:read") as client:
        listed = (await client.list_resources()).resources
        assert {each.uri.partition(":")[0] for each in listed} == {"command"}
        code, _, problem = await refused(client, UNKNOWN)
        assert (code, problem["code"]) == (-32602, "not_permitted")
    async with over_http(server, sub="reader", scope="tasks:read") as client:
        assert not (await client.list_resources()).resources
        assert (await refused(client, "command://greet"))[2]["code"] == "not_permitted"


async def test_no_cursor_of_elsewhere_is_taken(http: Client) -> None:
    for cursor in ("%%%", "WyJ4Il0", "WzAsIngiXQ"):
        with pytest.raises(MCPError) as caught:
            await http.list_resources(cursor=cursor)
        assert caught.value.error.code == -32602


# -- completions

BY_NAME = types.ResourceTemplateReference(uri="command://{name}")
BY_ID = types.ResourceTemplateReference(uri="task://{id}/log")
DIAGNOSIS = types.PromptReference(name="diagnose-failed-task")
NEW_COMMAND = types.PromptReference(name="new-command")


async def values(client: Client, ref: Any, name: str, value: str) -> list[str]:
    completed = await client.complete(ref, {"name": name, "value": value})
    return completed.completion.values


async def test_names_ids_and_aliases_are_completed(
    mcp: Client, agent: RestClient, done: Document
) -> None:
    assert await values(mcp, BY_NAME, "name", "gre") == ["greet"]
    assert await values(mcp, BY_NAME, "name", "hid") == []
    assert await values(mcp, BY_ID, "id", done["id"][:20]) == [done["id"]]
    assert done["alias"] in await values(mcp, BY_ID, "id", "noisy-")
    failed = agent.wait(agent.start("fails", "3")["id"])
    assert failed["alias"] in await values(mcp, DIAGNOSIS, "task", "fails-")
    assert await values(mcp, DIAGNOSIS, "task", "noisy-") == []
    assert await values(mcp, NEW_COMMAND, "purpose", "") == []


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (BY_NAME, "id"),
        (types.ResourceTemplateReference(uri="other://{x}"), "x"),
        (DIAGNOSIS, "purpose"),
        (types.PromptReference(name="none"), "task"),
    ],
)
async def test_what_cannot_be_completed_is_invalid_params(
    http: Client, ref: Any, name: str
) -> None:
    with pytest.raises(MCPError) as caught:
        await values(http, ref, name, "")
    assert caught.value.error.code == -32602


# -- many

MANY = 120


@pytest.fixture(scope="module")
def crowded() -> Iterator[Server]:
    commands = [shell(f"many-{number:03}", "true") for number in range(MANY)]
    with serving(*commands) as server:
        yield server


async def test_many_commands_and_tasks_come_in_pages_each_once(crowded: Server) -> None:
    with calling(crowded, "agent") as agent:
        ids = [agent.create("many-000")["id"] for _ in range(60)]
    uris: list[str] = []
    async with over_http(crowded) as client:
        cursor = None
        while True:
            page = await client.list_resources(cursor=cursor)
            uris += [each.uri for each in page.resources]
            if (cursor := page.next_cursor) is None:
                break
        completed = await client.complete(BY_NAME, {"name": "name", "value": "many"})
        found = await call(client, "find_commands")
    assert uris == [
        *(f"command://many-{number:03}" for number in range(MANY)),
        *(f"task://{id_}" for id_ in reversed(ids)),
    ]
    assert len(completed.completion.values) == 100
    assert (completed.completion.total, completed.completion.has_more) == (MANY, True)
    assert found["next_cursor"]
