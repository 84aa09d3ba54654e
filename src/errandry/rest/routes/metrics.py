"""`/metrics`."""

from fastapi import APIRouter, Request, Response

from errandry.rest.callers import verified
from errandry.rest.metrics import CONTENT_TYPE
from errandry.rest.site import is_local

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Return the metrics: to this machine without a token, to others as admin."""
    if not is_local(request):
        (await verified(request)).principal.require("admin")
    state = request.app.state
    return Response(state.metrics.text(await state.figures()), media_type=CONTENT_TYPE)
