from typing import Any

import pytest

from errandry.commands.unsupported import unsupported
from unit.commands.samples import command


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"approval": "always"},
        {"ask": {"type": "object"}},
        {"run": {"python": {"call": "f"}}},
        {"run": {"http": {"method": "GET", "url": "http://a"}}, "secrets": ["TOKEN"]},
        {"concurrency": {"key": "k"}},
        {"retry": {"max_attempts": 3}},
        {"on_disconnect": "cancel", "ttl_s": 60, "expose": "hidden", "task": "never"},
    ],
)
def test_what_this_release_does_is_supported(changes: dict[str, Any]) -> None:
    assert unsupported(command(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run": {"mcp": {"server": "s", "tool": "t"}}}, 'the executor "mcp"'),
        ({"run": {"theirs": {}}}, 'the executor "theirs"'),
        ({"approval": {"by": "admin"}}, "an approval that depends on arguments or scopes"),
    ],
)
def test_what_this_release_lacks_is_named(changes: dict[str, Any], expected: str) -> None:
    reason = unsupported(command(**changes))
    assert reason == f"it needs {expected}, which this release does not do yet"


def test_everything_that_is_lacking_is_named_at_once() -> None:
    reason = unsupported(command(run={"theirs": {}}, approval={"by": "admin"}))
    assert reason is not None
    assert '"theirs" and an approval' in reason
