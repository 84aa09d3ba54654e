"""What needs no token: health, where to get one, the page of the API."""

from collections.abc import Callable
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, JSONResponse

from errandry import __version__
from errandry.errors import Unavailable
from errandry.principal import SCOPES
from errandry.rest.site import Site

router = APIRouter(tags=["system"])
_DOCS = files("errandry.rest").joinpath("docs.html").read_text(encoding="utf-8")


@router.get("/healthz", name="healthz")
async def healthz() -> Response:
    """Say that the process answers."""
    return JSONResponse({"status": "ok", "server": "errandry", "version": __version__})


@router.get("/readyz", name="readyz")
async def readyz(request: Request) -> Response:
    """Say whether the server takes tasks: 503 while it shuts down or has no database."""
    if why_not := await request.app.state.why_not_ready():
        raise Unavailable(f"Not ready: {why_not}")
    return JSONResponse({"status": "ready"})


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Show the API as a page that loads nothing from elsewhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
    return HTMLResponse(_DOCS, headers={"Content-Security-Policy": policy})


@router.get("/.well-known/oauth-protected-resource", name="protected_resource")
@router.get("/.well-known/oauth-protected-resource/mcp", include_in_schema=False)
async def protected_resource(request: Request) -> Response:
    """Tell OAuth clients what this resource is called and which scopes it has (RFC 9728)."""
    site: Site = request.app.state.site
    authorization_servers: Callable[[], list[str]] = request.app.state.authorization_servers
    document = {
        "resource": site.public_url + ("/mcp" if request.url.path.endswith("/mcp") else ""),
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "errandry",
        "resource_documentation": f"{site.public_url}/docs",
    }
    if servers := authorization_servers():
        document["authorization_servers"] = servers
    return JSONResponse(document)
