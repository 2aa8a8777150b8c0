"""Where in the compose files something stands: files laid over each other, `include` and `extends` followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from layerproof.dockerfile import parse_dockerfile
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
        """The place of the longest part of a key path that stands anywhere; the first file's first line for none."""
        best, found = 0, Place(self._files[0] if self._files else Path(), 1)
        for path in self._order:
            depth, line = self._texts[path].nearest(keys)
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
        file = image.dockerfile
        return replace(
            image, dockerfile=parse_dockerfile("\n" * place.line + file.text, path=file.path, args=image.args)
        )

    def _is_block(self, place: Place, keys: Keys) -> bool:
        node = self._texts[place.path].get(*keys) if place.path in self._texts else None
        return node is not None and node.is_block

    def written(self, keys: Keys) -> str | None:
        """The scalar at a key path, as the winning file has it; lists of `NAME=value` are read as mappings."""
        for path in reversed(self._order):
            node = self._texts[path].get(*keys)
            if node is None and (above := self._texts[path].get(*keys[:-1])):
                entries = (item.scalar or "" for item in above.items.values())
                value = next((entry for entry in entries if entry.startswith(f"{keys[-1]}=")), None)
                if value is not None:
                    return value.partition("=")[2]
            if node is not None and node.scalar is not None:
                return node.scalar
        return None

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
