"""Which names and pages a server lets in."""

import pytest
from starlette.requests import Request

from errandry.rest.site import Site, is_local

SITE = Site.of("https://tasks.example:8443", ("inner.example",), ("https://app.example",), 1000)


@pytest.mark.parametrize(
    "host",
    [
        "tasks.example:8443",
        "tasks.example",
        "TASKS.example:8443",
        "inner.example:9",
        "127.0.0.1:8000",
        "localhost",
        "localhost:1",
        "[::1]:8000",
        "[::1]",
    ],
)
def test_a_host_of_ours_is_let_in(host: str) -> None:
    assert SITE.allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "tasks.example.evil",
        "127.0.0.1.evil.example",
        "[::2]",
        "tasks.example:x",
    ],
)
def test_another_host_is_kept_out(host: str) -> None:
    assert not SITE.allows_host(host)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://tasks.example:8443", True),
        ("https://app.example", True),
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("null", False),
        ("", False),
        ("http://tasks.example:8443", False),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("file://localhost", False),
    ],
)
def test_an_origin_is_let_in_or_kept_out(origin: str, allowed: bool) -> None:
    assert SITE.allows_origin(origin) is allowed


def test_the_challenge_names_the_public_address() -> None:
    assert SITE.challenge.startswith(
        'resource_metadata="https://tasks.example:8443/.well-known/oauth-protected-resource", scope="'
    )


def request(peer: str | None, host: str, **headers: str) -> Request:
    """A request from an address to a name."""
    named = {"host": host, **{name.replace("_", "-"): text for name, text in headers.items()}}
    raw = [(name.encode(), text.encode()) for name, text in named.items()]
    return Request({"type": "http", "headers": raw, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:8000"])
def test_this_machine_is_local_by_a_name_of_its_own(peer: str, host: str) -> None:
    assert is_local(request(peer, host))


@pytest.mark.parametrize(
    "asked",
    [
        request("192.0.2.7", "localhost"),
        request("127.0.0.1", "tasks.example"),
        request("127.0.0.1", "127.0.0.1.evil.example"),
        request("127.0.0.1", "localhost", x_forwarded_for="127.0.0.1"),
        request("127.0.0.1", "localhost", forwarded="for=127.0.0.1"),
        request("127.0.0.1", "localhost", via="1.1 proxy"),
        request("a-socket", "localhost"),
        request(None, "localhost"),
    ],
    ids=[
        "from elsewhere",
        "by another name",
        "by a longer name",
        "through a proxy",
        "through a standard proxy",
        "through a quiet proxy",
        "from no address",
        "from nobody",
    ],
)
def test_whatever_may_come_from_elsewhere_is_not_local(asked: Request) -> None:
    assert not is_local(asked)
