"""The REST application: routes, one handler for every refusal, the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match

from errandry import __version__
from errandry.auth.verifier import TokenVerifier
from errandry.errors import ErrandryError, InvalidRequest, MethodNotAllowed, NotFound
from errandry.problems import problem_response
from errandry.rest.activity import Activity
from errandry.rest.guard import Guard
from errandry.rest.head import Head
from errandry.rest.metrics import Figures, Metrics
from errandry.rest.openapi import Application
from errandry.rest.routes import commands, history, live, system, tasks
from errandry.rest.routes import metrics as metrics_route
from errandry.rest.schemas import Problem
from errandry.rest.site import Site
from errandry.rest.sse import Streams
from errandry.service.forms import refusal
from errandry.service.services import Services

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

Ready = Callable[[], Awaitable[str | None]]


def build(
    services: Services,
    verifier: TokenVerifier,
    site: Site,
    *,
    why_not_ready: Ready,
    authorization_servers: Callable[[], list[str]],
    activity: Activity,
    streams: Streams,
    figures: Callable[[], Awaitable[Figures]],
) -> FastAPI:
    """Return the application; `why_not_ready` gives a reason, or None when the server is ready."""
    metrics = Metrics()
    app = Application(
        title="errandry",
        version=__version__,
        description="Durable tasks for AI agents: commands in YAML files, every run a task in SQL.",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.state.services = services
    app.state.verifier = verifier
    app.state.site = site
    app.state.why_not_ready = why_not_ready
    app.state.authorization_servers = authorization_servers
    app.state.streams = streams
    app.state.metrics = metrics
    app.state.figures = figures
    for module in (commands, tasks, history, live, system, metrics_route):
        app.include_router(module.router)
    app.add_middleware(Head)  # the last one added is the first one passed
    app.add_middleware(Guard, site=site, activity=activity, metrics=metrics)
    app.add_exception_handler(ErrandryError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    return app


def _answer(request: Request, error: ErrandryError) -> Response:
    return problem_response(error, request.app.state.site.challenge)


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, ErrandryError)  # noqa: S101 - it is registered for this class
    return _answer(request, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for this class
    details = error.errors()
    if any(_is_no_object(detail) for detail in details):
        message = "The body is missing, or it is no JSON object"
        return _answer(request, InvalidRequest(message, next_step="Send a JSON object."))
    query = all(detail["loc"][0] == "query" for detail in details)
    stripped = [{**detail, "loc": detail["loc"][1:]} for detail in details]
    return _answer(request, refusal(stripped, _known_fields(request, query=query), query=query))


def _is_no_object(detail: Mapping[str, Any]) -> bool:
    """Whether a fault is one of the whole body, and not of the fields in it taken together."""
    kind: str = detail["type"]
    is_of_all = tuple(detail["loc"]) == ("body",)
    return kind == "json_invalid" or (is_of_all and kind != "value_error")


def _known_fields(request: Request, *, query: bool) -> list[str]:
    """The fields of the form that the route takes, for a proposal of the nearest name."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return []
    parameters = route.dependant.query_params if query else route.dependant.body_params
    forms: list[Any] = [parameter.field_info.annotation for parameter in parameters]
    candidates = [part for form in forms for part in (form, *getattr(form, "__args__", ()))]
    return sorted({name for form in candidates for name in getattr(form, "model_fields", {})})


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this class
    if error.status_code == 405:
        allowed = _allowed_methods(request)
        refused = MethodNotAllowed(
            f"{request.method} is not allowed here; {', '.join(allowed)} are", allowed=allowed
        )
        answer = _answer(request, refused)
        answer.headers["Allow"] = ", ".join(allowed)
        return answer
    if error.status_code == 404:
        return _answer(
            request,
            NotFound(
                f"There is nothing at {request.url.path}", next_step="See /docs for what there is."
            ),
        )
    return _answer(request, InvalidRequest(str(error.detail)))


def _allowed_methods(request: Request) -> list[str]:
    """Every method of every route at this path: each route knows only its own (RFC 9110, 10.2.1)."""
    allowed = {
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    }
    return sorted(allowed | {"HEAD"} if "GET" in allowed else allowed)
