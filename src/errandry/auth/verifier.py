"""JWT -> Principal: the one check that every facade calls for every request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import jwt

from errandry.auth.claims import Token, read, refusal
from errandry.auth.keys import KeySource
from errandry.principal import LOCAL_ISSUER, Principal

if TYPE_CHECKING:
    from jwt.types import Options

LOCAL_AUDIENCE: Final = "urn:errandry:local"
"""The audience of this machine's own tokens, which so outlive a change of port."""

_OPTIONS: Final["Options"] = {
    "require": ["exp", "iat", "sub", "aud", "iss"],
    "enforce_minimum_key_length": True,
}
_REASONS: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is meant for another audience",
}


@dataclass(frozen=True, slots=True)
class Verified:
    """The caller, and until when its token speaks for it: a longer stream must end then."""

    principal: Principal
    expires_at: datetime


class TokenVerifier:
    """Checks tokens against the keys of each issuer.

    Args:
        sources: where keys come from; several may serve one issuer.
        resource: the public URL of this server. A token must be meant for it, with or without a
            trailing slash, or for its `/mcp`.
        leeway_s: how far the clocks of issuer and server may differ.
    """

    def __init__(self, sources: Sequence[KeySource], resource: str, leeway_s: float = 30) -> None:
        base = resource.rstrip("/")
        self._sources = tuple(sources)
        self._audiences = (resource, base, f"{base}/", f"{base}/mcp")
        self._leeway_s = leeway_s

    def verify(self, token: str) -> Verified:
        """Return who holds the token.

        Raises:
            NotAuthenticated: for whatever reason; the message names it and shows nothing of the token.
        """
        try:
            return self._verify(read(token))
        except (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError) as error:
            reason = _REASONS.get(type(error), "it cannot be checked")
            raise refusal(reason) from None  # the library's texts may show parts of the token

    def _verify(self, token: Token) -> Verified:
        for source in self._sources:
            if source.issuer == token.issuer:
                for key in source.candidates(token.algorithm, token.kid):
                    if self._is_signed_with(key, token):
                        return _accept(token, source)
        raise refusal("no key that this server trusts has signed it")

    def _is_signed_with(self, key: jwt.PyJWK, token: Token) -> bool:
        local = (LOCAL_AUDIENCE,) if token.issuer == LOCAL_ISSUER else ()
        try:
            jwt.decode(
                token.text,
                key,
                algorithms=[key.algorithm_name],
                issuer=token.issuer,
                audience=(*self._audiences, *local),
                leeway=self._leeway_s,
                options=_OPTIONS,
            )
        except jwt.InvalidSignatureError:
            return False
        return True


def _accept(token: Token, source: KeySource) -> Verified:
    if not 0 < token.expires_at - token.issued_at <= source.max_lifetime_s:
        raise refusal(f"it must last more than 0 and at most {source.max_lifetime_s:.0f} s")
    return Verified(
        Principal(token.issuer, token.subject, token.scopes),
        datetime.fromtimestamp(token.expires_at, UTC),
    )
