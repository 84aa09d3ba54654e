"""The extension over a store of somebody else: what a server does with it, and what it asks of the store."""

from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp import types
from mcp.server import Server
from mcp.shared.exceptions import MCPError

from errandry.mcp.tasks import EXTENSION, Tasks
from errandry.mcp.tasks.streams import MAX_IDS
from support.fake_tasks import ASKING, DONE, WORKING, Store, context


async def call(
    store: Store,
    method: str,
    of: Any = None,
    task_id: str = "t1",
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    server: Server[Any] = Server("any")
    Tasks(store).install(server)
    entry = server.get_request_handler(method)
    assert entry is not None
    params = entry.params_type.model_validate({"taskId": task_id, **(more or {})}, by_name=False)
    result = await entry.handler(of or context(), params)
    assert isinstance(result, dict)
    return result


async def refusal(*arguments: Any, **more: Any) -> types.ErrorData:
    with pytest.raises(MCPError) as caught:
        await call(*arguments, **more)
    return caught.value.error


def test_it_is_advertised() -> None:
    server: Server[Any] = Server("any")
    Tasks(Store()).install(server)
    assert server.extensions == {EXTENSION: {}}


def test_a_server_that_serves_streams_itself_goes_on_to() -> None:
    async def listen(*_: Any) -> types.SubscriptionsListenResult:
        raise AssertionError

    server: Server[Any] = Server("any", on_subscriptions_listen=listen)
    Tasks(Store()).install(server)
    entry = server.get_request_handler("subscriptions/listen")
    assert entry is not None
    assert entry.handler is listen


def test_only_a_request_of_this_revision_that_says_so_knows_tasks() -> None:
    assert Tasks.declared(context())
    assert not Tasks.declared(context(knows=False))
    assert not Tasks.declared(context(version="2025-11-25"))
    nothing = context()
    nothing.session.client_capabilities = None
    assert not Tasks.declared(nothing)


def test_a_task_is_created_as_a_handle() -> None:
    assert Tasks.created(WORKING) == {"resultType": "task", **WORKING.handle()}


async def test_a_task_is_shown() -> None:
    assert await call(Store(DONE), "tasks/get") == DONE.detailed()


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
async def test_each_method_checks_era_name_capability_and_id(method: str) -> None:
    store, more = Store(ASKING), {"inputResponses": {"name": dict[str, Any]()}}
    for of, task_id, code in (
        (context(version="2025-11-25"), "t1", -32601),
        (context(headers={}), "t1", -32020),
        (context(headers={"mcp-name": "t2"}), "t1", -32020),
        (context(headers={"mcp-name": "t2"}, knows=False), "t1", -32020),
        (context(headers={"mcp-name": "t1"}, knows=False), "t1", -32021),
        (context(), "t2", -32602),
    ):
        assert (await refusal(store, method, of, task_id, more)).code == code
    assert not store.answers
    assert not store.cancelled
    await call(store, method, context(headers={"mcp-name": "t1"}), "t1", more)


async def test_the_store_is_given_the_answers_to_what_is_asked_and_no_others() -> None:
    store = Store(ASKING)
    some = {"name": {"action": "accept", "content": {"name": "Ada"}}, "other": {}}
    assert await call(store, "tasks/update", more={"inputResponses": some}) == {}
    assert await call(store, "tasks/update", more={"inputResponses": {"other": {}}}) == {}
    assert store.answers == [("t1", {"name": some["name"]})]
    store.tasks["t1"] = WORKING
    assert await call(store, "tasks/update", more={"inputResponses": some}) == {}
    assert len(store.answers) == 1


async def test_the_store_is_asked_to_cancel_what_is_not_final_alone() -> None:
    store = Store(WORKING)
    assert await call(store, "tasks/cancel") == {}
    store.tasks["t1"] = DONE
    assert await call(store, "tasks/cancel") == {}
    assert store.cancelled == ["t1"]


async def test_a_store_that_breaks_is_an_internal_error_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Store()
    store.script = [ValueError("secret words")]
    error = await refusal(store, "tasks/get")
    assert (error.code, error.message, error.data) == (-32603, "Internal error", None)
    assert "secret words" in caplog.text
    store.script = [MCPError(-32602, "own words")]
    assert (await refusal(store, "tasks/get")).message == "own words"


# -- streams


async def listen(store: Store, task_ids: Any, of: Any = None) -> list[dict[str, Any]]:
    """What a stream tells."""
    of = of or context()
    wanted = types.SubscriptionFilter(**({} if task_ids is ... else {"taskIds": task_ids}))
    params = types.SubscriptionsListenRequestParams(notifications=wanted, _meta={})
    with anyio.fail_after(30):
        result = await Tasks(store).listen(of, params)
    assert result.meta == {"io.modelcontextprotocol/subscriptionId": "r"}
    sent: list[dict[str, Any]] = of.session.sent
    assert all(frame["params"]["_meta"] == result.meta for frame in sent)
    return sent


async def test_a_stream_acknowledges_own_ids_and_tells_each_change_once() -> None:
    store = Store(WORKING)
    later = replace(WORKING, message="later")
    sooner = replace(later, poll_ms=250)
    store.script = [WORKING, None, WORKING, later, sooner, later, DONE]
    acknowledged, *told = await listen(store, ["t1", "t2", "t1"])
    assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
    assert acknowledged["params"]["notifications"] == {"taskIds": ["t1"]}
    meta = acknowledged["params"]["_meta"]
    assert {frame["method"] for frame in told} == {"notifications/tasks"}
    assert [frame["params"] for frame in told] == [
        task.detailed() | {"_meta": meta} for task in (WORKING, later, DONE)
    ]


async def test_only_what_has_changed_is_looked_at_again() -> None:
    other = replace(WORKING, id="t2")
    store = Store()
    store.script = [WORKING, other, WORKING, other, replace(DONE, id="t2"), DONE]
    store.changes = [["t2", "somebody else's"], ["t1"]]
    await listen(store, ["t1", "t2"])
    assert store.looks == ["t1", "t2"] * 2 + ["t2", "t1"]


async def test_a_store_that_fails_ends_no_stream_and_a_task_that_is_gone_does() -> None:
    store = Store(WORKING)
    store.script = [WORKING, WORKING, MCPError(-32603, "busy"), ValueError("broken"), None]
    _, *told = await listen(store, ["t1"])
    assert len(told) == 1
    assert store.waits == 3


async def test_a_stream_without_tasks_ends_at_once() -> None:
    for task_ids in (..., None, [], ["unknown"]):
        (acknowledged,) = await listen(Store(), task_ids)
        assert acknowledged["params"]["notifications"] == {}


async def test_a_stream_of_tasks_needs_the_capability_and_a_list_of_ids() -> None:
    for task_ids, knows, code in (
        (["t1"], False, -32021),
        ("t1", True, -32602),
        ([1], True, -32602),
        (["t"] * (MAX_IDS + 1), True, -32602),
    ):
        of = context(knows=knows)
        with pytest.raises(MCPError) as caught:
            await listen(Store(WORKING), task_ids, of)
        assert caught.value.error.code == code
        assert not of.session.sent
