"""The token in a request (RFC 6750, section 2.1): only ever in the Authorization header."""

from errandry.errors import NotAuthenticated


def bearer_token(authorization: str | None) -> str:
    """Return the token of an `Authorization` header.

    Raises:
        NotAuthenticated: there is none.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticated(
            "This needs a bearer token",
            next_step='Send "Authorization: Bearer <token>"; `errandry token` on the server prints one.',
        )
    return token.strip()
