"""Which files of the contexts each step takes, and what tells one state of them from another."""

from __future__ import annotations

import hashlib
import json
import posixpath
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from layerproof.context import ContextFile
from layerproof.digests import LINK
from layerproof.evidence import Evidence, Listing
from layerproof.flow import Node, Source

MAX_LINKS = 40


class Selection:
    """The files that each step takes, and a digest of them. Listings are sorted by path."""

    def __init__(self, evidence: Evidence) -> None:
        image = evidence.image
        named = {Path(image.contexts[name]): files for name, files in evidence.named.items() if name in image.contexts}
        self._listings: dict[Path, Listing | None] = {image.context: evidence.files, **named}
        self._whole: dict[Path, str] = {}

    def of(self, node: Node) -> tuple[dict[Path, Listing] | None, str, str]:
        """The files by folder, their digest, and what cannot be known: files of a folder that was not recorded."""
        chosen: dict[Path, Listing] = {}
        digests: list[str] = []
        for source in node.sources:
            listing = self._listings.get(source.folder)
            if listing is None:
                return None, "not known", f"which files of {source.folder} it took"
            is_whole = source.pattern == "." and not source.excluded
            files = listing if is_whole else tuple(_select(listing, source))
            digests.append(self._of_all(source.folder, listing) if is_whole else listing_digest(files))
            already = chosen.get(source.folder, ())
            chosen[source.folder] = tuple(sorted({*already, *files})) if already else files
        return chosen, hashed(digests), ""

    def _of_all(self, folder: Path, listing: Listing) -> str:
        if folder not in self._whole:
            self._whole[folder] = listing_digest(listing)
        return self._whole[folder]


def _select(listing: Listing, source: Source) -> Iterator[ContextFile]:
    """The files that a source takes."""
    pattern = source.pattern
    if pattern == "." or any(character in pattern for character in "*?[\\"):
        yield from (file for file in listing if source.holds(f"{source.folder}/{file.path.rstrip('/')}"))
        return
    pattern = _followed(pattern, listing)
    inside = replace(source, pattern=pattern)
    at = bisect_left(listing, pattern, key=_path_of) if pattern != "." else 0
    while at < len(listing) and (pattern == "." or listing[at].path.startswith(pattern)):
        file = listing[at]
        if inside.holds(f"{source.folder}/{file.path.rstrip('/')}"):
            yield file
        at += 1


def _followed(path: str, listing: Listing) -> str:
    """A path with the links on it followed, as COPY does; one that leads in a circle stays as it is."""
    for _ in range(MAX_LINKS):
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            at = bisect_left(listing, above, key=_path_of)
            if at < len(listing) and listing[at].path == above and listing[at].digest.startswith(LINK):
                target = listing[at].digest.removeprefix(LINK)
                found = posixpath.join("/", posixpath.dirname(above), target, *parts[count:])
                path = posixpath.normpath(found).lstrip("/") or "."
                break
        else:
            return path
    return path


def _path_of(file: ContextFile) -> str:
    return file.path


def listing_digest(files: Listing) -> str:
    """What tells these files from others: names, modes and contents."""
    return hashed([file[:3] for file in files])


def hashed(*parts: Any) -> str:
    """A digest of anything that is JSON; the order of keys does not count."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
