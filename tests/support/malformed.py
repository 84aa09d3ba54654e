"""Messages that no client should send, by what is wrong with them and what has to be answered."""

import json
from typing import Any, Final

from support.server import Document

PREFIX: Final = "io.modelcontextprotocol/"
ENVELOPE: Final[Document] = {
    f"{PREFIX}protocolVersion": "2026-07-28",
    f"{PREFIX}clientCapabilities": {},
}
GREET: Final = (
    '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"greet","arguments":'
)
REQUEST: Final = '{"jsonrpc":"2.0","id":77,"method":"tools/list"}'

UNREADABLE: Final = {
    "an open brace": b"{",
    "an open text": b'{"jsonrpc',
    "half a request": REQUEST[:-5].encode(),
    "prose": b"hello there",
    "a comment": b"{} // nothing",
    "a trailing comma": b'{"jsonrpc":"2.0",}',
    "single quotes": b"{'jsonrpc':'2.0'}",
    "two documents": (REQUEST + REQUEST).encode(),
    "bytes that are no text": b"\xff\xfe\xfa",
    "UTF-16": REQUEST.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + REQUEST.encode(),
    "a cut-off character": REQUEST.replace("list", "l\u00ef").encode()[:-4],
    "a key twice": b'{"jsonrpc":"2.0","id":77,"id":78,"method":"tools/list"}',
    "a key twice, deep inside": f'{GREET}{{"a":"x","a":"y"}}}}}}'.encode(),
    "NaN": f'{GREET}{{"a":NaN}}}}}}'.encode(),
    "Infinity": f'{GREET}{{"a":-Infinity}}}}}}'.encode(),
    "a number beyond all": f'{GREET}{{"a":-1e999}}}}}}'.encode(),
    "a lone surrogate": (GREET + r'{"a":"\ud800"}}}').encode(),
    "a NUL": (GREET + r'{"a":"x\u0000"}}}').encode(),
    "a NUL in the method": rb'{"jsonrpc":"2.0","id":77,"method":"tools/\u0000list"}',
    "many levels": f'{GREET}{{"a":{"[" * 100}{"]" * 100}}}}}}}'.encode(),
    "very many levels": b"[" * 100_000 + b"]" * 100_000,
    "a number of 5,000 digits": f'{GREET}{{"a":{"9" * 5000}}}}}}}'.encode(),
}
"""Parse errors: -32700, id null."""


def enveloped(**change: Any) -> bytes:
    """Return a request of the modern era with some members changed, or left out (`...`)."""
    message = {"jsonrpc": "2.0", "id": 77, "method": "tools/list", "params": {"_meta": ENVELOPE}}
    return json.dumps({k: v for k, v in (message | change).items() if v is not ...}).encode()


NO_MESSAGE: Final = {
    "null": b"null",
    "true": b"true",
    "a number": b"42",
    "a text": b'"text"',
    "an empty list": b"[]",
    "a list of a number": b"[1]",
    "a batch": b"[" + enveloped() + b"," + enveloped(id=78) + b"]",
    "an empty object": b"{}",
    "the version 1.0": enveloped(jsonrpc="1.0"),
    "no version": enveloped(jsonrpc=...),
    "a number as version": enveloped(jsonrpc=2),
    "no method": enveloped(method=...),
    "null as method": enveloped(method=None),
    "a number as method": enveloped(method=7),
    "a list as method": enveloped(method=["tools/list"]),
    "an object as id": enveloped(id={"a": 1}),
    "a list as id": enveloped(id=[1]),
    "true as id": enveloped(id=True),
    "null as id": enveloped(id=None),
    "a fraction as id": enveloped(id=1.5),
    "a list as params": enveloped(params=[1]),
    "a text as params": enveloped(params="p"),
    "a number as params": enveloped(params=5),
    "an answer to nothing": b'{"jsonrpc":"2.0","result":{}}',
}
"""JSON, and no message: -32600, id null."""

UNKNOWN_TASK: Final = f"task://tsk_{'0' * 32}"

