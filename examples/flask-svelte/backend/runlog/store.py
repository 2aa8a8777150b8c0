"""Runs in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from runlog.model import NewRun, Run

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS run (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        date TEXT NOT NULL,
        place TEXT NOT NULL,
        vertical_m INTEGER NOT NULL,
        note TEXT NOT NULL
    )
"""
_ADD = "INSERT INTO run (date, place, vertical_m, note) VALUES (:date, :place, :vertical_m, :note)"


class RunStore:
    """The runs in a file, which is made where there is none; every call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._transaction() as database:
            database.execute(_SCHEMA)

    def all(self) -> list[Run]:
        """Every run, newest day first and within a day the last one first."""
        with self._transaction() as database:
            rows = database.execute("SELECT id, date, place, vertical_m, note FROM run ORDER BY date DESC, id DESC")
            return [Run(**dict(row)) for row in rows]

    def count(self) -> int:
        """How many runs there are."""
        with self._transaction() as database:
            return int(database.execute("SELECT count(*) FROM run").fetchone()[0])

    def add(self, run: NewRun) -> Run:
        """Keep a run."""
        with self._transaction() as database:
            done = database.execute(
                "INSERT INTO run (date, place, vertical_m, note) VALUES (:date, :place, :vertical_m, :note)",
                asdict(run),
            )
            return Run(**asdict(run), id=int(done.lastrowid or 0))

    def remove(self, identifier: int) -> bool:
        """Forget a run; False where there was none."""
        with self._transaction() as database:
            return database.execute("DELETE FROM run WHERE id = ?", (identifier,)).rowcount > 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as database, database:
            database.row_factory = sqlite3.Row
            yield database
