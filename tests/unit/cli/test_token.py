"""``errandry token``."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from errandry.auth.keys import local_secret
from errandry.auth.verifier import LOCAL_AUDIENCE
from support.commandline import CommandLine, Ran

DAY_S = 86_400


def claims(ran: Ran, data_dir: Path) -> dict[str, Any]:
    assert (ran.exit, ran.err) == (0, "")
    secret = local_secret(data_dir)
    return jwt.decode(ran.out.removesuffix("\n"), secret, ["HS256"], audience=LOCAL_AUDIENCE)


def test_without_flags_it_is_the_agents_for_a_day(cli: CommandLine, data_dir: Path) -> None:
    told = claims(cli("token"), data_dir)
    assert told["iss"] == "errandry:local"
    assert told["sub"] == "agent"
    assert told["scope"] == "commands:read tasks:read tasks:write"
    assert told["exp"] - told["iat"] == DAY_S


def test_the_data_folder_and_its_secret_are_made(cli: CommandLine, data_dir: Path) -> None:
    data_dir.rmdir()
    assert cli("token").exit == 0
    assert (data_dir.stat().st_mode & 0o777, len(local_secret(data_dir)) >= 32) == (0o700, True)


def test_name_scopes_and_days_can_be_chosen(cli: CommandLine, data_dir: Path) -> None:
    words = [
        "--sub",
        "ci",
        "--scope",
        "tasks:read, tasks:write",
        "--scope",
        "admin",
        "--days",
        "365",
    ]
    told = claims(cli("token", *words), data_dir)
    assert (told["sub"], told["scope"]) == ("ci", "admin tasks:read tasks:write")
    assert told["exp"] - told["iat"] == 365 * DAY_S


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--days", "366"], "--days 366 is not allowed: more than 0, at most 365"),
        (["--days", "0"], "--days 0 is not allowed: more than 0, at most 365"),
        (["--days", "nan"], "--days nan is not allowed: more than 0, at most 365"),
        (["--scope", "tasks:reed"], "There is no scope 'tasks:reed'; did you mean tasks:read?"),
        (["--scope", "x"], "There is no scope 'x'"),
        (["--sub", ""], "--sub is not allowed: a token's sub needs 1 to 255 printable characters"),
    ],
)
def test_what_no_server_would_accept_ends_with_2(
    cli: CommandLine, words: list[str], message: str
) -> None:
    ran = cli("token", *words)
    assert (ran.exit, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == f"errandry: {message}"


def test_an_unknown_scope_is_answered_with_the_known_ones(cli: CommandLine) -> None:
    assert cli("token", "--scope", "x").err.splitlines()[1] == (
        "Known: commands:read commands:write tasks:read tasks:write tasks:approve admin"
    )


def test_it_refuses_when_the_local_issuer_is_off(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_LOCAL_ISSUER", "off")
    ran = cli("token")
    assert (ran.exit, ran.out) == (3, "")
    assert "ERRANDRY_LOCAL_ISSUER=off" in ran.err


def test_a_secret_that_others_can_read_is_not_used(cli: CommandLine, data_dir: Path) -> None:
    local_secret(data_dir)
    (data_dir / "local.secret").chmod(0o644)
    ran = cli("token")
    assert (ran.exit, ran.out) == (3, "")
    assert "others may read the secret" in ran.err


def test_each_setting_that_is_not_allowed_has_a_line(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_PORT", "many")
    monkeypatch.setenv("ERRANDRY_LOCAL_ISSUER", "perhaps")
    ran = cli("token")
    assert ran.exit == 2
    port, issuer = ran.err.splitlines()
    assert port.startswith("errandry: ERRANDRY_PORT: ")
    assert issuer.startswith("ERRANDRY_LOCAL_ISSUER: ")


def test_settings_that_do_not_go_together_are_told_without_their_values(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERRANDRY_HOST", "0.0.0.0")
    monkeypatch.setenv("ERRANDRY_JWT_SECRET", "hush-" * 10)
    ran = cli("token")
    assert ran.exit == 2
    assert ran.err.startswith("errandry: HOST 0.0.0.0 is reachable from other machines")
    assert "hush" not in ran.err
