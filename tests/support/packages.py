"""Packages that bring executors, installed into a folder to import from."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hatchling.builders.wheel import WheelBuilder

SQLITE: Final = Path(__file__).parents[2] / "docs" / "examples" / "errandry-executor-sqlite"


def install(source: Path, folder: Path) -> str:
    """Build the wheel of a project and unpack it into the folder, as an installer does."""
    with tempfile.TemporaryDirectory() as built:
        [wheel] = WheelBuilder(str(source)).build(directory=built, versions=["standard"])
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(folder)
    return str(folder)


def write(folder: Path, name: str, source: str, points: Mapping[str, str]) -> str:
    """Write a package of one module with these entry points (name: class) into the folder."""
    module = name.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = {module}:{made}" for point, made in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[errandry.executors]", *lines, ""]))
    return str(folder)
