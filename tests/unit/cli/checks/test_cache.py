"""The check of Redis."""

import pytest

from errandry.cli.checks import cache
from errandry.cli.checks.finding import Ground
from errandry.settings import Settings
from support.findings import look
from support.ports import free_port
from support.valkey import Valkey


def test_without_a_redis_there_is_nothing_to_say(ground: Ground) -> None:
    assert look(cache.check, ground) == {}


def test_one_that_answers_is_good(
    monkeypatch: pytest.MonkeyPatch, ground: Ground, redis: Valkey
) -> None:
    monkeypatch.setenv("ERRANDRY_REDIS_URL", redis.url)
    (found,) = cache.check(Ground(Settings()))
    assert (found.level, found.says) == ("ok", "answers")


@pytest.mark.parametrize("end", ["0", "0?ssl_no_option=1"])
def test_one_that_does_not_answer_is_a_warning_without_its_password(
    monkeypatch: pytest.MonkeyPatch, ground: Ground, end: str
) -> None:
    monkeypatch.setenv("ERRANDRY_REDIS_URL", f"redis://:hush@127.0.0.1:{free_port()}/{end}")
    (found,) = cache.check(Ground(Settings()))
    assert (found.level, "hush" in found.says) == ("warn", False)
    assert found.next_step
