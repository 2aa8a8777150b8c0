"""The digests of files, remembered by what the file system says of each, so that a second look need not read them."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, field

from layerproof.atomic import write_atomically

SCHEMA = 1
# A file may change again within one tick of the file system's clock: what is younger is read again.
SETTLED_NS = 2_000_000_000

# mode, size, mtime_ns, ctime_ns, inode
Seen = tuple[int, int, int, int, int]
LINK_MODE = 0o777
# In the place of a link's digest: this, and what it leads to.
LINK = "link:"


class DigestIndex(Struct):
    """
    SHA-256 by path below one folder, for files that still have the mode, size, times and inode they were read with.

    Source: git's index, which trusts what stat says in the same way, but not of files as young as itself ("racy git").
    """

    path: Path | None = None
    _known: dict[str, tuple[Seen, str]] = field(default_factory=dict)
    _fresh: dict[str, tuple[Seen, str]] = field(default_factory=dict)
    _met: list[str] = field(default_factory=list)
    _folder: str = ""

    def describe(
        self, folder: str, files: Iterable[tuple[str, os.stat_result | None]]
    ) -> Iterator[tuple[str, int, str, int]]:
        """
        Path, mode, digest and size in bytes of files; a link has its target for a digest, and the mode 0777.

        Args:
            files: paths below `folder` with what `lstat` says of them now, None for a folder; its mode is 0.

        Raises:
            OSError: one cannot be read. One that is gone by now is left out.
        """
        self._folder = folder
        known, fresh, met = self._known, self._fresh, self._met
        for path, status in files:
            if status is None:
                yield path, 0, "folder", 0
                continue
            seen = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            entry = known.get(path) or fresh.get(path)
            if entry is not None and entry[0] == seen:
                met.append(path)
                yield path, seen[0] & 0o7777, entry[1], seen[1]
                continue
            try:
                yield path, *self._read(folder, path, seen)
            except FileNotFoundError:
                continue  # an editor's temporary file, gone since the folder was listed

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(f"{self._folder}/{path}")

    def _read(self, folder: str, path: str, seen: Seen) -> tuple[int, str, int]:
        file = f"{folder}/{path}"
        mode, size_bytes, modified_ns, changed_ns, _ = seen
        if stat.S_ISLNK(mode):
            return LINK_MODE, f"{LINK}{os.readlink(file)}", 0  # noqa: PTH115
        if not stat.S_ISREG(mode):
            return mode & 0o7777, "special", 0
        digest = _sha256(file)
        if max(modified_ns, changed_ns) < time.time_ns() - SETTLED_NS:
            self._fresh[path] = (seen, digest)
        return mode & 0o7777, digest, size_bytes

    def save(self) -> None:
        """Write what was asked for since it was loaded; nothing where that is what is there. One that fails is lost."""
        met = set(self._met)
        if self.path is None or (not self._fresh and met.issuperset(self._known)):
            return
        # Another ignore file of the same folder may have left some out.
        left = {path: seen for path, seen in self._known.items() if path not in met and self._is_there(path)}
        kept = {path: self._known[path] for path in met if path in self._known} | left | self._fresh
        document = {
            "schema": SCHEMA,
            "paths": list(kept),
            "digests": [digest for _, digest in kept.values()],
            "seen": [part for seen, _ in kept.values() for part in seen],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, json.dumps(document).encode("utf-8", "surrogateescape"))
        except OSError:
            return  # a full disk or a read-only one: the next look reads the files again


def load_index(path: Path) -> DigestIndex:
    """The index in a file; an empty one where there is none, or where it is damaged or of another version."""
    try:
        with uncollected():
            document = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
            if document["schema"] != SCHEMA:
                return DigestIndex(path)
            numbers = iter(document["seen"])
            seen = zip(*[numbers] * 5, strict=True)
            known = dict(zip(document["paths"], zip(seen, document["digests"], strict=True), strict=True))
    except (OSError, ValueError, KeyError, TypeError):
        return DigestIndex(path)
    return DigestIndex(path, known)


@contextmanager
def uncollected() -> Iterator[None]:
    """
    Hold the garbage collector off while tens of thousands of small objects are made that all stay: it would go through
    them again and again, and find nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _sha256(file: str) -> str:
    with open(file, "rb", buffering=0) as stream:  # noqa: PTH123  # a third faster than pathlib's, for 50,000 files
        digest = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()
