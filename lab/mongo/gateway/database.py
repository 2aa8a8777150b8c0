"""The connection pool to PostgreSQL: BSON in, BSON out, no copy through Python types."""

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

POOL_SIZE = 16  # max_connections in postgresql.conf leaves room for DocumentDB's own connections
# DocumentDB's operators are looked up by name.
OPTIONS = "-c search_path=documentdb_api_catalog,documentdb_api,public"


class Database:
    """Runs one statement per command, each in its own transaction."""

    def __init__(self, conninfo: str) -> None:
        self._pool = AsyncConnectionPool(
            conninfo, kwargs={"autocommit": True, "options": OPTIONS}, min_size=2, max_size=POOL_SIZE, open=False
        )

    async def open(self) -> None:
        await self._pool.open(wait=True)

    async def close(self) -> None:
        await self._pool.close()

    async def call(self, sql: str, *args: object, time_limit_ms: int = 0) -> tuple[Any, ...]:
        """
        Run a statement and return its first row; BSON columns come as bytes.

        Raises:
            psycopg.Error: with DocumentDB's SQLSTATE.
        """
        async with self._pool.connection() as connection:
            if not time_limit_ms:
                return await _first_row(connection, sql, args)
            async with connection.transaction():
                await connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(time_limit_ms)])
                return await _first_row(connection, sql, args)


async def _first_row(connection: psycopg.AsyncConnection, sql: str, args: tuple[object, ...]) -> tuple[Any, ...]:
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(sql, args)
        row = await cursor.fetchone()
    if row is None:
        raise RuntimeError(f"no row from: {sql}")
    return row
