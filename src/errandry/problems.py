"""One table: what each refusal is called on the wire (RFC 9457, `application/problem+json`)."""

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from errandry import errors
from errandry.errors import ErrandryError

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[type[ErrandryError], HTTPStatus]] = {
    ErrandryError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.InvalidField: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownField: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidArguments: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidCommand: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.InvalidToken: HTTPStatus.UNAUTHORIZED,
    errors.NotPermitted: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.TaskNotFound: HTTPStatus.NOT_FOUND,
    errors.CommandNotFound: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.CommandExists: HTTPStatus.CONFLICT,
    errors.AmbiguousAlias: HTTPStatus.CONFLICT,
    errors.TaskActive: HTTPStatus.CONFLICT,
    errors.TaskNotEditable: HTTPStatus.CONFLICT,
    errors.IdempotencyConflict: HTTPStatus.CONFLICT,
    errors.DigestMismatch: HTTPStatus.CONFLICT,
    errors.RevisionMismatch: HTTPStatus.PRECONDITION_FAILED,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MisdirectedRequest: HTTPStatus.MISDIRECTED_REQUEST,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Every class of error and its status; a test walks the tree."""

RETRY_AFTER_S: Final = 2


def problem(error: ErrandryError) -> dict[str, Any]:
    """Return the problem object of an error: the body on REST, `structuredContent` on MCP."""
    status = STATUS[type(error)]
    return {
        "type": f"urn:errandry:problem:{error.code}",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message,
        "code": error.code,
        "errors": [
            {"path": fault.path, "message": fault.message, "allowed": fault.allowed}
            for fault in error.faults
        ]
        or None,
        "next_step": error.next_step,
        **error.facts,
    }


def unexpected() -> ErrandryError:
    """Return what a caller is told of a fault of ours: nothing but that it is one."""
    return ErrandryError(
        "The server failed to handle this request; nothing of it is known to have happened",
        next_step="Repeat it with the same idempotency key, or report it with the X-Request-ID of the answer.",
    )


def problem_response(error: ErrandryError, challenge: str) -> JSONResponse:
    """Return the problem document of an error with its status and headers."""
    body = problem(error)
    return JSONResponse(body, body["status"], headers(error, challenge), media_type=MEDIA_TYPE)


def headers(error: ErrandryError, challenge: str) -> dict[str, str]:
    """Return the headers of an error; `challenge` is the server's `WWW-Authenticate` parameters.

    RFC 6750, section 3: without any token no `error`; RFC 9728: where the metadata are.
    """
    match error:
        case errors.InvalidToken():
            return {"WWW-Authenticate": f'Bearer error="invalid_token", {challenge}'}
        case errors.NotAuthenticated():
            return {"WWW-Authenticate": f"Bearer {challenge}"}
        case errors.NotPermitted():
            scopes = " ".join(error.facts.get("required_scopes", []))
            metadata = challenge.partition(",")[0]
            return {
                "WWW-Authenticate": f'Bearer error="insufficient_scope", {metadata}, scope="{scopes}"'
            }
        case errors.TooManyRequests() | errors.Unavailable():
            return {"Retry-After": str(RETRY_AFTER_S)}
        case _:
            return {}
