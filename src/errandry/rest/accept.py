"""Which form of an answer a client wants."""

from fastapi import Request

from errandry.errors import NotAcceptable


def accepted(request: Request, *offered: str) -> str:
    """Return the first media type of the Accept header that is offered (RFC 9110, 12.5.1).

    Raises:
        NotAcceptable: none is.
    """
    accept = request.headers.get("accept", "*/*")
    for part in accept.split(","):
        wanted = part.partition(";")[0].strip().lower()
        for kind in offered:
            if wanted in (kind, "*/*", kind.partition("/")[0] + "/*"):
                return kind
    raise NotAcceptable(f"This comes as {' or '.join(offered)}, not as {accept}")
