"""A package with executors that do what an executor may do, well and badly."""

from typing import Final

SOURCE: Final = """
import asyncio, os, subprocess, sys, time
from errandry.plugin import Executor, Failed, Fault, Lost, NotStartable

class Echo(Executor):
    def run(self, attempt):
        attempt.log(f"attempt {attempt.attempt} of {attempt.command}")
        print("printed")
        attempt.progress(1, 2, "half way")
        return {
            "fields": attempt.fields, "arguments": attempt.arguments,
            "timeout_s": attempt.timeout_s, "pid": os.getpid(),
        }

class Spill(Executor):
    def run(self, attempt):
        value = attempt.secrets["TOKEN"]
        attempt.progress(message=value)
        print(value, os.environ["TOKEN"], file=sys.stderr)
        attempt.log(f"the value {value}")
        if attempt.fields:
            raise Failed("x" * 995 + value)
        return [value]

class Failing(Executor):
    schema = {"properties": {"how": {"enum": ["failed", "lost", "missing", "bug", "exit", "nonsense"]}}}
    async def run(self, attempt):
        match attempt.fields["how"]:
            case "failed": raise Failed("it went wrong")
            case "lost": raise Lost("the line broke")
            case "missing": raise NotStartable("there is no robot")
            case "bug": raise ValueError("a bug")
            case "exit": os._exit(7)
            case "nonsense": return {1, 2}

class Tree(Executor):
    def run(self, attempt):
        subprocess.run(["sleep", "1000"])

class Stubborn(Executor):
    async def run(self, attempt):
        attempt.log("begun")
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                attempt.log("never")

class Long(Executor):
    def run(self, attempt):
        time.sleep(attempt.fields["s"])

class Confused(Echo):
    def faults(self, spec):
        spec.fields["more"] = 1
        match spec.fields["how"]:
            case "raises": raise RuntimeError("no idea")
            case "exits": sys.exit(3)
            case "none": return None
            case "object": return [Fault("/how", "wrong", object())]
            case "word": return ["wrong"]
            case "endless": return iter(lambda: Fault("/how", "wrong"), None)
            case "fine": return []

class BadSchema(Echo):
    schema = {"type": "text"}

class Mute(Executor):
    pass

class NoExecutor:
    pass

def stop():
    sys.exit(1)
"""

GOOD: Final = {
    "echo": "Echo",
    "spill": "Spill",
    "failing": "Failing",
    "tree": "Tree",
    "stubborn": "Stubborn",
    "long": "Long",
    "confused": "Confused",
}
BAD: Final = {
    "process": "Echo",
    "Robot": "Echo",
    "gone": "Gone",
    "bad-schema": "BadSchema",
    "no-executor": "NoExecutor",
    "mute": "Mute",
    "stop": "stop",
}
