"""The check of account and settings."""

import os

import pytest

from errandry.cli.checks import account
from errandry.cli.checks.finding import Ground
from support.findings import levels, look


def test_root_is_warned(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert levels(look(account.check, ground)) == {"account": "warn", "settings": "ok"}


def test_another_account_is_named(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert look(account.check, ground)["account"] == ("ok", "account", "user id 1234", None)


def test_a_variable_without_effect_is_warned(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_PROT", "1")
    found = look(account.check, ground)["settings"]
    assert found.level == "warn"
    assert "did you mean ERRANDRY_PORT?" in found.says
