import os
import subprocess
import sys
from pathlib import Path

import pytest

from errandry.auth.keys import BadKeys, local_secret


def test_it_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    secret = local_secret(tmp_path)
    assert len(secret) >= 32
    assert (tmp_path / "local.secret").stat().st_mode & 0o777 == 0o600
    assert local_secret(tmp_path) == secret
    assert [path.name for path in tmp_path.iterdir()] == ["local.secret"]


def test_two_folders_have_two_secrets(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    assert local_secret(folders[0]) != local_secret(folders[1])


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    gate, program = tmp_path / "gate", tmp_path / "make.py"
    data = tmp_path / "data"
    data.mkdir()
    os.mkfifo(gate)
    program.write_text(
        "import sys; from pathlib import Path; from errandry.auth.keys import local_secret\n"
        "print('ready', flush=True); Path(sys.argv[1]).open().close()\n"
        "print(local_secret(Path(sys.argv[2])).decode())\n"
    )
    command = [sys.executable, str(program), str(gate), str(data)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    makers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    with gate.open("w"):  # opens for all readers at once
        secrets = [maker.communicate(timeout=30)[0] for maker in makers]
    assert set(secrets) == {local_secret(data).decode() + "\n"}
    assert [path.name for path in data.iterdir()] == ["local.secret"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    local_secret(tmp_path)
    (tmp_path / "local.secret").chmod(mode)
    with pytest.raises(BadKeys, match=f"{tmp_path / 'local.secret'} .mode 0{mode:o}.*chmod 600"):
        local_secret(tmp_path)


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "local.secret"
    path.touch(mode=0o600)
    path.write_bytes(b"x" * 31 + b"\n")
    with pytest.raises(BadKeys, match="has 31 bytes, it needs 32; delete it"):
        local_secret(tmp_path)


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match=f"{tmp_path}/gone/local.secret: No such file"):
        local_secret(tmp_path / "gone")
