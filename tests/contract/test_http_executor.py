"""Calls over real sockets on loopback: where they go, what they send, how they end."""

import datetime
import gzip
import ssl
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from errandry.commands.definition import parse
from errandry.execution.capture import Capture
from errandry.execution.executors import ssrf
from errandry.execution.executors.http import MAX_BODY, HttpExecutor
from errandry.execution.executors.port import Context
from errandry.execution.redact import Redaction
from errandry.tasks.retry import Ending
from support.web import NEVER, Web, answer

TASK = "tsk_" + "0" * 32
VALUE = "s3cret-of-the-test"


class Call:
    """One attempt of a command that is a request."""

    def __init__(
        self,
        url: str,
        arguments: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        **http: Any,
    ) -> None:
        definition = {
            "name": "call",
            "description": "Calls.",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}},
            "run": {"http": {"method": "GET", "url": url, **http}},
            "secrets": ["TOKEN"],
            **({"result": result} if result else {}),
        }
        redaction = Redaction([VALUE])
        self.capture = Capture(1_000_000, lambda _: None, redaction)
        self.started = anyio.Event()
        self.context = Context(
            task_id=TASK,
            attempt=1,
            command=parse(definition),
            arguments=arguments or {},
            folder=Path("/nowhere"),
            lease_until=anyio.current_time() + 600,
            grace_s=1,
            capture=self.capture,
            on_progress=lambda _: None,
            on_start=self.started.set,
            secrets={"TOKEN": VALUE},
            redaction=redaction,
        )

    @property
    def log(self) -> str:
        """What it has logged on stdout."""
        self.capture.close()
        return b"".join(
            chunk.data for chunk in self.capture.take().chunks if chunk.stream == "stdout"
        ).decode()


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    async with Web().serving() as made:
        yield made


async def call(web: Web, path: str = "/x", **more: Any) -> tuple[Ending, Call]:
    made = Call(f"http://127.0.0.1:{web.port}{path}", allow=[f"127.0.0.1:{web.port}"], **more)
    with anyio.fail_after(30):
        return await HttpExecutor().run(made.context), made


def code(ending: Ending) -> str:
    assert ending.error is not None
    return ending.error.code


def resolver(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """Look-ups that give these answers one after the other."""
    left = list(answers)

    async def look_up(host: str, port: int) -> list[str]:
        return left.pop(0)

    return look_up


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


# -- where it goes


async def test_loopback_is_refused_unless_the_command_allows_it(web: Web) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
        made = Call(f"http://{host}:{web.port}/", allow=["127.0.0.1:1", "other:80"])
        ending = await HttpExecutor().run(made.context)
        assert ending.error is not None
        assert (ending.outcome, code(ending)) == ("failed", "not_startable")
        assert f"allow: [{host}:{web.port}]" in ending.error.message
    assert web.asked == []


async def test_a_name_that_is_allowed_may_lead_anywhere(web: Web) -> None:
    made = Call(f"http://Localhost:{web.port}/", allow=[f"LOCALHOST:{web.port}"])
    ending = await HttpExecutor().run(made.context)
    assert ending.outcome == "succeeded"


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    made = Call("http://mixed.test/")
    executor = HttpExecutor(resolver(["93.184.216.34", "10.0.0.1"]))
    ending = await executor.run(made.context)
    assert ending.error is not None
    assert "mixed.test has the address 10.0.0.1, which is not public" in ending.error.message


async def test_a_name_is_looked_up_once_and_the_checked_address_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the first answer is public, every later one is not."""
    monkeypatch.setattr(ssrf, "is_public", lambda address: address == "127.0.0.2")
    public, private = Web(), Web()
    async with public.serving("127.0.0.2"), private.serving("127.0.0.1", public.port):
        executor = HttpExecutor(resolver(["127.0.0.2"], ["127.0.0.1"]))
        url = f"http://rebind.test:{public.port}/"
        first = await executor.run(Call(url).context)
        second = await executor.run(Call(url).context)
    assert (first.outcome, code(second)) == ("succeeded", "not_startable")
    assert [asked.headers["host"] for asked in public.asked] == [f"rebind.test:{public.port}"]
    assert private.asked == []


async def test_the_next_address_is_tried_when_one_takes_no_connection(web: Web) -> None:
    made = Call(f"http://two.test:{web.port}/", allow=[f"two.test:{web.port}"])
    ending = await HttpExecutor(resolver(["127.0.0.3", "127.0.0.1"])).run(made.context)
    assert ending.outcome == "succeeded"
    [asked] = web.asked
    assert asked.headers["host"] == f"two.test:{web.port}"


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".test", "127.0.0.1:1"])
async def test_without_a_connection_nothing_was_started(host: str) -> None:
    async def look_up(name: str, port: int) -> list[str]:
        if name == "nobody.invalid":
            raise OSError(-2, "Name or service not known")
        return await ssrf.resolve(name, port)

    made = Call(f"http://{host}/", allow=["127.0.0.1:1"])
    ending = await HttpExecutor(look_up).run(made.context)
    assert (ending.outcome, code(ending)) == ("failed", "not_startable")


async def test_proxies_of_the_environment_do_not_count(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    ending, _ = await call(web)
    assert ending.outcome == "succeeded"


# -- certificates


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a certificate for a name; return the server's side, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "pem").write_bytes(pem + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pem")
    return server, ssl.create_default_context(cadata=pem.decode())


async def test_a_certificate_is_checked_for_the_host_of_the_url(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, "safe.test")
    web = Web()
    async with web.serving(tls=server):
        names = {f"{name}.test": f"{name}.test:{web.port}" for name in ("safe", "other")}
        endings = {
            (name, tls is trusting): await HttpExecutor(resolver(["127.0.0.1"]), tls).run(
                Call(f"https://{place}/", allow=[place]).context
            )
            for name, place in names.items()
            for tls in (trusting, None)
        }
    assert endings.pop(("safe.test", True)).outcome == "succeeded"
    assert {code(ending) for ending in endings.values()} == {"not_startable"}
    assert len(web.asked) == 1


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
