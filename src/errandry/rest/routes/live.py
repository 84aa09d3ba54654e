"""`/events`: all tasks of the caller, live."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from errandry.rest import sse
from errandry.rest.accept import accepted
from errandry.rest.callers import Caller, Stream, Use

router = APIRouter(tags=["history"])

STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {sse.MEDIA_TYPE: {"schema": {"type": "string"}, "itemSchema": sse.FRAME}}}
}
"""How the OpenAPI document shows a stream."""


@router.get("/events", name="follow_tasks", response_class=Response, responses=STREAM)
async def follow_tasks(request: Request, caller: Caller, use: Use, stream: Stream) -> Response:
    """Stream the caller's tasks: `resync` first, then each `task` as it changes."""
    accepted(request, sse.MEDIA_TYPE)
    return stream(use.live.tasks(caller))
