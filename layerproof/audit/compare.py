"""Two images of an archive -> what one has and the other has not."""

from __future__ import annotations

from msgspec import Struct

from layerproof.audit import Found, ImageAudit, SavedImage, Weight
from layerproof.audit.tree import Placed, merge


class Change(Struct, frozen=True):
    """One path: its bytes in the other image and in this one, None where it is not there."""

    path: str
    before_bytes: int | None
    now_bytes: int | None

    @property
    def grown_bytes(self) -> int:
        """By how much it makes the image larger; negative for smaller."""
        return (self.now_bytes or 0) - (self.before_bytes or 0)


class Comparison(Struct, frozen=True):
    """
    An image against another one.

    `changes` are the files that differ, those that weigh most first; `appeared` and `gone` is what was found in one of
    the two only.
    """

    now: ImageAudit
    before: ImageAudit
    changes: tuple[Change, ...]
    appeared: tuple[Found, ...]
    gone: tuple[Found, ...]

    @property
    def folders(self) -> tuple[Weight, ...]:
        """By how much each folder of the first two levels has grown, the largest change first."""
        grown: dict[str, int] = {}
        for change in self.changes:
            folder = "/" + "/".join(change.path.split("/")[1:-1][:2])
            grown[folder] = grown.get(folder, 0) + change.grown_bytes
        found = [Weight(path, size) for path, size in grown.items() if size]
        return tuple(sorted(found, key=lambda item: -abs(item.size_bytes)))


def compare(now: ImageAudit, before: ImageAudit, *, saved: SavedImage, saved_before: SavedImage) -> Comparison:
    """Compare by content: the archive must have been read with digests."""
    files, files_before = merge(saved.layers).files, merge(saved_before.layers).files
    changes = [
        Change(f"/{path}", _size(files_before.get(path)), _size(files.get(path)))
        for path in files.keys() | files_before.keys()
        if _content(files.get(path)) != _content(files_before.get(path))
    ]
    changes.sort(key=lambda change: (-abs(change.grown_bytes), change.path))
    known, known_before = {_key(item) for item in now.found}, {_key(item) for item in before.found}
    appeared = tuple(item for item in now.found if _key(item) not in known_before)
    gone = tuple(item for item in before.found if _key(item) not in known)
    return Comparison(now, before, tuple(changes), appeared, gone)


def _key(item: Found) -> tuple[str, str]:
    return item.kind, item.path


def _content(placed: Placed | None) -> tuple[str, str, str] | None:
    if placed is None or placed.entry.type == "folder":
        return None
    return placed.entry.type, placed.entry.digest, placed.entry.target


def _size(placed: Placed | None) -> int | None:
    return None if placed is None or placed.entry.type == "folder" else placed.entry.size_bytes
