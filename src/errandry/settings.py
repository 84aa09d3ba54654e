"""The settings of one process, from `ERRANDRY_*` variables. Documented in docs/settings.md.

Read in `app` and `cli` only; the parts receive values.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from errandry import place
from errandry.errors import nearest

PREFIX = "ERRANDRY_"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class Settings(BaseSettings):
    """Every setting with its default. Units stand in the names: `_s`, `_bytes`, `_days`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True
    )

    data_dir: Folder = Field(default_factory=place.data_dir)
    commands_dir: Folder = Field(default_factory=lambda data: _default_commands(data["data_dir"]))
    database_url: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: str | None = None
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = ()

    jwt_secret: SecretStr | None = None
    jwt_keys: Path | None = None
    jwt_issuer: str = "errandry:local"
    jwt_audience: str | None = None
    jwt_max_days: float = Field(default=1, gt=0)
    jwt_leeway_s: int = Field(default=30, ge=0, le=120)
    local_issuer: Literal["on", "off"] = "on"

    concurrency: int = Field(default_factory=lambda: max(4, 2 * (os.cpu_count() or 1)), ge=1)
    queue_limit: int = Field(default=1000, ge=1)
    lease_s: float = Field(default=15, ge=2)
    grace_s: float = Field(default=10, ge=0)
    secrets_dir: Folder | None = None
    drain_s: float = Field(default=30, ge=0)
    task_after_s: float = Field(default=1, ge=0, le=45)
    retention_days: float = Field(default=30, gt=0)
    log_limit_bytes: int = Field(default=16 * 1024 * 1024, ge=64 * 1024)
    body_limit_bytes: int = Field(default=1024 * 1024, ge=1024)
    toolsets: Annotated[tuple[Literal["core", "operator"], ...], NoDecode] = ("core",)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("allowed_hosts", "allowed_origins", "toolsets"):
            if isinstance(text := values.get(name), str):
                values[name] = tuple(part.strip() for part in text.split(",") if part.strip())
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.database_url and not self.database.startswith(("sqlite:////", "postgresql://")):
            raise ValueError(
                "ERRANDRY_DATABASE_URL: write postgresql://user:password@host/name, or"
                " sqlite:////absolute/path.db; unset is a file in the data folder"
            )
        if self.jwt_secret is not None and self.jwt_keys is not None:
            raise ValueError(
                "set JWT_SECRET or JWT_KEYS, not both; a JWK Set may hold several keys"
            )
        if self.host not in _LOOPBACK and not (self.allowed_hosts or self.public_url):
            raise ValueError(
                f"HOST {self.host} is reachable from other machines: set PUBLIC_URL (or ALLOWED_HOSTS)"
                " to the name that clients use"
            )
        if self.host not in _LOOPBACK and not (self.jwt_secret or self.jwt_keys):
            raise ValueError(
                f"HOST {self.host} is reachable from other machines: set JWT_SECRET or JWT_KEYS"
            )
        return self

    @property
    def database(self) -> str:
        """The URL of the database: PostgreSQL's, or that of an SQLite file."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'errandry.db'}"


def _default_commands(data: Path) -> Path:
    here = Path.cwd() / "commands"
    return here if here.is_dir() else data / "commands"


def unknown_variables() -> list[str]:
    """Return a sentence for each `ERRANDRY_*` variable that is no setting: most are typing errors."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    sentences = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            close = nearest(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            sentences.append(f"{name} is no setting and has no effect{hint}")
    return sentences
