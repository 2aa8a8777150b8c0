"""Reading and writing documents, and the cursors of the readers."""

from collections.abc import Mapping
from typing import Any

import bson
import psycopg

from gateway.command import Command, Handler, Reply, Session
from gateway.errors import CommandError, from_packed, from_postgres

# Writes whose documents may come as a sequence beside the command.
WRITES: Mapping[str, str] = {
    "insert": "SELECT p_result FROM documentdb_api.insert(%b, %b::bytea, %b::bytea, NULL)",
    "update": "SELECT p_result FROM documentdb_api.update(%b, %b::bytea, %b::bytea, NULL)",
    "delete": "SELECT p_result FROM documentdb_api.delete(%b, %b::bytea, %b::bytea, NULL)",
}
SINGLE: Mapping[str, str] = {
    "findAndModify": "SELECT p_result FROM documentdb_api.find_and_modify(%b, %b::bytea, NULL)",
    "findandmodify": "SELECT p_result FROM documentdb_api.find_and_modify(%b, %b::bytea, NULL)",
    "count": "SELECT document FROM documentdb_api.count_query(%b, %b::bytea)",
    "distinct": "SELECT document FROM documentdb_api.distinct_query(%b, %b::bytea)",
}
_PAGE = "SELECT cursorpage, continuation, cursorid FROM documentdb_api."
CURSORS: Mapping[str, str] = {
    "find": _PAGE + "find_cursor_first_page(%b, %b::bytea)",
    "aggregate": _PAGE + "aggregate_cursor_first_page(%b, %b::bytea)",
    "listCollections": _PAGE + "list_collections_cursor_first_page(%b, %b::bytea)",
    "listIndexes": _PAGE + "list_indexes_cursor_first_page(%b, %b::bytea)",
}


async def call(session: Session, command: Command, sql: str, *args: object) -> tuple[Any, ...]:
    """Run a statement for a command; what fails is raised in MongoDB's terms."""
    try:
        return await session.server.database.call(sql, *args, time_limit_ms=command.time_limit_ms)
    except psycopg.Error as error:
        raise from_postgres(error, namespace=command.namespace) from error


async def write(session: Session, command: Command) -> Reply:
    row = await call(session, command, WRITES[command.name], command.database, command.raw, command.documents)
    reply: bytes = row[0]
    return _translate_write_errors(reply, command.namespace) if b"writeErrors\0" in reply else reply


async def single(session: Session, command: Command) -> Reply:
    (reply,) = await call(session, command, SINGLE[command.name], command.database, command.raw)
    return bytes(reply)


async def first_page(session: Session, command: Command) -> Reply:
    row = await call(session, command, CURSORS[command.name], command.database, command.raw)
    page, continuation, cursor_id = row
    if continuation is not None:
        session.server.cursors.keep(cursor_id, database=command.database, continuation=continuation)
    return bytes(page)


async def get_more(session: Session, command: Command) -> Reply:
    cursor = session.server.cursors.take(int(command.number("getMore")))
    sql = "SELECT cursorpage, continuation FROM documentdb_api.cursor_get_more(%b, %b::bytea, %b::bytea)"
    page, continuation = await call(session, command, sql, cursor.database, command.raw, cursor.continuation)
    if continuation is not None:
        session.server.cursors.keep(cursor.id, database=cursor.database, continuation=continuation)
    return bytes(page)


async def kill_cursors(session: Session, command: Command) -> Reply:
    asked = [cursor_id for cursor_id in command.body.get("cursors", ()) if isinstance(cursor_id, int)]
    killed, unknown = session.server.cursors.kill(asked)
    if killed:
        await call(session, command, "SELECT documentdb_api_internal.delete_cursors(%b::bigint[])", killed)
    return {
        "cursorsKilled": killed,
        "cursorsNotFound": unknown,
        "cursorsAlive": [],
        "cursorsUnknown": [],
        "ok": 1.0,
    }


def _translate_write_errors(reply: bytes, namespace: str) -> Reply:
    document = bson.decode(reply)
    for entry in document.get("writeErrors", ()):
        error: CommandError = from_packed(entry["code"], entry["errmsg"], namespace=namespace)
        entry.update(code=error.code, errmsg=str(error))
    return document


COMMANDS: Mapping[str, Handler] = {
    **dict.fromkeys(WRITES, write),
    **dict.fromkeys(SINGLE, single),
    **dict.fromkeys(CURSORS, first_page),
    "getMore": get_more,
    "killCursors": kill_cursors,
}
