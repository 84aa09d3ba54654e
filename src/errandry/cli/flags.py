"""How verbs and their flags are declared, and how the flags' values are read."""

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from errandry import clock

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Verbs = _SubParsersAction[argparse.ArgumentParser]

_LABEL: Final = "[A-Za-z0-9_-]{1,63}"
_URL: Final = re.compile(
    rf"https?://({_LABEL}(\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?(/[^\s?#]*)?"
)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def verb(
    verbs: "Verbs",
    name: str,
    action: str,
    summary: str,
    *,
    example: str,
    flags: argparse.ArgumentParser | None = None,
) -> argparse.ArgumentParser:
    """Declare a verb, carried out by the function `action`: ``module:function`` below `errandry.cli`."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example: {example}",
        parents=[flags] if flags else [],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(action=f"errandry.cli.{action}")
    return parser


def group(verbs: "Verbs", name: str, summary: str) -> "Verbs":
    """Declare a verb that only has verbs below it."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        parents=[connection()],
        allow_abbrev=False,
    )
    return parser.add_subparsers(title="verbs", metavar="VERB", required=True)


def output() -> argparse.ArgumentParser:
    """Return the flag of every verb that prints.

    It is accepted before and after the verb, so an absent one must not overwrite a given one.
    """
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print JSON, one object a line for lists",
    )
    return parent


def connection() -> argparse.ArgumentParser:
    """Return the flags of every verb that talks to a server."""
    parent = argparse.ArgumentParser(add_help=False, parents=[output()])
    add = parent.add_argument
    add("--url", default=argparse.SUPPRESS, type=url, help="a remote server; needs --token")
    add("--token", default=argparse.SUPPRESS, type=token, help="act as the principal of this token")
    return parent


def url(text: str) -> str:
    """Read the address of a server."""
    if not _URL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no address; write http://host:port")
    return text.rstrip("/")


def token(text: str) -> str:
    """Read a token. An empty one, as from an unset variable, must not pass for none at all."""
    if not re.fullmatch("[!-~]+", text):
        raise argparse.ArgumentTypeError("this is no token; get one with: errandry token")
    return text


def label(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is no label; write key=value")
    return key, value


def count(text: str) -> int:
    """Read a whole number from 1."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def moment(text: str) -> str:
    """Read a moment, RFC 3339 or a time ago (``90s`` ``30m`` ``2h`` ``7d``), as the wire writes it."""
    try:
        if ago := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
            return clock.rfc3339(clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])}))
        return clock.rfc3339(clock.parse_rfc3339(text))
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write 2h, 7d or 2026-11-24T08:00:00Z"
        ) from error
