"""Collections, indexes and databases: making, changing, dropping and measuring them."""

from collections.abc import Mapping

import bson

from gateway.command import Command, Handler, Reply, Session
from gateway.crud import call
from gateway.errors import from_packed

# Commands that DocumentDB answers itself, from the database's name and the command, or from the command alone.
ON_DATABASE: Mapping[str, str] = {
    "create": "SELECT documentdb_api.create_collection_view(%b, %b::bytea)",
    "validate": "SELECT document FROM documentdb_api.validate(%b, %b::bytea)",
}
ON_SERVER: Mapping[str, str] = {
    "listDatabases": "SELECT documentdb_api.list_databases(%b::bytea)",
    "renameCollection": "SELECT documentdb_api.rename_collection(%b::bytea)",
    "currentOp": "SELECT document FROM documentdb_api.current_op_command(%b::bytea)",
    "compact": "SELECT documentdb_api.compact(%b::bytea)",
    "killOp": "SELECT documentdb_api.kill_op(%b::bytea)",
}


async def on_database(session: Session, command: Command) -> Reply:
    (reply,) = await call(session, command, ON_DATABASE[command.name], command.database, command.raw)
    return bytes(reply)


async def on_server(session: Session, command: Command) -> Reply:
    (reply,) = await call(session, command, ON_SERVER[command.name], command.raw)
    return bytes(reply)


async def create_indexes(session: Session, command: Command) -> Reply:
    """Build the indexes now: the background builds would need a scheduler, and these data are small."""
    sql = "SELECT documentdb_api_internal.create_indexes_non_concurrently(%b, %b::bytea, true)"
    (reply,) = await call(session, command, sql, command.database, command.raw)
    document = bson.decode(reply)
    return {**document["raw"]["defaultShard"], "ok": 1.0}


async def drop_indexes(session: Session, command: Command) -> Reply:
    sql = "CALL documentdb_api.drop_indexes(%b, %b::bytea, NULL)"
    (reply,) = await call(session, command, sql, command.database, command.raw)
    document = bson.decode(reply)
    if not document["ok"]:
        raise from_packed(document["code"], document["errmsg"], namespace=command.namespace)
    return document | {"ok": 1.0}


async def coll_mod(session: Session, command: Command) -> Reply:
    sql = "SELECT documentdb_api.coll_mod(%b, %b, %b::bytea)"
    (reply,) = await call(session, command, sql, command.database, command.collection, command.raw)
    return bytes(reply)


async def drop(session: Session, command: Command) -> Reply:
    """As 7.0 does, dropping what is not there succeeds."""
    await call(session, command, "SELECT documentdb_api.drop_collection(%b, %b)", command.database, command.collection)
    return {"ns": command.namespace, "ok": 1.0}


async def drop_database(session: Session, command: Command) -> Reply:
    await call(session, command, "SELECT documentdb_api.drop_database(%b)", command.database)
    return {"dropped": command.database, "ok": 1.0}


async def coll_stats(session: Session, command: Command) -> Reply:
    sql = "SELECT documentdb_api.coll_stats(%b, %b, %b::float8)"
    scale = float(command.number("scale", default=1))
    (reply,) = await call(session, command, sql, command.database, command.collection, scale)
    return bytes(reply)


async def db_stats(session: Session, command: Command) -> Reply:
    sql = "SELECT documentdb_api.db_stats(%b, %b::float8, false)"
    (reply,) = await call(session, command, sql, command.database, float(command.number("scale", default=1)))
    return bytes(reply)


COMMANDS: Mapping[str, Handler] = {
    **dict.fromkeys(ON_DATABASE, on_database),
    **dict.fromkeys(ON_SERVER, on_server),
    "createIndexes": create_indexes,
    "dropIndexes": drop_indexes,
    "deleteIndexes": drop_indexes,
    "collMod": coll_mod,
    "drop": drop,
    "dropDatabase": drop_database,
    "collStats": coll_stats,
    "collstats": coll_stats,
    "dbStats": db_stats,
    "dbstats": db_stats,
}
