"""
The open cursors of all connections. DocumentDB keeps the rows (in files of its data directory); here is what it wants
back to continue: drivers may send getMore on another connection than find.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.errors import CommandError

IDLE_LIMIT_S = 600  # mongod's own: cursorTimeoutMillis


@dataclass(frozen=True)
class Cursor:
    id: int
    database: str
    continuation: bytes
    used_at_s: float


class Cursors:
    """Open cursors by id; the ones nobody asked for within the idle limit are dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[int, Cursor] = {}

    def keep(self, cursor_id: int, *, database: str, continuation: bytes) -> None:
        self._open[cursor_id] = Cursor(cursor_id, database, continuation, self._clock())

    def take(self, cursor_id: int) -> Cursor:
        """Take a cursor out; getMore keeps it again if more is left."""
        self._expire()
        try:
            return self._open.pop(cursor_id)
        except KeyError:
            raise CommandError("CursorNotFound", f"cursor id {cursor_id} not found") from None

    def kill(self, cursor_ids: Iterable[int]) -> tuple[list[int], list[int]]:
        """Drop cursors; returns the ids dropped, and the ones that were not open."""
        killed: list[int] = []
        unknown: list[int] = []
        for cursor_id in cursor_ids:
            (killed if self._open.pop(cursor_id, None) else unknown).append(cursor_id)
        return killed, unknown

    def __len__(self) -> int:
        return len(self._open)

    def _expire(self) -> None:
        oldest = self._clock() - IDLE_LIMIT_S
        self._open = {key: cursor for key, cursor in self._open.items() if cursor.used_at_s >= oldest}
