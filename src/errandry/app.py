"""Wires everything, and owns what runs: the only module that knows all parts."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from fastapi import FastAPI
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.routing import Route

from errandry import clock
from errandry.auth.keys import KeySource, local_secret
from errandry.auth.verifier import TokenVerifier
from errandry.commands import writing
from errandry.commands.catalog import Catalog
from errandry.commands.executors import Executors
from errandry.errors import Unavailable
from errandry.mcp.callers import caller_of_http, caller_of_socket
from errandry.mcp.http import McpEndpoint
from errandry.mcp.server import McpFacade
from errandry.mcp.socket import PrivateSocket
from errandry.mcp.sse import MESSAGES, SseTransport
from errandry.principal import LOCAL_ISSUER
from errandry.rest import app as rest
from errandry.rest.activity import Activity
from errandry.rest.metrics import Figures
from errandry.rest.site import Site
from errandry.rest.sse import Streams
from errandry.runner import DAY_S, Runner
from errandry.service.services import Services
from errandry.service.sweeper import sweep
from errandry.settings import Settings
from errandry.status.opening import open_bus
from errandry.tasks.sql import reading
from errandry.tasks.sql.backlog import backlog
from errandry.tasks.sql.database import Database
from errandry.tasks.sql.location import Location

LOCAL_TOKEN_DAYS: Final = 365


class App:
    """A running errandry: its ASGI application, its private socket, its worker."""

    def __init__(
        self,
        settings: Settings,
        location: Location,
        keys: Sequence[KeySource],
        public_url: str,
        socket: Path,
    ) -> None:
        self.settings = settings
        self.activity = Activity()
        self._streams = Streams()
        self.is_draining = False
        self._retention_s = settings.retention_days * DAY_S
        self._database = Database.open(location)
        self._bus = open_bus(location, settings.redis)
        self._executors = Executors.installed()
        self._executors.log_faults()
        self._runner = Runner(settings, location, self._database, self._bus, self._executors)
        self._intake = (services := self._services()).intake
        over_http, over_socket = (
            McpFacade(services, caller_of, settings.toolsets, settings.task_after_s)
            for caller_of in (caller_of_http, caller_of_socket)
        )
        self._mcp = (over_http, over_socket)
        server, limit = over_http.server(), settings.body_limit_bytes
        self._http = StreamableHTTPSessionManager(server, max_request_body_size=limit)
        self._sse = SseTransport(server, limit)
        self.socket = PrivateSocket(over_socket.server(), socket, limit)
        self.asgi = self._asgi(services, keys, public_url)

    # -- parts

    def _services(self) -> Services:
        writing.sweep(self.settings.commands_dir)
        return Services.over(
            self._database,
            Catalog(self.settings.commands_dir, executors=self._executors),
            self._bus,
            self._runner.wake,
            self._retention_s,
            self.settings.queue_limit,
        )

    def _asgi(self, services: Services, keys: Sequence[KeySource], public_url: str) -> FastAPI:
        settings = self.settings
        resource = settings.jwt_audience or public_url
        verifier = TokenVerifier(keys, resource, settings.jwt_leeway_s)
        site = Site.of(
            public_url, settings.allowed_hosts, settings.allowed_origins, settings.body_limit_bytes
        )
        app = rest.build(
            services,
            verifier,
            site,
            why_not_ready=self.why_not_ready,
            authorization_servers=self._authorization_servers,
            activity=self.activity,
            streams=self._streams,
            figures=self._figures,
        )
        for path, transport, methods in (
            ("/mcp", self._http.handle_request, None),
            ("/sse", self._sse.stream, ["GET"]),
            (MESSAGES, self._sse.messages, ["POST"]),
        ):
            endpoint = McpEndpoint(transport, verifier, site.challenge)
            app.router.routes.append(Route(path, endpoint, methods=methods))
        return app

    def _authorization_servers(self) -> list[str]:
        """The issuer, when it is a URL where a client can ask for a token."""
        issuer = self.settings.jwt_issuer
        return [issuer] if issuer.startswith(("https://", "http://")) else []

    # -- life

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run tasks, sweeper and private socket while the block lasts."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._database.close)
            await stack.enter_async_context(self._http.run())
            await stack.enter_async_context(self._runner.serving())
            async with anyio.create_task_group() as group:
                group.start_soon(self._bus.run)
                group.start_soon(sweep, self._database, self._bus, self._retention_s)
                await group.start(self.socket.serve)
                yield
                group.cancel_scope.cancel()

    async def drain(self) -> None:
        """Claim nothing more, end the streams, and wait for what runs, `drain_s` at most."""
        self.is_draining = True
        self._streams.close()
        await self._runner.drain()
        for facade in self._mcp:
            facade.close()

    def end_all(self) -> None:
        """End at once what still runs."""
        self._runner.end_all()

    # -- state

    async def why_not_ready(self) -> str | None:
        """Return why the server takes no tasks now, or None when it does."""
        if self.is_draining:
            return "the server is shutting down"
        try:
            await reading.active(self._database)
        except Unavailable as error:
            return error.message
        return None

    async def _figures(self) -> Figures:
        now = clock.now()
        waiting = await backlog(self._database, now)
        return Figures(
            accepts=self._intake.outcomes,
            attempts=self._runner.outcomes,
            due=waiting.due,
            oldest_due_s=(now - waiting.oldest).total_seconds() if waiting.oldest else 0.0,
            running=self._runner.running,
            streams=self._streams.count,
            bus_connected=self._bus.is_connected,
            cache_up=self._bus.cache.is_up,
        )

    async def is_idle(self, seconds: float) -> bool:
        """Whether no client is there, none was for so long, and no task is under way."""
        if self.socket.connections or self.activity.quiet_s() < seconds:
            return False
        try:
            return not await reading.active(self._database)
        except Unavailable:
            return False


def key_sources(settings: Settings) -> Sequence[KeySource]:
    """Return the keys that tokens are checked with: those of the settings, and our own.

    Raises:
        BadKeys: some cannot be used.
    """
    sources = []
    if settings.jwt_secret is not None:
        secret = settings.jwt_secret.get_secret_value().encode()
        sources.append(KeySource.from_secret(settings.jwt_issuer, secret, settings.jwt_max_days))
    if settings.jwt_keys is not None:
        sources.append(
            KeySource.from_jwk_set(settings.jwt_issuer, settings.jwt_keys, settings.jwt_max_days)
        )
    if settings.local_issuer == "on":
        secret = local_secret(settings.data_dir)
        sources.append(KeySource.from_secret(LOCAL_ISSUER, secret, LOCAL_TOKEN_DAYS))
    return sources
