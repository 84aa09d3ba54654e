"""How this server is reached, and what it lets in before any route is asked."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from errandry.principal import AGENT_SCOPES

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_FORWARDED = ("forwarded", "via", "x-forwarded-for")


@dataclass(frozen=True, slots=True)
class Site:
    """The public address and the limits of what comes in.

    `hosts` are the values allowed in `Host` (any port), `origins` those in `Origin`, always with
    loopback. `public_url` comes from the settings, never from a header.
    """

    public_url: str
    hosts: frozenset[str]
    origins: frozenset[str]
    body_limit_bytes: int

    @classmethod
    def of(
        cls,
        public_url: str,
        hosts: tuple[str, ...],
        origins: tuple[str, ...],
        body_limit_bytes: int,
    ) -> "Site":
        """Allow the public address and loopback besides what is listed."""
        parts = urlsplit(public_url)
        named = {_without_port(host) for host in (parts.netloc, *hosts, *_LOOPBACK)}
        origin = f"{parts.scheme}://{parts.netloc}"
        return cls(public_url, frozenset(named), frozenset({origin, *origins}), body_limit_bytes)

    def allows_host(self, host: str) -> bool:
        """Whether a `Host` header names this server."""
        return _without_port(host.lower()) in self.hosts

    def allows_origin(self, origin: str) -> bool:
        """Whether a web page of this origin may call: a listed one, or one of this machine."""
        if origin in self.origins:
            return True
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and _without_port(parts.netloc) in _LOOPBACK

    @property
    def challenge(self) -> str:
        """The parameters of `WWW-Authenticate: Bearer`: where to read how to get a token (RFC 9728)."""
        metadata = f"{self.public_url}/.well-known/oauth-protected-resource"
        return f'resource_metadata="{metadata}", scope="{" ".join(sorted(AGENT_SCOPES))}"'


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, to a name of this machine, and through no proxy."""
    if request.client is None or any(header in request.headers for header in _FORWARDED):
        return False
    try:
        peer = ip_address(request.client.host)
    except ValueError:
        return False
    return peer.is_loopback and _without_port(request.headers.get("host", "").lower()) in _LOOPBACK


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
