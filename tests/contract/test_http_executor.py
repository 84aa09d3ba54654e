"""Calls over real sockets on loopback: what they send and how they end."""

import gzip
import zlib
from collections.abc import AsyncGenerator

import anyio
import pytest

from errandry.commands.definition import parse
from errandry.execution.executors.http import MAX_BODY, HttpExecutor
from errandry.tasks.retry import Ending
from support.http_calls import TASK, VALUE, Call, call, code
from support.web import NEVER, Web, answer


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    async with Web().serving() as made:
        yield made


# -- what is sent, and what comes back


async def test_the_request_is_what_the_command_says_with_headers_of_ours(web: Web) -> None:
    ending, made = await call(
        web,
        "/a/{word}",
        arguments={"word": "b/ü"},
        method="POST",
        query={"q": "{word}"},
        headers={"Authorization": "Bearer {secret:TOKEN}", "X-Word": "{word}"},
        json={"w": "{word}"},
    )
    [asked] = web.asked
    assert (asked.method, asked.target) == ("POST", "/a/b%2F%C3%BC?q=b%2F%C3%BC")
    assert asked.body == '{"w":"b/ü"}'.encode()
    assert asked.headers == {
        "host": f"127.0.0.1:{web.port}",
        "user-agent": asked.headers["user-agent"],
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "idempotency-key": TASK,
        "authorization": f"Bearer {VALUE}",
        "x-word": "b/ü",
        "content-type": "application/json",
        "content-length": "12",
        "connection": "close",
    }
    assert ending.outcome == "succeeded"
    assert isinstance(ending.result, dict)
    assert ending.result["body"]["headers"]["authorization"] == "Bearer ***"
    assert made.log.startswith(
        f"> POST http://127.0.0.1:{web.port}/a/b%2F%C3%BC?q=b%2F%C3%BC\n< 200"
    )
    assert made.started.is_set()


async def test_a_command_may_set_the_headers_that_it_needs_itself(web: Web) -> None:
    await call(web, headers={"idempotency-key": "own", "Accept": "text/csv", "User-Agent": "me"})
    headers = web.asked[0].headers
    assert (headers["idempotency-key"], headers["accept"]) == ("own", "text/csv")
    assert headers["user-agent"] == "me"


JSON = "application/json"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (answer('{"a": [1]}', kind=JSON), {"a": [1]}),
        (answer("[]", kind="application/problem+json; charset=utf-8"), []),
        (answer("7", kind="APPLICATION/JSON"), 7),
        (answer('{"a": 1, "a": 2}', kind=JSON), '{"a": 1, "a": 2}'),
        (answer("no json", kind=JSON), "no json"),
        (answer('{"a": 1}'), '{"a": 1}'),
        (answer("ä"), "ä"),
        (answer("ä".encode("latin-1"), kind="text/plain; charset=ISO-8859-1"), "ä"),
        (answer(b"\xff\0x", kind="image/png"), "\ufffd\ufffdx"),
        (answer(b"x", kind="text/plain; charset=zip"), "x"),
        (answer(""), None),
        (answer("", status="204 No Content"), None),
        (answer(gzip.compress(b"packed"), "Content-Encoding: gzip"), "packed"),
        (answer(zlib.compress(b"packed"), "Content-Encoding: deflate"), "packed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
    ],
)
async def test_a_body_is_json_when_it_says_so_and_is_so_else_text(
    web: Web, raw: bytes, body: object
) -> None:
    web.answers["/x"] = raw
    ending, _ = await call(web)
    assert (ending.outcome, ending.error) == ("succeeded", None)
    assert isinstance(ending.result, dict)
    assert ending.result["body"] == body


async def test_a_status_that_is_not_expected_fails_with_the_body_as_output(web: Web) -> None:
    web.answers["/x"] = answer(f"no {VALUE}" + "x" * 20_000, status="503 Busy")
    ending, _ = await call(web)
    assert ending.error is not None
    assert (ending.outcome, code(ending)) == ("failed", "http_status")
    assert ending.error.message.endswith("status 503; expected: 200 … 299")
    assert ending.error.output is not None
    assert ending.error.output.startswith("no ***xxx")
    assert len(ending.error.output) == 8 * 1024


