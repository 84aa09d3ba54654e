"""``errandry init``: starter commands to look at, run and change."""

import argparse
from pathlib import Path
from typing import Final

import errandry
from errandry.cli import render
from errandry.cli.exits import Exit, Refusal

PACKAGE: Final = Path(errandry.__file__).parent
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def init(options: argparse.Namespace) -> Exit:
    """Copy the starter commands into a folder; what is there already stays as it is."""
    folder = Path(options.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in _starters():
            _copy(source, folder / source.name)
    except OSError as error:
        raise Refusal(Exit.USAGE, f"Cannot write to {folder}: {error.strerror}") from error
    render.complain(
        "",
        "Next:",
        "  errandry commands validate     check the files, also after a change",
        "  errandry serve                 start the server; it reads ./commands where it starts",
        "  errandry commands list         see what can be run, then: errandry run NAME key=value",
    )
    return Exit.DONE


def _starters() -> list[Path]:
    """Return the files that come with the package, or with the checkout in a development install."""
    inside = PACKAGE / "_commands"
    folder = inside if inside.is_dir() else PACKAGE.parents[1] / "commands"
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)


def _copy(source: Path, target: Path) -> None:
    try:
        with target.open("xb") as file:
            file.write(source.read_bytes())
    except FileExistsError:
        print(f"kept {target}, which is there already")
    else:
        print(f"made {target}")
