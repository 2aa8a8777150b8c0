"""Command name -> handler, and who may call it."""

from collections.abc import Mapping

import bson

from gateway import auth, crud, handshake, schema
from gateway.command import Command, Handler, Reply, Session, parse_command
from gateway.errors import CommandError
from gateway.wire import Request

COMMANDS: Mapping[str, Handler] = {**handshake.COMMANDS, **auth.COMMANDS, **crud.COMMANDS, **schema.COMMANDS}

# serverStatus counts by these names.
COUNTED = {"insert": "insert", "find": "query", "update": "update", "delete": "delete", "getMore": "getmore"}

# The ones mongod answers before a login.
PUBLIC = frozenset(auth.COMMANDS) | {
    *("hello", "isMaster", "ismaster", "ping"),
    *("buildInfo", "buildinfo", "connectionStatus", "whatsmyuri", "endSessions"),
}


async def answer(session: Session, request: Request) -> bytes:
    """Run a request; an error becomes its reply, as BSON."""
    try:
        return _encode(await _run(session, parse_command(request.command, request.documents)))
    except CommandError as error:
        return bson.encode(error.document())
    except bson.errors.BSONError as error:
        return bson.encode(CommandError("FailedToParse", str(error)).document())


async def _run(session: Session, command: Command) -> Reply:
    handler = COMMANDS.get(command.name)
    if handler is None:
        raise CommandError("CommandNotFound", f"no such command: '{command.name}'")
    if session.server.auth_required and not session.user and command.name not in PUBLIC:
        raise CommandError("Unauthorized", f"Command {command.name} requires authentication")
    if "txnNumber" in command.body:
        raise CommandError("IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos")
    if command.documents is not None and command.name not in crud.WRITES:
        raise CommandError("BadValue", f"'{command.name}' takes no document sequence")
    session.server.operations[COUNTED.get(command.name, "command")] += 1
    return await handler(session, command)


def _encode(reply: Reply) -> bytes:
    return reply if isinstance(reply, bytes) else bson.encode(reply)