REFUSED: Final[dict[str, tuple[str, Any, int]]] = {
    "an unknown method": ("tools/nothing", {}, -32601),
    "an empty method": ("", {}, -32601),
    "an unknown method of tasks": ("tasks/nothing", {}, -32601),
    "a call without a name": ("tools/call", {"arguments": {}}, -32602),
    "a call of null": ("tools/call", {"name": None}, -32602),
    "a call of no tool": ("tools/call", {"name": "__proto__", "arguments": {}}, -32602),
    "a list as arguments": ("tools/call", {"name": "greet", "arguments": [1]}, -32602),
    "a text as arguments": ("tools/call", {"name": "greet", "arguments": "x"}, -32602),
    "a number as cursor": ("tools/list", {"cursor": 5}, -32602),
    "no cursor of this list": ("resources/list", {"cursor": "%%%"}, -32602),
    "a read of nothing": ("resources/read", {}, -32602),
    "a read of null": ("resources/read", {"uri": None}, -32602),
    "a read of a file": ("resources/read", {"uri": "file:///etc/passwd"}, -32602),
    "a read of a very long uri": ("resources/read", {"uri": "task://" + "u" * 4000}, -32602),
    "a read of an unknown task": ("resources/read", {"uri": UNKNOWN_TASK}, -32602),
    "no prompt": ("prompts/get", {}, -32602),
    "an unknown prompt": ("prompts/get", {"name": "none"}, -32602),
    "numbers for a prompt": (
        "prompts/get",
        {"name": "new-command", "arguments": {"purpose": 5}},
        -32602,
    ),
    "a completion of nothing": ("completion/complete", {}, -32602),
    "a completion of no kind": (
        "completion/complete",
        {"ref": {"type": "ref/none"}, "argument": 5},
        -32602,
    ),
    "a completion of no template": (
        "completion/complete",
        {"ref": {"type": "ref/resource", "uri": "x://"}, "argument": {"name": "x", "value": ""}},
        -32602,
    ),
}
"""Requests that name what is not there, or not in the right form."""

MODERN_ONLY: Final[dict[str, tuple[str, Any, int]]] = {
    "a text to listen to": ("subscriptions/listen", {"notifications": "all"}, -32602),
    "numbers to listen to": (
        "subscriptions/listen",
        {"notifications": {"resourceSubscriptions": [1]}},
        -32602,
    ),
    "tasks that are no list": (
        "subscriptions/listen",
        {"notifications": {"taskIds": "all"}},
        -32602,
    ),
    "a list as capabilities": (
        "tools/list",
        {"_meta": ENVELOPE | {f"{PREFIX}clientCapabilities": [1]}},
        -32602,
    ),
    "no capabilities": (
        "tools/list",
        {"_meta": {f"{PREFIX}protocolVersion": "2026-07-28"}},
        -32602,
    ),
    "an object as progress token": (
        "tools/list",
        {"_meta": ENVELOPE | {"progressToken": {"a": 1}}},
        -32602,
    ),
}

TOOL_ERRORS: Final[dict[str, Document]] = {
    "a wrong type": {"name": "greet", "arguments": {"a": {"$ref": "file:///etc/passwd"}}},
    "a very large number": {"name": "typed", "arguments": {"width": 1e308}},
    "an unknown argument": {"name": "greet", "arguments": {"a": "x", "__class__": 1}},
    "no cursor of the list": {"name": "list_tasks", "arguments": {"cursor": "%%%"}},
    "a broken pattern": {
        "name": "read_task_log",
        "arguments": {"task": "greet-1", "mode": "grep", "pattern": "("},
    },
    "a negative wait": {"name": "run_command", "arguments": {"command": "greet", "wait_s": -1}},
}

UNANSWERED: Final[dict[str, Document]] = {
    "an unknown notification": {"method": "notifications/nothing"},
    "a cancellation of nothing": {"method": "notifications/cancelled"},
    "a cancellation of what is not there": {
        "method": "notifications/cancelled",
        "params": {"requestId": "none"},
    },
    "progress of nothing": {
        "method": "notifications/progress",
        "params": {"progressToken": "none", "progress": 1},
    },
}