async def test_the_expected_statuses_can_be_named(web: Web) -> None:
    web.answers["/x"] = answer("gone", status="404 Not Found")
    ending, _ = await call(web, ok_status=[200, 404])
    assert ending.result == {"status": 404, "body": "gone"}
    web.answers["/x"] = answer("made", status="201 Created")
    ending, _ = await call(web, ok_status=[200, 404])
    assert ending.error is not None
    assert ending.error.message.endswith("status 201; expected: 200, 404")


async def test_a_redirect_is_an_answer_and_not_followed(web: Web) -> None:
    for place in (f"http://127.0.0.1:{web.port}/other", "http://[bad"):
        web.answers["/x"] = answer("", f"Location: {place}", status="302 Found")
        ending, _ = await call(web)
        assert code(ending) == "http_status"
    assert [asked.target for asked in web.asked] == ["/x", "/x"]


async def test_the_result_has_to_fit_the_schema_of_the_command(web: Web) -> None:
    schema = {"properties": {"body": {"type": "integer"}}}
    web.answers["/x"] = answer(VALUE)
    ending, _ = await call(web, result=schema)
    assert ending.error is not None
    assert code(ending) == "result_invalid"
    assert ending.error.message.endswith('/result/body: "***" is of the wrong type')
    web.answers["/x"] = answer("7", kind=JSON)
    ending, _ = await call(web, result=schema)
    assert ending.result == {"status": 200, "body": 7}


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"x" * (MAX_BODY + 1)),
        answer(gzip.compress(bytes(200_000_000)), "Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_BODY + 1),
    ],
    ids=["plain", "bomb", "endless"],
)
async def test_an_answer_over_the_cap_is_refused(web: Web, raw: bytes) -> None:
    web.answers["/x"] = raw
    ending, made = await call(web)
    assert code(ending) == "result_invalid"
    assert f"< 200, {MAX_BODY} bytes" in made.log


async def test_an_answer_of_just_the_cap_is_taken(web: Web) -> None:
    web.answers["/x"] = answer(b"x" * MAX_BODY)
    ending, _ = await call(web)
    assert ending.result == {"status": 200, "body": "x" * MAX_BODY}


async def test_an_answer_that_cannot_be_unpacked_is_refused(web: Web) -> None:
    web.answers["/x"] = answer(b"not gzip", "Content-Encoding: gzip")
    ending, _ = await call(web)
    assert (ending.outcome, code(ending)) == ("failed", "result_invalid")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
    ],
    ids=["none", "rubbish", "half", "endless head", "upgrade"],
)
async def test_a_connection_that_breaks_after_the_request_loses_the_attempt(
    web: Web, raw: bytes
) -> None:
    web.answers["/x"] = raw
    ending, _ = await call(web)
    assert (ending.outcome, code(ending)) == ("lost", "attempt_lost")


# -- how it ends


async def test_an_argument_that_fits_nowhere_starts_nothing(web: Web) -> None:
    ending, made = await call(web, "/{word}", arguments={"word": ".."})
    assert code(ending) == "not_startable"
    assert not made.started.is_set()


async def test_a_cancel_ends_the_call_at_once(web: Web) -> None:
    web.answers["/x"] = NEVER
    async with anyio.create_task_group() as group:
        group.start_soon(call, web)
        await web.came.wait()
        group.cancel_scope.cancel()
    with anyio.fail_after(20):
        await web.gone.wait()


async def _held(web: Web, executor: HttpExecutor, ended: list[Ending]) -> None:
    web.answers["/x"] = NEVER
    made = Call(f"http://127.0.0.1:{web.port}/x", allow=[f"127.0.0.1:{web.port}"])
    ended.append(await executor.run(made.context))


@pytest.mark.parametrize("how", ["a lease that was not renewed", "an end without grace"])
async def test_a_call_ends_with_the_lease_of_its_worker(web: Web, how: str) -> None:
    executor, ended = HttpExecutor(), list[Ending]()
    async with anyio.create_task_group() as group:
        group.start_soon(_held, web, executor, ended)
        await web.came.wait()
        if how == "an end without grace":
            executor.kill()
        else:
            executor.feed(anyio.current_time() + 0.05)
    assert (ended[0].outcome, code(ended[0])) == ("lost", "attempt_lost")


async def test_another_kind_of_command_is_a_fault_of_ours() -> None:
    made = Call("http://a/")
    run = {"process": {"argv": ["true"]}}
    made.context.command = parse({"name": "x", "description": "x", "run": run})
    with pytest.raises(TypeError, match="is no HTTP request"):
        await HttpExecutor().run(made.context)
