"""A package with functions for `run: python`, installed into a folder."""

from collections.abc import Iterable
from pathlib import Path

SOURCE = """
import os, subprocess

def add(arguments, context):
    context.log(f"attempt {context.attempt} of {context.task_id}")
    print("printed")
    context.progress(1, 2, "half way")
    return {"sum": arguments["a"] + arguments["b"], "pid": os.getpid()}

async def wait(arguments, context):
    import asyncio
    await asyncio.sleep(0)
    return None

def boom(arguments, context):
    raise ValueError("boom of a function")

def nonsense(arguments, context):
    return {"not": {1, 2}}

def spill(arguments, context):
    print(os.environ["TOKEN"])
    return os.environ["TOKEN"]

def tree(arguments, context):
    subprocess.run(["sleep", "1000"])
"""
NAMES = ("add", "wait", "boom", "nonsense", "spill", "tree")


def install(folder: Path, names: Iterable[str] = NAMES) -> str:
    """Write the package and what names its functions; return the folder to import from."""
    (folder / "sample_callables.py").write_text(SOURCE)
    info = folder / "sample_callables-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-callables\nVersion: 1.0\n")
    lines = [f"{name} = sample_callables:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join(["[errandry.callables]", *lines, ""]))
    return str(folder)
