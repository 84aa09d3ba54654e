"""What the routes depend on: the services, and who calls."""

from typing import Annotated, cast

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter, ValidationError

from errandry.auth.bearer import bearer_token
from errandry.auth.verifier import TokenVerifier
from errandry.errors import Fault, InvalidField, RevisionMismatch
from errandry.principal import Principal
from errandry.service.forms import IdempotencyKey
from errandry.service.services import Services

_SCHEME = HTTPBearer(auto_error=False, bearerFormat="JWT")  # for the OpenAPI document alone
_KEY: TypeAdapter[str] = TypeAdapter(IdempotencyKey)


def _caller(request: Request, _: Annotated[object, Security(_SCHEME)]) -> Principal:
    verifier = cast("TokenVerifier", request.app.state.verifier)
    return verifier.verify(bearer_token(request.headers.get("authorization"))).principal


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


def _idempotency_key(
    key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> str | None:
    if key is None:
        return None
    try:
        return _KEY.validate_python(key)
    except ValidationError as error:
        message = "The header Idempotency-Key is not 1 to 255 printable ASCII characters"
        raise InvalidField(message, faults=[Fault("Idempotency-Key", message)]) from error


def _expected_revision(
    tag: Annotated[str | None, Header(alias="If-Match")] = None,
) -> int | None:
    """The revision in If-Match; `*` matches any. A weak or foreign tag matches none (RFC 9110, 13.1.1)."""
    if tag is None or tag.strip() == "*":
        return None
    number = tag.strip().strip('"')
    if not number.isdecimal():
        raise RevisionMismatch(
            f"If-Match is {tag}, which is no revision of a task",
            next_step='Use the ETag of an earlier answer, for example "3".',
        )
    return int(number)


def _expected_digest(
    tag: Annotated[str | None, Header(alias="If-Match")] = None,
) -> str | None:
    """The digest in If-Match; `*` matches any. A weak tag is no digest, so it matches none."""
    return None if tag is None or tag.strip() == "*" else tag.strip().strip('"')


Caller = Annotated[Principal, Depends(_caller)]
Use = Annotated[Services, Depends(_services)]
Key = Annotated[str | None, Depends(_idempotency_key)]
Revision = Annotated[int | None, Depends(_expected_revision)]
Digest = Annotated[str | None, Depends(_expected_digest)]
