"""The PostgreSQL process on the volume: made at the first start, run as a child, stopped with the gateway."""

import asyncio
import shutil
import signal
from asyncio.subprocess import Process
from pathlib import Path

import psycopg

BIN = Path("/usr/lib/postgresql/18/bin")
SOCKETS = Path("/run/mongodb")
CONFIG = Path(__file__).with_name("postgresql.conf")
CONNINFO = f"host={SOCKETS} user=mongodb dbname=postgres"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 4.0  # `docker stop` allows ten seconds for both ways

# Every start: a newer image brings newer extensions. Indexes are built at once (schema.py), so the two jobs that
# build them in the background every two seconds have nothing to do.
PREPARE = """
CREATE EXTENSION IF NOT EXISTS documentdb CASCADE;
ALTER EXTENSION documentdb_core UPDATE;
ALTER EXTENSION documentdb UPDATE;
SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname LIKE 'documentdb_index_build%';
"""


class PostgresError(Exception):
    """PostgreSQL did not start; its own message stands above in the log."""


async def initialise(data: Path) -> None:
    """Make a new cluster; what an interrupted first start has left is removed."""
    shutil.rmtree(data, ignore_errors=True)
    # Connections come over a socket that only this user can reach, hence no password.
    options = ["--username=mongodb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    process = await asyncio.create_subprocess_exec(
        BIN / "initdb", f"--pgdata={data}", *options, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait():
        raise PostgresError("initdb failed")


async def start(data: Path) -> Process:
    """Start the server on an existing cluster and prepare its extensions."""
    # The caller holds the volume's lock, so this can only be the file of a server that was killed. Left in place, it
    # would stop the new one if another process has that number by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(BIN / "postgres", "-D", data, "-c", f"config_file={CONFIG}")
    try:
        await asyncio.wait_for(_wait_until_ready(process, data), START_LIMIT_S)
        async with await psycopg.AsyncConnection.connect(CONNINFO, autocommit=True) as connection:
            await connection.execute(PREPARE)
    except asyncio.TimeoutError:
        await stop(process)
        raise PostgresError(f"postgres was not ready within {START_LIMIT_S:.0f} s") from None
    return process


async def stop(process: Process) -> None:
    """Stop fast: open work is rolled back, the rest is flushed; the hard way only if that takes too long."""
    for way in (signal.SIGINT, signal.SIGQUIT):
        if process.returncode is None:
            process.send_signal(way)
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except asyncio.TimeoutError:
            continue
        return


async def _wait_until_ready(process: Process, data: Path) -> None:
    while not _ready(data):
        if process.returncode is not None:
            raise PostgresError(f"postgres exited with {process.returncode}")
        await asyncio.sleep(0.02)


def _ready(data: Path) -> bool:
    """Read the state from postmaster.pid; trying to connect earlier would fill the log with refusals."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
