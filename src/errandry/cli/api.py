"""The REST API as the verbs use it: JSON in and out, every refusal an exception."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx2

from errandry.cli.exits import Exit, Refusal, refused

MAX_WAIT_S: Final = 50
"""The longest that one request may ask the server to wait."""

MAX_PAGE: Final = 100
_CONNECT_S: Final = 5
_REPLY_S: Final = 30

Document = dict[str, Any]


def task_path(ref: str, *more: str) -> str:
    """Return the path of a task, named by id or alias, or of something below it."""
    return "/".join(("/tasks", quote(ref, safe=""), *more))


def command_path(name: str) -> str:
    """Return the path of a command."""
    return f"/commands/{quote(name, safe='')}"


class Api:
    """One server, seen as one principal.

    Every method raises `Refusal`: the server refused, cannot be reached, or is none of ours.
    """

    def __init__(self, client: httpx2.Client, hint: str) -> None:
        """Use `client` (base URL and credentials set); `hint` says what to do when nobody answers."""
        self._client = client
        self._client.timeout = httpx2.Timeout(_REPLY_S, connect=_CONNECT_S)
        self._hint = hint

    def get(self, path: str, *, wait_s: float = 0, **query: Any) -> Document:
        """Read one document; None leaves a query field out, a list repeats it."""
        if wait_s:
            query["wait"] = wait_s
        timeout = httpx2.Timeout(_REPLY_S + wait_s, connect=_CONNECT_S)
        return self._call("GET", path, params=_given(query), timeout=timeout)

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Document:
        """Send one document. With an idempotency key a lost answer is asked for once more."""
        if key is None:
            return self._call("POST", path, json=_given(body))
        headers = {"Idempotency-Key": key}
        try:
            return self._send("POST", path, json=_given(body), headers=headers)
        except httpx2.TransportError:
            return self._call("POST", path, json=_given(body), headers=headers)

    def pages(self, path: str, name: str, limit: int, **query: Any) -> Iterator[Document]:
        """Yield up to `limit` objects of the array `name`, over as many pages as it takes."""
        cursor = None
        while limit > 0:
            size = min(limit, MAX_PAGE)
            page = self.get(path, limit=size, cursor=cursor, **query)
            yield from page[name]
            limit -= size
            if (cursor := page["next_cursor"]) is None:
                return

    def download(self, path: str, **query: Any) -> Iterator[bytes]:
        """Stream a plain text as it is stored."""
        headers = {"Accept": "text/plain"}
        try:
            with self._client.stream("GET", path, params=_given(query), headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    _document(answer)
                yield from answer.iter_bytes()
        except httpx2.TransportError as error:
            raise self._lost(error) from error

    def _call(self, method: str, path: str, **request: Any) -> Document:
        try:
            return self._send(method, path, **request)
        except httpx2.TransportError as error:
            raise self._lost(error) from error

    def _send(self, method: str, path: str, **request: Any) -> Document:
        return _document(self._client.request(method, path, **request))

    def _lost(self, error: httpx2.TransportError) -> Refusal:
        reason = str(error) or type(error).__name__
        return Refusal(
            Exit.NO_SERVER, f"No answer from {self._client.base_url}: {reason}", self._hint
        )


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _document(answer: httpx2.Response) -> Document:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        if answer.is_success:
            return document
        if document.keys() >= {"status", "detail", "code"}:
            raise refused(document)
    raise Refusal(
        Exit.NO_SERVER,
        f"{answer.url} answered {answer.status_code} and does not look like an errandry server",
    )
