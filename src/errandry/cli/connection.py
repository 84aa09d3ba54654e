"""Which server a verb talks to, and as whom."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2

from errandry import place
from errandry.auth.mint import mint
from errandry.cli.api import Api
from errandry.cli.exits import Exit, Refusal
from errandry.cli.secret import secret_of
from errandry.principal import LOCAL_OPERATOR

_OPERATOR_S: Final = 60
_START: Final = "Start a server with: errandry serve"


def is_operator(options: argparse.Namespace) -> bool:
    """Whether the verb acts as the operator of this machine's data folder."""
    return options.token is None


@contextmanager
def connect(options: argparse.Namespace) -> Iterator[Api]:
    """Open the API of the server that the flags name, by default that of the data folder.

    Raises:
        Refusal: no server runs there, or `--url` stands without `--token`: the operator's token is
            for the server of this data folder and never goes to another address.
    """
    if options.url is not None and options.token is None:
        raise Refusal(Exit.USAGE, "--url needs --token: only the local server knows the operator")
    folder = place.data_dir()
    url = options.url or _local_url(folder)
    hint = "Check the address and the network." if options.url else _START
    # Proxies are for addresses elsewhere; the system's certificates take time to load.
    try:
        client = httpx2.Client(
            base_url=url,
            auth=_bearer(folder, options.token),
            trust_env=options.url is not None,
            verify=url.startswith("https:"),
        )
    except httpx2.InvalidURL as error:
        raise Refusal(Exit.USAGE, f"{url} is no address: {error}") from error
    with client:
        yield Api(client, hint)


def _local_url(folder: Path) -> str:
    if (server := place.ServerFile.read(folder)) is None:
        raise Refusal(Exit.NO_SERVER, f"No server runs on the data folder {folder}", _START)
    return server.url


def _bearer(folder: Path, token: str | None) -> httpx2.FunctionAuth:
    """Return what signs a request: the token given, or the operator's, made anew for each."""
    secret = secret_of(folder) if token is None else b""

    def sign(request: httpx2.Request) -> httpx2.Request:
        own = token or mint(secret, LOCAL_OPERATOR.sub, LOCAL_OPERATOR.scopes, _OPERATOR_S)
        request.headers["Authorization"] = f"Bearer {own}"
        return request

    return httpx2.FunctionAuth(sign)
