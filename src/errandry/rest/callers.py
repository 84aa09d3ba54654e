"""What the routes depend on: the services, who calls, and the headers that say more.

All of it is `async` though nothing waits: FastAPI gives what is not to a thread, for each request.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, cast

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter, ValidationError

from errandry.auth.bearer import bearer_token
from errandry.auth.verifier import TokenVerifier, Verified
from errandry.errors import Fault, InvalidField
from errandry.principal import Principal
from errandry.rest.sse import Streams
from errandry.service.forms import EventNumber, IdempotencyKey
from errandry.service.live import Frames
from errandry.service.services import Services

_SCHEME = HTTPBearer(auto_error=False, bearerFormat="JWT")  # for the OpenAPI document alone
_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)
_NUMBER: TypeAdapter[int] = TypeAdapter(EventNumber)
_TAG: Final = re.compile(r'W/"[^"]*"|"[^"]*"|[^\s,"]+')
_REVISION: Final = re.compile(r"[0-9]{1,18}")


async def verified(request: Request) -> Verified:
    """Return whose token the request carries, and until when it speaks for them.

    Raises:
        NotAuthenticated: it carries none, or one that is not accepted.
    """
    verifier = cast("TokenVerifier", request.app.state.verifier)
    return verifier.verify(bearer_token(request.headers.get("authorization")))


Token = Annotated[Verified, Depends(verified)]


async def _caller(token: Token, _: Annotated[object, Security(_SCHEME)]) -> Principal:
    return token.principal


async def _stream(request: Request, token: Token) -> Callable[[Frames], Response]:
    """What answers with a stream that ends with the caller's token."""
    streams = cast("Streams", request.app.state.streams)
    return partial(streams.answer, expires_at=token.expires_at)


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


async def _idempotency_key(
    _: Token,  # whoever has none is not told what else is wrong
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", json_schema_extra=_KEY.json_schema())
    ] = None,
) -> str | None:
    if key is None:
        return None
    try:
        return _KEY.validate_python(key)
    except ValidationError as error:
        message = "The header Idempotency-Key is not 1 to 255 printable ASCII characters"
        raise InvalidField(message, faults=[Fault("Idempotency-Key", message)]) from error


async def _expected_tags(
    tags: Annotated[str | None, Header(alias="If-Match")] = None,
) -> frozenset[str] | None:
    """The tags in If-Match, None for any; a weak one matches nothing (RFC 9110, 13.1.1)."""
    if tags is None or tags.strip() == "*":
        return None
    return frozenset(found.strip('"') for found in _TAG.findall(tags) if found[:2] != "W/")


async def _expected_revisions(
    tags: Annotated[frozenset[str] | None, Depends(_expected_tags)],
) -> frozenset[int] | None:
    """The revisions in If-Match, None for any; what is no number is no revision of a task."""
    if tags is None:
        return None
    return frozenset(int(tag) for tag in tags if _REVISION.fullmatch(tag))


async def _resumed_after(
    _: Token,
    number: Annotated[
        str | None, Header(alias="Last-Event-ID", json_schema_extra={"pattern": "^[0-9]+$"})
    ] = None,
) -> int | None:
    """The number of the last event that a client which connects again has seen."""
    if number is None:
        return None
    try:
        return _NUMBER.validate_python(number)
    except ValidationError as error:
        message = "The header Last-Event-ID is no number of an event"
        faults = [Fault("Last-Event-ID", message, "the id of the last frame that had one")]
        raise InvalidField(message, faults=faults) from error


Caller = Annotated[Principal, Depends(_caller)]
Use = Annotated[Services, Depends(_services)]
Key = Annotated[str | None, Depends(_idempotency_key)]
Revisions = Annotated[frozenset[int] | None, Depends(_expected_revisions)]
Digests = Annotated[frozenset[str] | None, Depends(_expected_tags)]
Resumed = Annotated[int | None, Depends(_resumed_after)]
Stream = Annotated[Callable[[Frames], Response], Depends(_stream)]
