"""Where requests may go: public addresses, and what a command names in `allow`.

A name is looked up once for a connection, every address that it has is checked, and the connection goes
to a checked address: a second look-up, which could answer otherwise, does not happen.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx2

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses, in the order in which to try them; raises OSError."""

_TIMES: Final = httpx2.Timeout(None, connect=10.0)
_PORTS: Final = {"http": 80, "https": 443}

# `is_global` of the standard library has called multicast, NAT64, site-local and 6to4 addresses public.
# Source: the IANA registries of special-purpose addresses; 192.88.99.0/24 is the relay of 6to4.
_NOT_PUBLIC: Final = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
)
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
"""All that is assigned of IPv6 for the public; loopback, NAT64, private, link-local lie outside."""


class NotPublic(Exception):
    """A name leads to an address that requests may not go to."""


def is_public(text: str) -> bool:
    """Whether an address, perhaps with a zone, is one of the public internet."""
    address: Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in block for block in _NOT_PUBLIC)


async def resolve(host: str, port: int) -> list[str]:
    """Look a name up as the system does."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to public addresses and to those of the allowed hosts.

    `allow` are (host, port). Nothing of the environment counts, and no proxy.
    """

    def __init__(
        self, tls: ssl.SSLContext, allow: Collection[tuple[str, int]], look_up: Resolve = resolve
    ) -> None:
        self._transport = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False)
        self._allow = allow
        self._look_up = look_up

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to the first address that takes it.

        Raises:
            NotPublic: the host has an address that is not allowed; nothing was sent.
            httpx2.ConnectError, httpx2.ConnectTimeout: no connection came about; nothing was sent.
        """
        host, port = request.url.host, request.url.port or _PORTS[request.url.scheme]
        addresses = await self._addresses(host, port)
        # The header `Host` is made already; the certificate has to name the host, not the address.
        request.extensions = {"sni_hostname": host, "timeout": _TIMES.as_dict()}
        for address in addresses[:-1]:
            request.url = request.url.copy_with(host=address)
            try:
                return await self._transport.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        request.url = request.url.copy_with(host=addresses[-1])
        return await self._transport.handle_async_request(request)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx2.ConnectError(f"{host} cannot be looked up") from error
        if (host, port) not in self._allow:
            for address in addresses:
                if not is_public(address):
                    raise NotPublic(f"{host} has the address {address}")
        return addresses

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()
