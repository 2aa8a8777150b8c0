"""A change of one file: shown as a diff first, and written whole or not at all."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from layerproof.atomic import write_atomically
from layerproof.errors import ConfigError


class FileChange(Struct, frozen=True):
    """What would change in one file: its texts before ("" where there is none) and after."""

    path: Path
    before: str
    after: str

    def diff(self, root: Path) -> str:
        """The change as a unified diff, which `patch -p1` takes."""
        name = os.path.relpath(self.path, root)
        before, after = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        source = f"a/{name}" if self.path.is_file() else "/dev/null"
        rows = list(difflib.unified_diff(before, after, source, f"b/{name}"))
        return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def apply_changes(changes: Sequence[FileChange]) -> None:
    """
    Write the files, each at once: a reader sees the old or the new one.

    Raises:
        ConfigError: a file cannot be written, or is not any more what the change was made of.
    """
    for change in changes:
        if read_exactly(change.path) != change.before:
            raise ConfigError(f"{change.path}: it was changed meanwhile", hint="Run the command again.")
        try:
            write_atomically(change.path, change.after.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise ConfigError(f"{change.path}: cannot be written: {error}", hint="Check its permissions.") from error


def read_exactly(path: Path) -> str:
    """The text as it is, line ends too; "" where there is no file."""
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""
