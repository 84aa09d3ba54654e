"""``errandry token``: a token of the local issuer."""

import argparse
from typing import Final

from errandry.auth.keys import DAY_S
from errandry.auth.mint import mint
from errandry.cli.config import read_settings
from errandry.cli.exits import Exit, Refusal
from errandry.cli.secret import secret_of
from errandry.errors import nearest
from errandry.principal import AGENT_SCOPES, SCOPES

_MAX_DAYS: Final = 365


def token(options: argparse.Namespace) -> Exit:
    """Print a token, alone on stdout."""
    settings = read_settings()
    if settings.local_issuer == "off":
        raise Refusal(
            Exit.FORBIDDEN, "Tokens of this machine are switched off (ERRANDRY_LOCAL_ISSUER=off)"
        )
    if not 0 < options.days <= _MAX_DAYS:
        raise Refusal(
            Exit.USAGE, f"--days {options.days:g} is not allowed: more than 0, at most {_MAX_DAYS}"
        )
    scopes = _scopes(options.scope) or AGENT_SCOPES
    secret = secret_of(settings.data_dir)
    try:
        text = mint(secret, options.sub, scopes, max(1, int(options.days * DAY_S)))
    except ValueError as error:
        raise Refusal(Exit.USAGE, f"--sub is not allowed: {error}") from error
    print(text)
    return Exit.DONE


def _scopes(texts: list[str]) -> frozenset[str]:
    scopes = frozenset(word for text in texts for word in text.replace(",", " ").split())
    if unknown := sorted(scopes - set(SCOPES)):
        close = nearest(unknown[0], SCOPES, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise Refusal(
            Exit.USAGE, f"There is no scope {unknown[0]!r}{hint}", f"Known: {' '.join(SCOPES)}"
        )
    return scopes
