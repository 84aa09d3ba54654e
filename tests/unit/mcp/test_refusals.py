"""Refusals as JSON-RPC errors."""

import pytest
from mcp.shared.exceptions import MCPError

from errandry.errors import InvalidField, NotPermitted, Unavailable
from errandry.mcp.refusals import as_protocol_errors, invalid_params


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (InvalidField("That is wrong"), -32602),
        (NotPermitted("That is not for you"), -32602),
        (Unavailable("Not now"), -32603),
    ],
)
def test_a_refusal_says_in_its_code_who_can_mend_it(raised: Exception, code: int) -> None:
    with pytest.raises(MCPError) as caught, as_protocol_errors():
        raise raised
    assert (caught.value.error.code, caught.value.error.message) == (code, str(raised))
    assert caught.value.error.data["detail"] == str(raised)


def test_a_fault_of_ours_tells_nothing_of_itself() -> None:
    with pytest.raises(MCPError) as caught, as_protocol_errors():
        raise ValueError("the secret is 123")
    assert caught.value.error.code == -32603
    assert "123" not in str(caught.value.error)


def test_an_error_of_the_protocol_passes() -> None:
    with pytest.raises(MCPError) as caught, as_protocol_errors():
        raise invalid_params("Resource not found")
    assert caught.value.error.message == "Resource not found"
