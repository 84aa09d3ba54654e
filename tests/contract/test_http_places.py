"""Where calls go: to checked addresses, once looked up, with the right certificate."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errandry.execution.executors import ssrf
from errandry.execution.executors.http import HttpExecutor
from support.http_calls import Call, call, certificate, code, resolver
from support.web import Web


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    async with Web().serving() as made:
        yield made


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
