"""The data folder: whose it is, who may look into it, how much room there is."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from errandry.auth.keys import BadKeys, local_secret
from errandry.cli.checks.finding import Finding, Ground

_MIB: Final = 1024 * 1024
_TIGHT_BYTES: Final = 1024 * _MIB
_FULL_BYTES: Final = 64 * _MIB


def check(ground: Ground) -> Iterator[Finding]:
    """Look at owner, mode and space of the folder, and at the secret in it."""
    folder = ground.folder
    if not folder.exists():
        yield Finding("ok", "data folder", f"{folder} is not there yet; the server makes it")
        return
    yield _access(folder)
    yield _space(folder, shutil.disk_usage(folder).free)
    if (folder / "local.secret").exists():
        yield _secret(folder)


def _access(folder: Path) -> Finding:
    status = folder.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        return _fail(f"{folder} is no folder", "Set ERRANDRY_DATA_DIR to another one.")
    if status.st_uid != os.geteuid():
        return _fail(
            f"{folder} belongs to user {status.st_uid}, this is user {os.geteuid()}",
            "Run this as its owner, or set ERRANDRY_DATA_DIR to a folder of your own.",
        )
    if mode & 0o700 != 0o700:
        return _fail(f"{folder} cannot be used (mode {mode:04o})", f"chmod 700 {folder}")
    if mode & 0o077:
        return Finding(
            "warn",
            "data folder",
            f"others may look into {folder} (mode {mode:04o})",
            f"chmod 700 {folder}",
        )
    return Finding("ok", "data folder", f"{folder} is yours alone")


def _space(folder: Path, free_bytes: int) -> Finding:
    says = f"{free_bytes // _MIB} MiB free in {folder}"
    step = "Make room, or set ERRANDRY_DATA_DIR to a folder on another disk."
    if free_bytes < _FULL_BYTES:
        return Finding("fail", "space", says, step)
    if free_bytes < _TIGHT_BYTES:
        return Finding("warn", "space", says, step)
    return Finding("ok", "space", says)


def _secret(folder: Path) -> Finding:
    try:
        local_secret(folder)
    except BadKeys as error:
        return Finding("fail", "secret", str(error), f"Look at {folder / 'local.secret'}")
    return Finding("ok", "secret", "readable by you alone")


def _fail(says: str, next_step: str) -> Finding:
    return Finding("fail", "data folder", says, next_step)
