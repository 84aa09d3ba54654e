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
        {"approval": {"when": {"required": ["word"]}, "by": "admin"}},
        {"run": {"python": {"call": "f"}}},
        {"run": {"theirs": {}}},
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
    ],
)
def test_what_this_release_lacks_is_named(changes: dict[str, Any], expected: str) -> None:
    reason = unsupported(command(**changes))
    assert reason == f"it needs {expected}, which this release does not do yet"
