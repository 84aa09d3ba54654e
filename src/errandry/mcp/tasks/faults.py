"""What a store may raise, and what becomes of it."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from mcp import types
from mcp.shared.exceptions import MCPError

_log = logging.getLogger(__name__)


@contextmanager
def as_internal_errors() -> Generator[None]:
    """Let what is no answer of JSON-RPC stay in the log.

    Raises:
        MCPError: -32603, or what was raised as one.
    """
    try:
        yield
    except MCPError:
        raise
    except Exception as error:
        _log.exception("the store of tasks failed")
        raise MCPError(types.INTERNAL_ERROR, "Internal error") from error
