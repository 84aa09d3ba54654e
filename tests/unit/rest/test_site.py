"""Which names and pages a server lets in."""

import pytest

from errandry.rest.site import Site

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
