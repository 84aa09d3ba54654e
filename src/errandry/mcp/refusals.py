"""Refusals outside of tools: the JSON-RPC errors of resources, prompts and completions."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError

from errandry import problems
from errandry.errors import ErrandryError

_log = logging.getLogger(__name__)


def invalid_params(message: str, data: Any = None) -> MCPError:
    """Return the error of a request that names what is not there, or not allowed."""
    return MCPError(types.INVALID_PARAMS, message, data)


@contextmanager
def as_protocol_errors() -> Generator[None]:
    """Turn refusals into JSON-RPC errors with the problem object as their data.

    Raises:
        MCPError: -32602 when the caller can mend it, -32603 when it cannot.
    """
    try:
        yield
    except ErrandryError as error:
        raise _protocol_error(error) from error
    except MCPError:
        raise
    except Exception as error:
        _log.exception("a request failed")
        raise _protocol_error(problems.unexpected()) from error


def _protocol_error(error: ErrandryError) -> MCPError:
    problem = problems.problem(error)
    code = types.INTERNAL_ERROR if problem["status"] >= 500 else types.INVALID_PARAMS
    return MCPError(code, error.message, problem)
