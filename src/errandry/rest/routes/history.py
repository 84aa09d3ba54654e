"""What is known of a task: status, events, log."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import JSONResponse, StreamingResponse

from errandry.rest import sse
from errandry.rest.accept import accepted
from errandry.rest.callers import Caller, Resumed, Stream, Use
from errandry.rest.routes.live import STREAM
from errandry.rest.schemas import EventList, LogAnswer, StatusAnswer
from errandry.service.forms import ReadEvents, ReadLog, ReadStatus
from errandry.tasks import wire

router = APIRouter(prefix="/tasks/{task_id}", tags=["history"])


@router.get("/status", name="get_status", response_model=StatusAnswer)
async def get_status(
    task_id: str, wanted: Annotated[ReadStatus, Query()], caller: Caller, use: Use
) -> Response:
    """Return the live snapshot, with `wait` as soon as the revision is newer."""
    status = await use.status.read(caller, task_id, wanted)
    headers = {
        "ETag": f'"{status.document["revision"]}"',
        "X-Errandry-Status-Source": status.source,
        "Cache-Control": "no-store",
    }
    return JSONResponse(status.document, headers=headers)


@router.get("/events", name="list_events", response_model=EventList, responses=STREAM)
async def list_events(
    request: Request,
    task_id: str,
    wanted: Annotated[ReadEvents, Query()],
    caller: Caller,
    use: Use,
    resumed: Resumed,
    stream: Stream,
) -> Response:
    """Return the history, oldest first; with `Accept: text/event-stream` stream it as it grows."""
    if accepted(request, "application/json", sse.MEDIA_TYPE) == sse.MEDIA_TYPE:
        if resumed is not None:  # a client that connects again repeats the query of its first time
            wanted = wanted.model_copy(update={"after": resumed})
        return stream(await use.live.task(caller, task_id, wanted))
    found, next_cursor = await use.tasks.events(caller, task_id, wanted)
    return JSONResponse(
        {"events": [wire.event(each) for each in found], "next_cursor": next_cursor}
    )


@router.get("/logs", name="read_log", response_model=LogAnswer)
async def read_log(
    request: Request,
    task_id: str,
    wanted: Annotated[ReadLog, Query()],
    caller: Caller,
    use: Use,
) -> Response:
    """Return a page of the log within a budget, or with `Accept: text/plain` all of it, raw."""
    if accepted(request, "application/json", "text/plain") == "text/plain":
        raw = await use.logs.raw(caller, task_id, wanted.attempt, wanted.stream)
        return StreamingResponse(raw, media_type="text/plain; charset=utf-8")
    return JSONResponse(asdict(await use.logs.read(caller, task_id, wanted)))
