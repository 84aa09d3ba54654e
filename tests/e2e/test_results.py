"""What programs give as their result, good or bad, and what becomes of it."""

import json

import pytest

from support.mcp_clients import over_http
from support.rest_client import RestClient
from support.server import Server

BAD = {
    "a number beyond all": '{"x": 1e999}',
    "no number": '{"x": NaN}',
    "a key twice": '{"x": 1, "x": 2}',
    "a lone surrogate": '{"x": "\\ud800"}',
    "a NUL": '{"x": "\\u0000"}',
    "too many levels": "[" * 100 + "]" * 100,
    "half a document": '{"x": ',
}

NO_BLOCKS = [
    {"content": [{"type": "nonsense"}]},
    {"content": [{"type": "image"}]},
    {"content": [{"type": "text", "text": 7}]},
    {"content": [], "more": 1},
    {"content": "text"},
]


@pytest.mark.parametrize("what", BAD)
def test_a_result_that_cannot_be_read_fails_its_task_and_nothing_else(
    server: Server, client: RestClient, what: str
) -> None:
    gate = server.path("gate")
    other = client.start("gated", str(gate))
    done = client.wait(client.start("answer", BAD[what])["id"])
    assert (done["state"], done["error"]["code"]) == ("failed", "result_invalid")
    gate.touch()
    assert client.wait(other["id"])["attempt"] == 1


@pytest.mark.parametrize("document", NO_BLOCKS, ids=json.dumps)
async def test_what_only_looks_like_content_is_an_ordinary_result(
    server: Server, document: object
) -> None:
    async with over_http(server) as client:
        answer = await client.call_tool("answer", {"a": json.dumps(document)})
    assert not answer.is_error
    assert answer.structured_content == document


async def test_content_of_a_tool_with_a_declared_result_is_structured_too(server: Server) -> None:
    document = {"content": [{"type": "text", "text": "one"}]}
    async with over_http(server) as client:
        answer = await client.call_tool("declared", {"a": json.dumps(document)})
    assert answer.structured_content == document
    assert [block.type for block in answer.content] == ["text"]
