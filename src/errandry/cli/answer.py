"""``errandry tasks answer REF``: answers what a task asks, from words or from a person on a terminal."""

import argparse
import sys
from typing import Any, Final

from errandry.cli import render, wording
from errandry.cli.api import Document, task_path
from errandry.cli.arguments import read_arguments
from errandry.cli.connection import connect
from errandry.cli.exits import Exit, Refusal

_BOOLEANS: Final = {"y": "true", "yes": "true", "n": "false", "no": "false"}


def answer(options: argparse.Namespace) -> Exit:
    """Answer a question of a task; on a terminal and without words, each of them."""
    with connect(options) as api:
        task = api.get(task_path(options.ref))["task"]
        body = {"responses": _responses(task, options)}
        task = api.post(task_path(task["id"], "input"), body)["task"]
    if options.json:
        render.print_json(task)
    else:
        print(f"{task['alias']} {task['state']}")
    return Exit.DONE


def _responses(task: Document, options: argparse.Namespace) -> dict[str, Document]:
    asked = _asked(task, options.question)
    if not (options.arguments or options.accept or options.decline):
        return {key: _from_person(task, params) for key, params in asked.items()}
    if len(asked) > 1 and not options.decline:
        raise Refusal(
            Exit.USAGE,
            f"{task['alias']} asks several things: {', '.join(asked)}",
            "Say which one you answer with --question.",
        )
    if options.decline:
        return {key: {"action": "decline"} for key in asked}
    [(key, params)] = asked.items()
    return {key: _accepted(read_arguments(options.arguments, params["requestedSchema"]))}


def _asked(task: Document, chosen: str | None) -> dict[str, Document]:
    """Return what a task asks, or what was chosen of it: the parameters of its requests by key.

    Raises:
        Refusal: it asks nothing, or not that.
    """
    requests = task["input_requests"] or {}
    if not requests:
        raise Refusal(Exit.CONFLICT, f"{task['alias']} is {task['state']} and asks nothing")
    if chosen is not None and chosen not in requests:
        raise Refusal(
            Exit.NOT_FOUND, f'{task["alias"]} asks no "{chosen}", but {", ".join(requests)}'
        )
    return {key: request["params"] for key, request in requests.items() if chosen in (None, key)}


def _accepted(content: dict[str, Any]) -> Document:
    return {"action": "accept", "content": content}


def _from_person(task: Document, params: Document) -> Document:
    """Show a question and read the answer, field by field; an empty line leaves a field out.

    Raises:
        Refusal: there is nobody to ask, or no answer.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refusal(
            Exit.USAGE,
            f"{task['alias']} asks: {wording.line(params['message'])}",
            "Give key=value, --accept or --decline, or answer in a terminal.",
        )
    schema = params["requestedSchema"]
    render.complain(f"{task['alias']} asks: {params['message']}")
    words = []
    for name, field in schema["properties"].items():
        if text := _read(task, _prompt(name, field, is_needed=name in schema.get("required", ()))):
            boolean = field["type"] == "boolean"
            words.append(f"{name}={_BOOLEANS.get(text.lower(), text) if boolean else text}")
    if not schema["properties"] and _read(
        task, "Type yes to agree, anything else to decline"
    ) not in ("y", "yes"):
        return {"action": "decline"}
    return _accepted(read_arguments(words, schema))


def _prompt(name: str, field: Document, *, is_needed: bool) -> str:
    """Say what a field is, what it may be, and what it is when left out."""
    told = [field.get("title") or name, field.get("description"), _choices(field)]
    text = ", ".join(part for part in told if part)
    if "default" in field:
        return f"{text} [{field['default']}]"
    return text if is_needed else f"{text} (may be left out)"


def _choices(field: Document) -> str:
    """Name what can be chosen: a list of texts takes one of them here."""
    items = field.get("items", field)
    if field["type"] == "boolean":
        return "yes or no"
    named = [each.get("const") for each in items.get("oneOf", items.get("anyOf", ()))]
    choices = items.get("enum") or [name for name in named if name is not None]
    return f"one of {', '.join(map(str, choices))}" if choices else ""


def _read(task: Document, prompt: str) -> str:
    print(f"{wording.line(prompt)}: ", end="", file=sys.stderr, flush=True)
    text = sys.stdin.readline()
    if not text:
        raise Refusal(Exit.USAGE, f"Nothing was answered; {task['alias']} waits on")
    return text.strip()
