"""Where secrets come from, and what is refused without being shown."""

import os
from pathlib import Path

import pytest

from errandry.execution.secrets import NoSecret, Secrets

VALUE = "a-value-of-a-secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir(mode=0o700)
    return made


def put(folder: Path, value: str | bytes, mode: int = 0o600, name: str = "TOKEN_1") -> Path:
    path = folder / name
    path.write_bytes(value.encode() if isinstance(value, str) else value)
    path.chmod(mode)
    return path


def refusal(folder: Path | None, name: str = "TOKEN_1") -> str:
    with pytest.raises(NoSecret) as refused:
        Secrets(folder).values([name])
    assert name in str(refused.value)
    assert VALUE not in str(refused.value)
    return str(refused.value)


def test_a_value_comes_from_the_environment_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "another value")
    monkeypatch.setenv("TOKEN_1", VALUE)
    assert Secrets(folder).values(["TOKEN_1"]) == {"TOKEN_1": VALUE}
    assert Secrets().values(["TOKEN_1"]) == {"TOKEN_1": VALUE}


def test_a_value_comes_from_a_file_without_its_last_line_feed(folder: Path) -> None:
    put(folder, f"{VALUE}\n")
    put(folder, "two\nlines\n\n", name="OTHER")
    found = Secrets(folder).values(["TOKEN_1", "OTHER"])
    assert found == {"TOKEN_1": VALUE, "OTHER": "two\nlines\n"}


def test_an_empty_variable_counts_as_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, VALUE)
    monkeypatch.setenv("TOKEN_1", "")
    assert Secrets(folder).values(["TOKEN_1"]) == {"TOKEN_1": VALUE}


def test_a_missing_secret_is_named(folder: Path) -> None:
    assert refusal(None).endswith("is not in the environment of the worker")
    assert "neither in the environment nor in the secrets folder" in refusal(folder)
    assert "neither" in refusal(folder / "gone")


def test_a_link_may_lead_to_a_private_file(folder: Path, tmp_path: Path) -> None:
    put(tmp_path, VALUE, name="elsewhere")
    (folder / "TOKEN_1").symlink_to(tmp_path / "elsewhere")
    assert Secrets(folder).values(["TOKEN_1"]) == {"TOKEN_1": VALUE}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_touch_is_refused(folder: Path, mode: int) -> None:
    put(folder, VALUE, mode)
    assert "`chmod 600`" in refusal(folder)


def test_a_folder_that_others_may_touch_is_refused(folder: Path) -> None:
    put(folder, VALUE)
    folder.chmod(0o750)
    assert "`chmod 700`" in refusal(folder)


def test_a_file_of_another_account_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, VALUE)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    for path in (folder, folder / "TOKEN_1"):
        os.chown(path, os.getuid() or 4_000_001, -1)
    assert "belongs to another account" in refusal(folder)


def test_what_is_no_file_is_refused(folder: Path) -> None:
    (folder / "TOKEN_1").mkdir()
    assert "cannot be read: Is a directory" in refusal(folder)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"abc", "fewer than 4 characters"),
        (b"abc \n", "fewer than 4 characters"),
        (b"\xff\xfe\xfd\xfc", "no UTF-8 text"),
        (b"nul\0nul", "holds a NUL"),
        (b"x" * 20_000, "more than 16384 bytes"),
    ],
)
def test_what_could_not_be_used_or_hidden_is_refused(
    folder: Path, value: bytes, message: str
) -> None:
    put(folder, value)
    assert message in refusal(folder)


def test_bytes_in_the_environment_that_are_no_text_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN_1", os.fsdecode(b"\xff\xfe\xfd\xfc"))
    assert "no UTF-8" in refusal(None)
