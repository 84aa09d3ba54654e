from typing import Any

import pytest

from errandry.commands.concurrency import key_of
from unit.commands.samples import command


@pytest.mark.parametrize(
    ("key", "arguments", "expected"),
    [
        ("disk", {}, "disk"),
        ("disk-{word}", {"word": "/srv"}, "disk-/srv"),
        ("{word}-{opt}", {"word": "a", "opt": "b"}, "a-b"),
        ("{word}-{opt}", {"word": "a"}, "a-"),
        ("{maybe}.", {"maybe": None}, "."),
        ("n{num}", {"num": 1.5}, "n1.5"),
        ("n{num}", {"num": 7}, "n7"),
        ("{items}", {"items": ["b", "a"]}, '["b","a"]'),
        ("{tree}", {"tree": {"b": 1, "a": 2}}, '{"a":2,"b":1}'),
        ("{flag}", {"flag": False}, "false"),
        ("x{flag?-fast}", {"flag": True}, "x-fast"),
        ("x{flag?-fast}", {"flag": False}, "x"),
        ("{{{word}}}", {"word": "a"}, "{a}"),
    ],
)
def test_a_key_is_made_of_the_arguments(key: str, arguments: dict[str, Any], expected: str) -> None:
    assert key_of(command(concurrency={"key": key}), arguments) == expected


def test_without_a_limit_there_is_no_key() -> None:
    assert key_of(command(), {}) is None


def test_long_keys_are_kept_apart_by_their_digests() -> None:
    limited = command(concurrency={"key": "{word}"})
    keys = [key_of(limited, {"word": "x" * size}) for size in (255, 256, 257)]
    assert [len(key or "") for key in keys] == [255, 71, 71]
    assert len(set(keys)) == 3
