"""Reads the text of a token strictly, before any key is tried (RFC 7515, 7519, 8725, 9068).

The signature library takes the last of two equal claims, numbers in strings, any `typ` and a token
of any size; all of that is refused here.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from errandry import jsontext
from errandry.errors import InvalidToken, NotAuthenticated
from errandry.principal import SCOPES

MAX_TOKEN_CHARACTERS: Final = 8192
MAX_SUBJECT_CHARACTERS: Final = 255

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_TYPES: Final = ("jwt", "at+jwt", "application/at+jwt")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says; nothing of it is true before its signature is checked.

    `issued_at` and `expires_at` are seconds since 1970.
    """

    text: str
    algorithm: str
    kid: str | None
    issuer: str
    subject: str
    issued_at: int
    expires_at: int
    scopes: frozenset[str]


def refusal(reason: str) -> NotAuthenticated:
    """Say why a token is refused, without a character of it."""
    return InvalidToken(
        f"The token is not accepted: {reason}",
        next_step="Get a new token and send it as `Authorization: Bearer <token>`.",
    )


def is_subject(text: str) -> bool:
    """Whether the text may name a caller: 1 to 255 printable characters."""
    return 1 <= len(text) <= MAX_SUBJECT_CHARACTERS and text.isprintable()


def read(text: str) -> Token:
    """Read a JWT in compact form.

    Raises:
        NotAuthenticated: its form, header or claims are not as they must be.
    """
    if len(text) > MAX_TOKEN_CHARACTERS:
        raise refusal(f"it is longer than {MAX_TOKEN_CHARACTERS} characters")
    parts = _COMPACT.fullmatch(text)
    if not parts:
        raise refusal("it is no JWT in compact form")
    header, claims, _ = (_decode(part) for part in parts.groups())
    algorithm, kid = _read_header(_object(header, "header"))
    return _read_claims(_object(claims, "claims"), text, algorithm, kid)


def _decode(part: str) -> bytes:
    """Decode base64url in its one canonical form: other spellings would make a second token."""
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise refusal("it is no JWT in compact form") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise refusal("it is no JWT in compact form")
    return raw


def _object(raw: bytes, name: str) -> Mapping[str, Any]:
    try:
        document = jsontext.loads(raw)
    except jsontext.JsonError:
        raise refusal(f"its {name} cannot be read as JSON") from None
    if not isinstance(document, dict):
        raise refusal(f"its {name} must be a JSON object")
    return document


def _read_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return `alg` and `kid`; keys that a header brings or points to are never looked at."""
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str):
        raise refusal("its header names no algorithm")
    if kid is not None and not isinstance(kid, str):
        raise refusal("its kid is no string")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise refusal("its typ is neither JWT nor at+jwt")
    if "crit" in header:
        raise refusal("it demands an extension that this server does not know")
    return algorithm, kid


def _read_claims(claims: Mapping[str, Any], text: str, algorithm: str, kid: str | None) -> Token:
    for name in ("iss", "sub", "aud", "exp", "iat"):
        if claims.get(name) is None:
            raise refusal(f"it has no {name}")
    for name in ("exp", "iat", "nbf"):
        if type(claims.get(name, 0)) is not int:  # a bool is an int, too
            raise refusal(f"its {name} is no whole number")
    issuer, subject = claims["iss"], claims["sub"]
    if not isinstance(issuer, str):
        raise refusal("its iss is no string")
    if not isinstance(subject, str) or not is_subject(subject):
        raise refusal(f"its sub is no text of 1 to {MAX_SUBJECT_CHARACTERS} printable characters")
    return Token(
        text, algorithm, kid, issuer, subject, claims["iat"], claims["exp"], _scopes(claims)
    )


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the known scopes of `scope` (RFC 9068: a string) and `scp` (a list)."""
    scope, listed = claims.get("scope", ""), claims.get("scp", [])
    if not isinstance(scope, str):
        raise refusal("its scope is no string")
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise refusal("its scp is no list of strings")
    return frozenset(SCOPES) & {*scope.split(" "), *listed}
