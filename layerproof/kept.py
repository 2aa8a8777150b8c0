"""
What other tasks found, kept for the report: one JSON document each, `kept/NAME.json` in the records folder.

A run that looked at a part only does not lose the rest: rows are merged, each with the time at which it was found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from layerproof.atomic import write_atomically

SCHEMA = 1
_PRIVATE = 0o600


def keep(
    folder: Path, name: str, document: Mapping[str, Any], *, rows: str, by: Sequence[str], at: float
) -> tuple[str, ...]:
    """
    Keep a document; a row takes the place of the one kept before with the same values of `by`, the others stay.

    Args:
        folder: the records folder of the project.
        rows: the field of the document that has the rows; its `passed` is then that of all of them.
        at: when they were found, in seconds since the epoch; each row gets it under that name.

    Returns:
        A warning where it cannot be kept: what was found holds all the same.
    """
    from filelock import FileLock

    path = _path(folder, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            old = (kept(folder, name, rows=rows) or {}).get(rows, ())
            # A row that is found again stays where it was.
            merged = {_key(row, by): row for row in old}
            merged |= {_key(row, by): {**row, "at": at} for row in document[rows]}
            passed = all(row.get("passed") for row in merged.values())
            whole = {**document, "schema": SCHEMA, "passed": passed, rows: list(merged.values())}
            write_atomically(path, json.dumps(whole).encode(), mode=_PRIVATE)
    except OSError as error:
        return (f"what {name} found cannot be kept, so a report will not have it: {error}",)
    return ()


def kept(
    folder: Path, name: str, *, rows: str, damaged: Callable[[str], None] = lambda _: None
) -> dict[str, Any] | None:
    """
    What was kept last under a name; None where there is nothing.

    Args:
        damaged: told in words where it is damaged or of another version; that counts as nothing.
    """
    path = _path(folder, name)
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise ValueError("it is of another version of layerproof")
        if not all(isinstance(row, dict) for row in document[rows]):
            raise TypeError("a row has another type")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        damaged(f"{path}: damaged ({error}) and passed over")
        return None
    return dict(document)


def _path(folder: Path, name: str) -> Path:
    return folder / "kept" / f"{name}.json"


def _key(row: Mapping[str, Any], by: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in by)
