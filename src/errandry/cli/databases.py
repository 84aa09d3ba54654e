"""Where the database is, as the settings say. Apart from them: a client verb needs no SQLAlchemy."""

from errandry.cli.exits import Exit, Refusal
from errandry.settings import PREFIX, Settings
from errandry.tasks.sql.location import Location


def read_location(settings: Settings) -> Location:
    """Return where the database is.

    Raises:
        Refusal: the setting is no URL of one.
    """
    try:
        return Location.parse(settings.database)
    except ValueError as error:
        raise Refusal(
            Exit.USAGE,
            f"{PREFIX}DATABASE_URL: {error}; write postgresql://user:password@host/name",
        ) from error
