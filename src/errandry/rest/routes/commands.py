"""`/commands`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from starlette.responses import JSONResponse

from errandry.commands.model import command_document
from errandry.rest.callers import Caller, Use
from errandry.rest.schemas import CommandAnswer, CommandCreated, CommandList
from errandry.service.forms import ListCommands

router = APIRouter(prefix="/commands", tags=["commands"])


@router.get("", name="list_commands", response_model=CommandList)
async def list_commands(
    wanted: Annotated[ListCommands, Query()], caller: Caller, use: Use
) -> Response:
    """List the commands, without hidden ones."""
    return JSONResponse(use.commands.overview(caller, wanted))


@router.post("", name="create_command", status_code=201, response_model=CommandCreated)
async def create_command(
    definition: Annotated[dict[str, Any], Body()], caller: Caller, use: Use
) -> Response:
    """Write a new command: the body is the definition itself."""
    command = await use.commands.create(caller, definition)
    body = {"message": "Command created successfully", "command": command_document(command)}
    headers = {"Location": f"/commands/{command.name}", "ETag": f'"{command.digest}"'}
    return JSONResponse(body, 201, headers)


@router.get("/{name}", name="get_command", response_model=CommandAnswer)
async def get_command(name: str, caller: Caller, use: Use) -> Response:
    """Return one command by its exact name, hidden ones too."""
    command = use.commands.get(caller, name)
    body = {"command": command_document(command)}
    return JSONResponse(body, headers={"ETag": f'"{command.digest}"'})
