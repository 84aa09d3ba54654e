"""Settings: read, checked together, and never silently misspelt."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from errandry.settings import Settings, unknown_variables


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ERRANDRY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_nothing() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.local_issuer) == ("127.0.0.1", 8000, "on")
    assert settings.commands_dir == settings.data_dir / "commands"
    assert settings.database == f"sqlite:///{settings.data_dir / 'errandry.db'}"
    assert settings.concurrency >= 4


def test_a_commands_folder_where_the_server_starts_is_used(tmp_path: Path) -> None:
    (tmp_path / "commands").mkdir()
    assert Settings().commands_dir == tmp_path / "commands"


def test_folders_are_absolute_and_know_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ERRANDRY_DATA_DIR", "~/x")
    monkeypatch.setenv("ERRANDRY_COMMANDS_DIR", "rel")
    settings = Settings()
    assert settings.data_dir == Path.home() / "x"
    assert settings.commands_dir == tmp_path / "rel"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRANDRY_ALLOWED_HOSTS", "a.example, b.example,")
    monkeypatch.setenv("ERRANDRY_TOOLSETS", "core,operator")
    assert Settings().allowed_hosts == ("a.example", "b.example")
    assert Settings().toolsets == ("core", "operator")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PORT": "70000"}, "65535"),
        ({"HOST": "0.0.0.0"}, "PUBLIC_URL"),
        ({"HOST": "0.0.0.0", "PUBLIC_URL": "https://a.example"}, "JWT_SECRET"),
        ({"JWT_SECRET": "s" * 32, "JWT_KEYS": "/keys.json"}, "not both"),
        ({"DATABASE_URL": "mysql://h/d"}, "postgresql://"),
        ({"DATABASE_URL": "sqlite:///relative.db"}, "absolute"),
        ({"REDIS_URL": "http://h:6379"}, "rediss://"),
        ({"REDIS_URL": "unix://relative"}, "unix:///path"),
        ({"REDIS_URL": "redis:///0"}, "host"),
        ({"REDIS_URL": "redis://h:port/0"}, "host"),
        ({"REDIS_URL": "redis://h/0?socket_timeout=1"}, "ssl_"),
        ({"LOCAL_ISSUER": "maybe"}, "on"),
        ({"LEASE_S": "1"}, "2"),
        ({"CONCURRENCY": "0"}, "1"),
        ({"TOOLSETS": "core,admin"}, "operator"),
    ],
)
def test_what_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"ERRANDRY_{name}", value)
    with pytest.raises(ValidationError, match=said):
        Settings()


def test_a_server_for_others_needs_a_name_and_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRANDRY_HOST", "0.0.0.0")
    monkeypatch.setenv("ERRANDRY_PUBLIC_URL", "https://a.example")
    monkeypatch.setenv("ERRANDRY_JWT_SECRET", "s" * 32)
    assert Settings().public_url == "https://a.example"
    assert "s" * 32 not in repr(Settings())


def test_a_database_file_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRANDRY_DATABASE_URL", "sqlite:////var/x.db")
    assert Settings().database == "sqlite:////var/x.db"


def test_the_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRANDRY_DATABASE_URL", "postgresql://u:hush@h/d")
    assert Settings().database == "postgresql://u:hush@h/d"
    assert "hush" not in repr(Settings())


def test_the_password_of_redis_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().redis is None
    for url in ("unix:///run/redis.sock", "rediss://h?ssl_ca_certs=/ca.pem", "redis://[::1]:1"):
        monkeypatch.setenv("ERRANDRY_REDIS_URL", url)
        assert Settings().redis == url
    monkeypatch.setenv("ERRANDRY_REDIS_URL", "rediss://u:hush@h:6380/1")
    assert Settings().redis == "rediss://u:hush@h:6380/1"
    assert "hush" not in repr(Settings())


def test_a_misspelt_variable_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRANDRY_PROT", "1")
    (sentence,) = unknown_variables()
    assert "did you mean ERRANDRY_PORT?" in sentence
