"""`/commands`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from starlette.responses import JSONResponse

from errandry.commands.model import Command
from errandry.rest.callers import Caller, Digests, Use
from errandry.rest.schemas import CommandAnswer, CommandCreated, CommandList
from errandry.service.forms import ListCommands

router = APIRouter(prefix="/commands", tags=["commands"])


@router.get("", name="list_commands", response_model=CommandList)
async def list_commands(
    wanted: Annotated[ListCommands, Query()], caller: Caller, use: Use
) -> Response:
    """List the commands, without hidden ones."""
    return JSONResponse(await use.commands.overview(caller, wanted))


@router.post("", name="create_command", status_code=201, response_model=CommandCreated)
async def create_command(
    definition: Annotated[dict[str, Any], Body()], caller: Caller, use: Use
) -> Response:
    """Write a new command: the body is the definition itself."""
    command = await use.commands.create(caller, definition)
    document = await use.commands.document(command)
    body = {"message": "Command created successfully", "command": document}
    headers = {"Location": f"/commands/{command.name}", "ETag": f'"{command.digest}"'}
    return JSONResponse(body, 201, headers)


async def _answer(use: Use, command: Command) -> Response:
    body = {"command": await use.commands.document(command)}
    return JSONResponse(body, headers={"ETag": f'"{command.digest}"'})


@router.get("/{name}", name="get_command", response_model=CommandAnswer)
async def get_command(name: str, caller: Caller, use: Use) -> Response:
    """Return one command by its exact name, hidden ones too."""
    return await _answer(use, use.commands.get(caller, name))


@router.put("/{name}", name="replace_command", response_model=CommandAnswer)
async def replace_command(
    name: str,
    definition: Annotated[dict[str, Any], Body()],
    digests: Digests,
    caller: Caller,
    use: Use,
) -> Response:
    """Write another definition into the file of a command: the body is the definition itself."""
    return await _answer(use, await use.commands.replace(caller, name, definition, digests))


@router.delete("/{name}", name="delete_command", status_code=204)
async def delete_command(name: str, digests: Digests, caller: Caller, use: Use) -> Response:
    """Remove a command with its file; tasks that were made from it stay as they are."""
    await use.commands.remove(caller, name, digests)
    return Response(status_code=204)
