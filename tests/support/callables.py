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

SURE = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}

def careful(arguments, context):
    print(f"attempt {context.attempt}")
    context.progress(1, 3, "asking")
    if not context.ask("Really?", SURE)["sure"]:
        return "no"
    context.progress(2, 3, "asking more")
    how, where = context.ask_all(("How?", SURE), ("Where?", SURE))
    return [how, where, context.ask("Done?")]

async def in_time(arguments, context):
    import asyncio
    await asyncio.sleep(0)
    try:
        return context.ask("Really?", SURE)
    except Exception:
        return "a question is no exception"

def fickle(arguments, context):
    return context.ask(f"Attempt {context.attempt}?")

def stubborn(arguments, context):
    try:
        context.ask("Really?", SURE)
    except BaseException:
        raise ValueError("no")

def formless(arguments, context):
    return context.ask("What?", {"type": "object", "properties": {"a": {"type": "object"}}})

def telling(arguments, context):
    return context.ask("Is it " + os.environ["TOKEN"] + "?", SURE)
"""
ASKING = ("careful", "in_time", "fickle", "stubborn", "formless", "telling")
NAMES = ("add", "wait", "boom", "nonsense", "spill", "tree", *ASKING)


def install(folder: Path, names: Iterable[str] = NAMES) -> str:
    """Write the package and what names its functions; return the folder to import from."""
    (folder / "sample_callables.py").write_text(SOURCE)
    info = folder / "sample_callables-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-callables\nVersion: 1.0\n")
    lines = [f"{name} = sample_callables:{name}" for name in names]
    (info / "entry_points.txt").write_text("\n".join(["[errandry.callables]", *lines, ""]))
    return str(folder)
