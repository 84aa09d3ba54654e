"""The settings as the verbs read them."""

from pydantic import ValidationError

from errandry.cli.exits import Exit, Refusal
from errandry.settings import PREFIX, Settings


def read_settings() -> Settings:
    """Return the settings of the environment.

    Raises:
        Refusal: some are not allowed; one line for each.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [_line(fault["loc"], fault["msg"]) for fault in error.errors()]
        raise Refusal(Exit.USAGE, *lines) from error


def _line(place: tuple[int | str, ...], message: str) -> str:
    """Say which variable is wrong and why, never what it holds: it may be a secret."""
    message = message.removeprefix("Value error, ")
    return f"{PREFIX}{str(place[0]).upper()}: {message}" if place else message
