"""Where in the compose files something stands: files laid over each other, `include` and `extends` followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from layerproof.dockerfile import parse_again
from layerproof.errors import ConfigError
from layerproof.model import Image
from layerproof.policy import Keys, Place
from layerproof.yaml_text import YamlNode, load_yaml


class ComposePlaces:
    """
    Finds key paths of the resolved compose document in the files that it was made of.

    Args:
        files: the compose files, the one that is laid over the others last.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._texts: dict[Path, YamlNode] = {}
        self._order = self._load()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read, the included and extended ones too."""
        return tuple(self._order)

    def place(self, keys: Keys) -> Place:
        """
        The place of the longest part of a key path that stands anywhere; the first file's first line for none.

        Entries `NAME=value` of a list are found by their name, and what a service takes over by `extends` where the
        other service has it.
        """
        best, found = 0, Place(self._files[0] if self._files else Path(), 1)
        for path, own in self._candidates(keys):
            depth, line = _nearest(self._texts[path], own)
            # Of files that say it equally exactly, the last one wins, as it does for Compose.
            if depth and depth >= best:
                best, found = depth, Place(path, line)
        return found

    def in_dockerfile(self, image: Image, line: int) -> Place:
        """The place of a line of an image's Dockerfile, which may stand in the compose file."""
        if not image.inline:
            return Place(image.dockerfile.path, line)
        keys = ("services", image.service, "build", "dockerfile_inline")
        place = self.place(keys)
        return Place(place.path, line) if self._is_block(place, keys) else place

    def with_own_lines(self, image: Image) -> Image:
        """An image whose Dockerfile stands in the compose file, with the lines that its instructions have there."""
        keys = ("services", image.service, "build", "dockerfile_inline")
        place = self.place(keys)
        if not image.inline or not self._is_block(place, keys):
            return image
        text = "\n" * place.line + image.dockerfile.text
        return replace(image, dockerfile=parse_again(image.dockerfile, text, args=image.args))

    def _is_block(self, place: Place, keys: Keys) -> bool:
        node = self._texts[place.path].get(*keys) if place.path in self._texts else None
        return node is not None and node.is_block

    def written(self, keys: Keys) -> str | None:
        """The scalar at a key path, as the winning file has it; lists of `NAME=value` are read as mappings."""
        for path, own in reversed(list(self._candidates(keys))):
            node = self._texts[path].get(*own)
            if node is not None and node.scalar is not None:
                return node.scalar
            entry = _entry(self._texts[path].get(*own[:-1]), own[-1]) if node is None else None
            if entry is not None and "=" in (entry.scalar or ""):
                return (entry.scalar or "").partition("=")[2]
        return None

    def _candidates(self, keys: Keys) -> Iterator[tuple[Path, Keys]]:
        """Where a key path may stand, what wins last: in each file, and there in the services that one extends."""
        found = [(path, keys) for path in self._order]
        for path, own in found if keys[:1] == ("services",) and len(keys) > 2 else ():
            extends = self._texts[path].get(*own[:2], "extends")
            other = (extends.scalar or extends.text("service")) if extends else ""
            file = extends.text("file") if extends else ""
            entry = (Path(path.parent, file).resolve() if file else path, ("services", other, *keys[2:]))
            if other and entry[0] in self._texts and entry not in found:
                found.append(entry)
        count = len(self._order)
        yield from (*reversed(found[count:]), *found[:count])

    def _load(self) -> list[Path]:
        # What is extended or included comes first, because what names it is laid over it.
        order: list[Path] = []
        for file in self._files:
            self._enter(file, order, above=())
        return order

    def _enter(self, path: Path, order: list[Path], *, above: tuple[Path, ...]) -> None:
        if path in order or path in above:
            return
        try:
            self._texts[path] = load_yaml(path)
        except ConfigError:
            return  # Compose has read it, or has said what is wrong with it
        for other in _named_by(self._texts[path], path.parent):
            self._enter(other, order, above=(*above, path))
        order.append(path)


def _nearest(node: YamlNode, keys: Keys) -> tuple[int, int]:
    """How many keys of a path exist, and the line of the last of them; an entry `NAME=value` counts as the key NAME."""
    depth, line = node.nearest(keys)
    if depth == len(keys) - 1:
        entry = _entry(node.get(*keys[:-1]), keys[-1])
        if entry is not None:
            return len(keys), entry.line
    return depth, line


def _entry(above: YamlNode | None, name: str) -> YamlNode | None:
    """The entry `NAME=value`, or `NAME` alone, of a list; a list's keys are "0", "1", ..."""
    if above is None or "0" not in above.items:
        return None
    entries = above.items.values()
    return next((item for item in entries if (item.scalar or "").partition("=")[0] == name), None)


def _named_by(node: YamlNode, folder: Path) -> Iterator[Path]:
    """The files that `include` and `extends` name; an address is none."""
    names: list[str] = []
    included = node.get("include")
    for item in included.items.values() if included else ():
        path = item.get("path")
        entries = [item] if path is None else [path, *path.items.values()]
        names += [entry.scalar for entry in entries if entry.scalar]
    services = node.get("services")
    names += [body.text("extends", "file") for body in (services.items.values() if services else ())]
    for name in names:
        candidate = Path(folder, name).resolve() if name else None
        if candidate is not None and candidate.is_file():
            yield candidate
