"""
What the server says about itself: the handshake, and the diagnostics that shells and admin pages read.
It never pretends: buildInfo and the start-up warnings name it a stand-in.
"""

import json
import os
import platform
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from bson import Binary

from gateway.auth import AUTH_DATABASE, start_login
from gateway.command import VERSION, Command, Handler, Reply, Session
from gateway.errors import CommandError
from gateway.wire import MAX_MESSAGE_BYTES

STAND_IN = "layerproof lab stand-in: PostgreSQL with the DocumentDB extension"
MAX_CONNECTIONS = 1000
SESSION_TIMEOUT_MIN = 30
PARAMETERS: Mapping[str, Any] = {
    "featureCompatibilityVersion": {"version": "7.0"},
    "authenticationMechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"],
    "logLevel": 0,
    "quiet": False,
}


async def hello(session: Session, command: Command) -> Reply:
    """Introduce a standalone server of wire version 21 (7.0). Without `topologyVersion`, so drivers poll it."""
    document: dict[str, Any] = {
        "helloOk": True,
        "isWritablePrimary" if command.name == "hello" else "ismaster": True,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "maxMessageSizeBytes": MAX_MESSAGE_BYTES,
        "maxWriteBatchSize": 100_000,
        "localTime": datetime.now(timezone.utc),
        "logicalSessionTimeoutMinutes": SESSION_TIMEOUT_MIN,
        "connectionId": session.id,
        "minWireVersion": 0,
        "maxWireVersion": 21,
        "readOnly": False,
    }
    asked = command.body.get("saslSupportedMechs")
    if isinstance(asked, str):
        document["saslSupportedMechs"] = session.server.users.mechanisms(asked.partition(".")[2])
    login = command.body.get("speculativeAuthenticate")
    if login:
        try:
            document["speculativeAuthenticate"] = start_login(session, login.get("db", AUTH_DATABASE), login)
        except CommandError:
            session.login = None  # the client then logs in the long way, and gets its error there
    return document | {"ok": 1.0}


async def ping(_session: Session, _command: Command) -> Reply:
    return {"ok": 1.0}


async def build_info(_session: Session, _command: Command) -> Reply:
    return {
        "version": VERSION,
        "versionArray": [7, 0, 0, 0],
        "gitVersion": STAND_IN,
        "modules": [],
        "storageEngines": ["documentdb"],
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": 16 * 1024 * 1024,
        "ok": 1.0,
    }


async def host_info(_session: Session, _command: Command) -> Reply:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    system = {
        "currentTime": datetime.now(timezone.utc),
        "hostname": platform.node(),
        "cpuAddrSize": 64,
        "memSizeMB": memory_mb,
        "numCores": os.cpu_count(),
        "cpuArch": platform.machine(),
    }
    return {"system": system, "os": {"type": "Linux", "name": STAND_IN, "version": platform.release()}, "ok": 1.0}


async def server_status(session: Session, _command: Command) -> Reply:
    server = session.server
    uptime_s = (datetime.now(timezone.utc) - server.started).total_seconds()
    current = len(server.connections)
    idle = {"total": 0, "readers": 0, "writers": 0}
    kinds = ("insert", "query", "update", "delete", "getmore", "command")
    return {
        "host": platform.node(),
        "version": VERSION,
        "process": "mongod",
        "pid": os.getpid(),
        "uptime": float(int(uptime_s)),
        "uptimeMillis": int(uptime_s * 1000),
        "localTime": datetime.now(timezone.utc),
        "connections": {"current": current, "available": MAX_CONNECTIONS - current},
        "globalLock": {"currentQueue": idle, "activeClients": idle},
        "metrics": {"cursor": {"open": {"total": len(server.cursors)}}},
        "opcounters": {kind: server.operations[kind] for kind in kinds},
        "storageEngine": {"name": "documentdb", "persistent": True},
        "ok": 1.0,
    }


async def connection_status(session: Session, _command: Command) -> Reply:
    users = [{"user": session.user, "db": AUTH_DATABASE}] if session.user else []
    roles = [{"role": "root", "db": AUTH_DATABASE}] if session.user else []
    return {"authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}, "ok": 1.0}


async def get_parameter(_session: Session, command: Command) -> Reply:
    if command.body.get("getParameter") == "*":
        return {**PARAMETERS, "ok": 1.0}
    found = {name: value for name, value in PARAMETERS.items() if name in command.body}
    if not found:
        raise CommandError("InvalidOptions", "no option found to get")
    return found | {"ok": 1.0}


async def get_log(session: Session, command: Command) -> Reply:
    wanted = command.body.get("getLog")
    if wanted == "*":
        return {"names": ["global", "startupWarnings"], "ok": 1.0}
    moment = {"$date": session.server.started.isoformat(timespec="milliseconds")}
    line = {"t": moment, "s": "W", "c": "CONTROL", "id": 1, "ctx": "initandlisten", "msg": f"This is a {STAND_IN}."}
    return {"totalLinesWritten": 1, "log": [json.dumps(line)], "ok": 1.0}


async def get_cmd_line_opts(session: Session, _command: Command) -> Reply:
    security = {"authorization": "enabled" if session.server.auth_required else "disabled"}
    return {"argv": ["mongod"], "parsed": {"security": security}, "ok": 1.0}


async def start_session(_session: Session, _command: Command) -> Reply:
    return {"id": {"id": Binary.from_uuid(uuid.uuid4())}, "timeoutMinutes": SESSION_TIMEOUT_MIN, "ok": 1.0}


async def whats_my_uri(session: Session, _command: Command) -> Reply:
    return {"you": session.peer, "ok": 1.0}


async def no_replication(_session: Session, _command: Command) -> Reply:
    raise CommandError("NoReplicationEnabled", "not running with --replSet")


COMMANDS: Mapping[str, Handler] = {
    "hello": hello,
    "isMaster": hello,
    "ismaster": hello,
    "ping": ping,
    "buildInfo": build_info,
    "buildinfo": build_info,
    "hostInfo": host_info,
    "serverStatus": server_status,
    "connectionStatus": connection_status,
    "getParameter": get_parameter,
    "getLog": get_log,
    "getCmdLineOpts": get_cmd_line_opts,
    "whatsmyuri": whats_my_uri,
    "startSession": start_session,
    "endSessions": ping,
    "refreshSessions": ping,
    "killSessions": ping,
    "replSetGetStatus": no_replication,
    "replSetGetConfig": no_replication,
}
