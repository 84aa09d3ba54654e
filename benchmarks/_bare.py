"""What our figures are compared with: FastAPI and SQLAlchemy, one statement per request.

    python _bare.py PORT DATABASE-URL

A table with the columns of `tasks` and no index but its key, on the same engines with the same
pragmas and the same server: no tokens, no events, no idempotency keys, no queue.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import Column, MetaData, Table, insert, select, update
from starlette.responses import JSONResponse, Response, StreamingResponse

from errandry import clock
from errandry.jsontext import compact
from errandry.tasks.sql import postgresql, sqlite
from errandry.tasks.sql.location import Location
from errandry.tasks.sql.tables import tasks

bare: Final = Table(
    "bare",
    MetaData(),
    *(
        Column(column.name, column.type, primary_key=column.primary_key, nullable=column.nullable)
        for column in tasks.columns
    ),
)
STATUS: Final = (bare.c.id, bare.c.alias, bare.c.state, bare.c.revision, bare.c.progress)


class NewTask(BaseModel):
    """What a caller sends."""

    command: str
    arguments: dict[str, Any]
    title: str
    labels: dict[str, str]


def _row(task_id: str, form: NewTask) -> dict[str, Any]:
    return {
        **form.model_dump(),
        "id": task_id,
        "alias": f"{form.command}-1",
        "owner_iss": "errandry:local",
        "owner_sub": "agent",
        "command_digest": f"sha256:{'0' * 64}",
        "request_hash": "0" * 64,
        "priority": 0,
        "state": "created",
        "revision": 1,
        "last_seq": 1,
        "cancel_requested": False,
        "attempt": 0,
        "delivery": 0,
        "max_attempts": 1,
        "on_crash": "fail",
    }


def application(location: Location) -> FastAPI:
    """Return the application over a database that it makes its table in."""
    found = sqlite.engines(location.file) if location.file else postgresql.engines(location.url)
    writer, reader = found
    readers: set[asyncio.Queue[bytes]] = set()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with writer.begin() as connection:
            await connection.run_sync(bare.metadata.create_all)
        yield
        await reader.dispose()
        await writer.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/tasks")
    async def create(form: NewTask) -> Response:
        row, now = _row(str(uuid.uuid4()), form), clock.now()
        async with writer.begin() as connection:
            await connection.execute(insert(bare), row | {"created_at": now, "updated_at": now})
        return JSONResponse({"task": row | {"created_at": clock.rfc3339(now)}}, 201)

    @app.get("/tasks/{task_id}/status")
    async def status(task_id: str) -> Response:
        async with reader.connect() as connection:
            found = await connection.execute(select(*STATUS).where(bare.c.id == task_id))
            return JSONResponse(dict(found.mappings().one()))

    @app.put("/tasks/{task_id}")
    async def change(task_id: str, request: Request) -> Response:
        title = (await request.json())["title"]
        async with writer.begin() as connection:
            await connection.execute(update(bare).where(bare.c.id == task_id).values(title=title))
        told = compact({"id": task_id, "title": title})
        for waiting in readers:
            waiting.put_nowait(f"event: task\ndata: {told}\n\n".encode())
        return JSONResponse({"id": task_id, "title": title})

    @app.get("/events")
    async def events() -> Response:
        async def frames() -> AsyncGenerator[bytes]:
            waiting: asyncio.Queue[bytes] = asyncio.Queue()
            readers.add(waiting)
            try:
                yield b"event: resync\ndata: {}\n\n"
                while True:
                    yield await waiting.get()
            finally:
                readers.discard(waiting)

        return StreamingResponse(frames(), media_type="text/event-stream")

    return app


class Server(uvicorn.Server):
    """A server that says when it listens."""

    async def startup(self, sockets: Any = None) -> None:
        """Listen."""
        await super().startup(sockets)
        print("ready", flush=True)


def serve(app: Any, port: int) -> None:
    """Run an application with the settings that errandry gives its server."""
    config = uvicorn.Config(
        app,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    Server(config).run()


if __name__ == "__main__":
    serve(application(Location.parse(sys.argv[2])), int(sys.argv[1]))
