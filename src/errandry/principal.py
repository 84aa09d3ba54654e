"""Who calls, and what the caller may do."""

from dataclasses import dataclass, field
from typing import Final

from errandry.errors import NotPermitted

LOCAL_ISSUER: Final = "errandry:local"
SCOPES: Final = (
    "commands:read",
    "commands:write",
    "tasks:read",
    "tasks:write",
    "tasks:approve",
    "admin",
)
"""Every scope there is; `admin` implies the rest."""

AGENT_SCOPES: Final = frozenset({"commands:read", "tasks:read", "tasks:write"})


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Its identity is (`iss`, `sub`), never `sub` alone."""

    iss: str
    sub: str
    scopes: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether the caller sees every owner's tasks."""
        return "admin" in self.scopes

    def may(self, scope: str) -> bool:
        """Whether the caller holds the scope, or `admin`, which implies it."""
        return scope in self.scopes or self.is_admin

    def require(self, *scopes: str) -> None:
        """Let the caller pass if it holds at least one of the scopes.

        Raises:
            NotPermitted: it holds none; the error names them.
        """
        if not any(self.may(scope) for scope in scopes):
            raise NotPermitted(
                f"This needs the scope {' or '.join(scopes)}, which the token does not hold",
                next_step="Ask for a token with that scope.",
                required_scopes=list(scopes),
            )


LOCAL_AGENT: Final = Principal(LOCAL_ISSUER, "agent", AGENT_SCOPES)
"""Every stdio client of this machine, and `errandry token` without --sub."""

LOCAL_OPERATOR: Final = Principal(LOCAL_ISSUER, "operator", frozenset({"admin"}))
"""The command line on the data folder."""
