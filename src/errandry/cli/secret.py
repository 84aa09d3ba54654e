"""The secret of the data folder, with which the verbs sign tokens."""

from pathlib import Path

from errandry import place
from errandry.auth.keys import BadKeys, local_secret
from errandry.cli.exits import Exit, Refusal


def secret_of(folder: Path) -> bytes:
    """Return the secret of a data folder; both are made when they are not there.

    Raises:
        Refusal: the folder or the secret in it cannot be used.
    """
    try:
        place.prepare(folder)
        return local_secret(folder)
    except (place.BadPlace, BadKeys) as error:
        raise Refusal(Exit.FORBIDDEN, str(error)) from error
