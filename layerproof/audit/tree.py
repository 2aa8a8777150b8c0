"""Layers laid over each other, as a container sees them, and what of them it does not see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from layerproof.audit import Entry, Layer


class Placed(Struct, frozen=True):
    """An entry and the layer that it comes from, counted from 1."""

    entry: Entry
    layer: int


class Tree(Struct, frozen=True):
    """`files` are those that a container sees, by path; `hidden` those that a later layer overwrites or removes."""

    files: dict[str, Placed]
    hidden: tuple[Placed, ...]

    @property
    def wasted_bytes(self) -> int:
        """What the hidden files take."""
        return sum(item.entry.size_bytes for item in self.hidden)


def merge(layers: Sequence[Layer]) -> Tree:
    """
    Lay layers over each other.

    A file that is reached through a folder that is a symlink in a lower layer keeps the path it is written under.

    Source: OCI image specification, layer.md, "Applying changesets".
    """
    seen: dict[str, Placed] = {}
    hidden: list[Placed] = []
    for number, layer in enumerate(layers, start=1):
        for gone in _gone(seen, layer):
            hidden.append(seen.pop(gone))
        for entry in layer.entries:
            before = seen.get(entry.path)
            if before is not None:
                hidden.append(before)
                if before.entry.type == "folder" and entry.type != "folder":
                    hidden += [seen.pop(path) for path in _below(seen, entry.path)]
            seen[entry.path] = Placed(entry, number)
    kept_hidden = tuple(item for item in hidden if item.entry.type == "file")
    return Tree(_with_links(seen, layers), kept_hidden)


def _gone(seen: dict[str, Placed], layer: Layer) -> list[str]:
    """The paths of lower layers that a layer removes: with everything below them."""
    gone = {path for path in layer.removed if path in seen}
    folders = {path for path in gone if seen[path].entry.type == "folder"} | set(layer.emptied)
    if folders:
        gone |= {path for path in seen if any(parent in folders for parent in parents(path))}
    return list(gone)


def _below(seen: dict[str, Placed], folder: str) -> list[str]:
    return [path for path in seen if path.startswith(f"{folder}/")]


def parents(path: str) -> Iterator[str]:
    """The folders that a path lies in, the nearest first, the root as ""."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield ""


def _with_links(seen: dict[str, Placed], layers: Sequence[Layer]) -> dict[str, Placed]:
    """
    A hard link has the content of its target: it is that file where the target itself is not to be seen any more, and
    another name of it, which needs no telling, where it is.
    """
    found = {}
    for path, item in seen.items():
        if item.entry.type == "hardlink":
            target = seen.get(item.entry.target)
            if target is None or target.layer != item.layer:
                entries = layers[item.layer - 1].entries
                origin = next((entry for entry in entries if entry.path == item.entry.target), None)
                item = replace(item, entry=replace(origin, path=path)) if origin else item
        found[path] = item
    return found
