"""Questions of a task: what is asked, under which key, and what was answered.

A key stands for one question for the whole life of its task. `FORM` is what a command asks before the
start; a function that asks while it runs has ``ask-1``, ``ask-2`` and so on, in the order of its asking.
The store keeps, by key, the digest of what was asked and the content of the answer once it is there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from errandry.commands.arguments import check_arguments
from errandry.commands.model import Command
from errandry.tasks.model import Json

FORM: Final = "ask"
_CLOSED: Final = {"additionalProperties": False}
_SHOWN: Final = ("$schema", "type", "properties", "required")


@dataclass(frozen=True, slots=True)
class Question:
    """What a function asks; `digest` tells it from another question under the same key."""

    message: str
    schema: Mapping[str, Json]
    digest: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The questions that an attempt ended with, by key, and how long they may wait (seconds)."""

    questions: Mapping[str, Question]
    expires_in_s: float

    def requests(self) -> dict[str, Json]:
        """Return the requests that ask them."""
        return {key: request(each.message, each.schema) for key, each in self.questions.items()}

    def memory(self) -> dict[str, Json]:
        """Return what the store keeps of them."""
        return {
            key: {"digest": each.digest, "content": None} for key, each in self.questions.items()
        }


def request(message: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return a question as MCP's `elicitation/create` asks it."""
    form = {"properties": {}} | {name: schema[name] for name in _SHOWN if name in schema}
    return {
        "method": "elicitation/create",
        "params": {"message": message, "requestedSchema": form},
    }


def of_command(command: Command) -> dict[str, Json]:
    """Return what a command asks before the start, by key: one form, or nothing."""
    if command.ask is None:
        return {}
    name = command.title or command.name
    message = command.ask.get("description") or command.ask.get("title")
    return {FORM: request(message or f"{name} asks before it starts", command.ask)}


def awaited(command: Command) -> frozenset[str]:
    """Return the names that the form of a command will give a value."""
    return frozenset((command.ask or {}).get("properties", ()))


def number(memory: Mapping[str, Json], questions: Iterable[Question]) -> dict[str, Question]:
    """Give the next keys to what a function asks, behind those that the store keeps."""
    first = len(answers(memory)) + 1
    return {f"ask-{count}": each for count, each in enumerate(questions, first)}


def remember(memory: Mapping[str, Json], contents: Mapping[str, Json]) -> dict[str, Json]:
    """Return what the store keeps once these answers are there, by key."""
    known = {key: memory.get(key, {"digest": None}) for key in contents}
    return {**memory, **{key: {**known[key], "content": contents[key]} for key in contents}}


def answers(memory: Mapping[str, Json]) -> list[Json]:
    """Return what the store keeps of the questions of a function, in the order of their asking."""
    return [memory[key] for key in sorted(memory.keys() - {FORM}, key=_place)]


def _place(key: str) -> int:
    return int(key.rpartition("-")[2])


def filled(arguments: Mapping[str, Json], memory: Mapping[str, Json]) -> dict[str, Json]:
    """Return the arguments with the answers of the form, which go before arguments of their names."""
    return {**arguments, **(memory[FORM]["content"] if FORM in memory else {})}


def checked(key: str, asked: Mapping[str, Any], content: Mapping[str, Json]) -> dict[str, Json]:
    """Return the content of an answer with the defaults filled in, once it fits its request.

    Raises:
        InvalidArguments: it does not; all faults at once, or fields that were not asked for.
    """
    schema = {**asked["params"]["requestedSchema"], **_CLOSED}
    return check_arguments(schema, content, prefix=path_of(key))


def path_of(key: str) -> str:
    """Return the JSON pointer to the content of an answer in what the caller sent."""
    return f"/responses/{key}/content"
