"""Who calls over MCP: the bearer of the token on HTTP, the local agent on the private socket."""

from collections.abc import Callable
from typing import Any, Final

from mcp.server import ServerRequestContext

from errandry.principal import LOCAL_AGENT, Principal

Context = ServerRequestContext[Any, Any]
CallerOf = Callable[[Context], Principal]

PRINCIPAL_KEY: Final = "errandry.principal"
"""Where the HTTP endpoint leaves the caller of one request in its ASGI scope."""


def caller_of_http(context: Context) -> Principal:
    """Return the caller of this very request, whoever opened the session it runs in."""
    principal = context.request.scope[PRINCIPAL_KEY] if context.request else None
    if not isinstance(principal, Principal):
        raise TypeError("a request without a caller has passed the endpoint")
    return principal


def caller_of_socket(_: Context) -> Principal:
    """Return the one principal that has access to the private socket."""
    return LOCAL_AGENT
