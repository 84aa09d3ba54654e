import json
import os
import tempfile
from pathlib import Path

import pytest

from errandry import place
from errandry.place import BadPlace, ServerFile

SERVER = ServerFile("http://127.0.0.1:8000", "/x/mcp.sock", 7, "1.0", "/x/commands")


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose name is too long for a socket; the temporary folder is the test's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / ("deep" * 30)


def test_the_data_folder_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert place.data_dir({"ERRANDRY_DATA_DIR": "/srv/tasks"}) == Path("/srv/tasks")
    assert place.data_dir({"ERRANDRY_DATA_DIR": "tasks"}) == Path.cwd() / "tasks"
    assert place.data_dir({"ERRANDRY_DATA_DIR": "~/tasks"}) == Path("/home/somebody/tasks")


@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {}, ".local/share/errandry"),
        ("linux", {"ERRANDRY_DATA_DIR": ""}, ".local/share/errandry"),
        ("linux", {"XDG_DATA_HOME": "relative"}, ".local/share/errandry"),
        ("linux", {"XDG_DATA_HOME": "/home/somebody/xdg"}, "xdg/errandry"),
        ("darwin", {}, "Library/Application Support/errandry"),
        ("darwin", {"XDG_DATA_HOME": "/home/somebody/xdg"}, "Library/Application Support/errandry"),
    ],
)
def test_without_a_name_the_data_folder_is_where_the_platform_keeps_data(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], folder: str
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setattr("sys.platform", platform)
    assert place.data_dir(environment) == Path("/home/somebody") / folder


def test_a_data_folder_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    place.prepare(folder)
    place.prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadPlace, match=f"{tmp_path}/file/data: Not a directory"):
        place.prepare(tmp_path / "file" / "data")


def test_the_socket_lies_in_the_data_folder() -> None:
    assert place.socket_path(Path("/srv/tasks")) == Path("/srv/tasks/mcp.sock")


def test_a_far_data_folder_has_its_socket_in_a_private_folder(far: Path, tmp_path: Path) -> None:
    path = place.socket_path(far)
    assert path.parent == tmp_path / f"errandry-{os.getuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert place.socket_path(far) == path
    assert place.socket_path(far / "other") != path


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_for_sockets_that_others_can_enter_is_refused(far: Path, mode: int) -> None:
    place.socket_path(far).parent.chmod(mode)
    with pytest.raises(BadPlace, match="must belong to you alone"):
        place.socket_path(far)


def test_a_link_in_place_of_the_folder_for_sockets_is_refused(far: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"errandry-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadPlace, match="must belong to you alone"):
        place.socket_path(far)


def test_a_server_file_is_read_as_written(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    assert ServerFile.read(tmp_path) == SERVER
    assert ServerFile.path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


def test_a_later_server_takes_the_place_of_the_file(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    later = ServerFile("http://127.0.0.1:8001", "/x/mcp.sock", 8, "1.1", "/x/commands")
    later.write(tmp_path)
    assert ServerFile.read(tmp_path) == later


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"url": "x"}', "\xff"])
def test_a_file_that_is_no_server_file_counts_as_none(tmp_path: Path, text: str) -> None:
    ServerFile.path(tmp_path).write_text(text, encoding="latin-1")
    assert ServerFile.read(tmp_path) is None


def test_no_file_counts_as_none(tmp_path: Path) -> None:
    assert ServerFile.read(tmp_path) is None


def test_fields_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    SERVER.write(tmp_path)
    path = ServerFile.path(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "new": True}))
    assert ServerFile.read(tmp_path) == SERVER
