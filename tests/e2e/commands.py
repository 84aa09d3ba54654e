"""The commands of the shared server."""

from typing import Any, Final

from support.server import Document, shell

GATED: Final = """
echo begun
until [ -e "$1" ]; do sleep 0.02; done
echo ended
"""
"""Says that it has begun, and ends when the file $1 is there."""

STEPPED: Final = """
echo '{"current": 1, "total": 2, "message": "half way"}' >> "$ERRANDRY_PROGRESS"
until [ -e "$1" ]; do sleep 0.02; done
echo '::progress {"current": 2, "total": 2, "message": "there"}'
"""
"""Reports progress, and goes on when the file $1 is there."""

TREE: Final = """
sleep 1000 &
( (trap "" TERM HUP; sleep 1000; :) & )
echo > "$1"
wait
"""
"""Starts a child and an orphan that minds no signal, says so in the file $1, and never ends."""

NOISY: Final = r"""
seq 1 40
printf '\033[31merror: the disk is on fire\033[0m\n' >&2
yes same | head -n 20
seq 41 80
printf 'no end \377'
"""

BLOCKS: Final = """
echo '{"content": [{"type": "text", "text": "one"},
  {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}]}' > "$ERRANDRY_RESULT"
"""

ANSWER: Final = 'printf "%s" "$1" > "$ERRANDRY_RESULT"'
"""Gives the text $1 as its result."""

GREETING: Final[Document] = {
    "type": "object",
    "properties": {"greeting": {"type": "string"}},
    "required": ["greeting"],
}

TYPED: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "width": {"type": "integer", "minimum": 1, "maximum": 10},
        "colour": {"enum": ["red", "green"], "default": "red"},
    },
    "required": ["width"],
    "additionalProperties": False,
}


def _tool(name: str, script: str, *parameters: str, **fields: Any) -> Document:
    return shell(name, script, *parameters, expose="tool", **fields)


COMMANDS: Final = (
    _tool("echo", 'printf "%s\\n" "$1"', "a"),
    _tool(
        "greet",
        'printf \'{"greeting": "Hello, %s!"}\' "$1" > "$ERRANDRY_RESULT"',
        "a",
        result=GREETING,
        title="Greet someone",
        annotations={"read_only": True, "idempotent": True},
        tags=["small"],
    ),
    _tool("count", 'echo 42 > "$ERRANDRY_RESULT"', result={"type": "integer"}),
    _tool("blocks", BLOCKS),
    _tool("answer", ANSWER, "a"),
    _tool("declared", ANSWER, "a", result={"type": "object"}),
    _tool("fails", 'echo "cannot open the door" >&2; exit "$1"', "a"),
    _tool("gated", GATED, "a", wait_s=0),
    _tool("stepped", STEPPED, "a"),
    _tool("leaves", GATED, "a", on_disconnect="cancel"),
    _tool("stays", GATED, "a", on_disconnect="continue"),
    _tool("typed", "true") | {"parameters": TYPED},
    shell("generic", "echo generic", expose="generic"),
    shell("hidden", "echo hidden", expose="hidden"),
    shell("guarded", "echo approved", approval="always"),
    shell("tree", TREE, "a"),
    shell("noisy", NOISY),
    shell("fragile", "echo first"),
)
