"""Where a database is: a file of SQLite, or a PostgreSQL server."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url


@dataclass(frozen=True, slots=True)
class Location:
    """The address of a database; as text it shows no password."""

    url: URL

    @classmethod
    def parse(cls, text: str) -> "Location":
        """Read ``sqlite:////absolute/path`` or ``postgresql://user@host/name``.

        Raises:
            ValueError: it is neither.
        """
        try:
            url = make_url(text)
        except Exception as error:  # ArgumentError, or ValueError for a port that is no number
            raise ValueError("it is no database URL") from error
        driver = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}.get(
            url.get_backend_name()
        )
        if driver is None:
            raise ValueError("it names neither SQLite nor PostgreSQL")
        return cls(url.set(drivername=driver))

    @classmethod
    def of_file(cls, path: Path) -> "Location":
        """The SQLite file at `path`."""
        return cls(URL.create("sqlite", database=str(path)))

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        if self.url.get_backend_name() != "sqlite":
            return None
        return Path(self.url.database or "")

    @property
    def conninfo(self) -> str:
        """The PostgreSQL database, password included, as psycopg wants it."""
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def __str__(self) -> str:
        if self.file is not None:
            return str(self.file)
        return self.url.set(drivername="postgresql").render_as_string()
