"""
The container's entry point: read the environment, take the volume, drop root, run PostgreSQL and the gateway until a
signal or until PostgreSQL ends. Exit codes: 0 stopped, 1 could not start, or PostgreSQL ended by itself.
"""

import asyncio
import fcntl
import logging
import os
import pwd
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gateway import auth, postgres, server
from gateway.command import Server
from gateway.database import Database

USER = "mongodb"
VOLUMES = (Path("/data/db"), Path("/data/configdb"))
DATA = VOLUMES[0] / "postgresql"
USERS_FILE = VOLUMES[0] / "users.json"
LOCK_FILE = VOLUMES[0] / "gateway.lock"
HOST, PORT = "0.0.0.0", 27017  # noqa: S104  inside a container, whose network decides who reaches it

log = logging.getLogger("gateway")


class StartError(Exception):
    """Why the server cannot start, and what to do about it."""


@dataclass(frozen=True)
class RootUser:
    """The user of a first start. Without one, nobody has to log in: as in the official image."""

    name: str | None
    password: str | None


def root_user(environment: Mapping[str, str]) -> RootUser:
    """MONGO_INITDB_ROOT_USERNAME and _PASSWORD, or the files that their `_FILE` variants name."""

    def value(name: str) -> str | None:
        if file := environment.get(f"{name}_FILE"):
            return Path(file).read_text().rstrip("\n")
        return environment.get(name) or None

    user = RootUser(value("MONGO_INITDB_ROOT_USERNAME"), value("MONGO_INITDB_ROOT_PASSWORD"))
    if bool(user.name) != bool(user.password):
        raise StartError(
            "MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD go together: set both, or neither for no login"
        )
    return user


def drop_root() -> None:
    """Own the volumes, then become the user that PostgreSQL and the gateway run as."""
    if os.geteuid():
        return
    account = pwd.getpwnam(USER)
    for folder in (*VOLUMES, postgres.SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, account.pw_uid, account.pw_gid)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def take_volume() -> IO[str]:
    """Lock the volume; the lock lasts as long as the file returned is open."""
    if (VOLUMES[0] / "WiredTiger").exists():
        raise StartError("/data/db holds files of a real MongoDB, which this stand-in cannot read: use another volume")
    lock = LOCK_FILE.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError("/data/db is in use by another container") from None
    return lock


async def run(root: RootUser) -> int:
    """Serve until a signal (0) or until PostgreSQL ends (1)."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    first_start = not USERS_FILE.exists()
    if first_start:
        await postgres.initialise(DATA)
    process = await postgres.start(DATA)
    database = Database(postgres.CONNINFO)
    try:
        if first_start:
            auth.save_users(auth.new_users(root.name, root.password), USERS_FILE)
        await database.open()
        state = Server(database, auth.load_users(USERS_FILE), auth_required=root.name is not None)
        listener = await server.listen(state, host=HOST, port=PORT)
        log.info("ready on port %d, login %s", PORT, "required" if state.auth_required else "not required")
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({ended, asyncio.create_task(stopped.wait())}, return_when=asyncio.FIRST_COMPLETED)
        listener.close()
        for connection in tuple(state.connections):
            connection.close()
    finally:
        await database.close()
        await postgres.stop(process)
    return 0 if stopped.is_set() else 1


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        root = root_user(os.environ)
        drop_root()
        with take_volume():
            return asyncio.run(run(root))
    except (StartError, postgres.PostgresError, OSError) as error:
        log.error("%s", error)  # the message is the reason; a traceback would hide it
        return 1


if __name__ == "__main__":
    sys.exit(main())
