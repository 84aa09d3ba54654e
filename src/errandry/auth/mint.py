"""Makes the tokens of the local issuer, signed with the secret of the data folder."""

import secrets
from collections.abc import Iterable

import jwt

from errandry import clock
from errandry.auth.claims import is_subject
from errandry.auth.verifier import LOCAL_AUDIENCE
from errandry.principal import LOCAL_ISSUER


def mint(
    secret: bytes,
    sub: str,
    scopes: Iterable[str],
    lifetime_s: int,
    audience: str = LOCAL_AUDIENCE,
) -> str:
    """Return a token for the principal (`errandry:local`, `sub`).

    Raises:
        ValueError: `sub` is no text of 1 to 255 printable characters; no server would accept it.
    """
    if not is_subject(sub):
        raise ValueError("a token's sub needs 1 to 255 printable characters")
    issued_at = int(clock.now().timestamp())
    claims = {
        "iss": LOCAL_ISSUER,
        "sub": sub,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + lifetime_s,
        "jti": secrets.token_hex(16),
        "scope": " ".join(sorted(scopes)),
    }
    return jwt.encode(claims, secret, algorithm="HS256")
