"""YAML text as a tree that knows its lines. For messages; values come from the tools that own the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from layerproof.errors import ConfigError


class YamlNode(Struct, frozen=True):
    """
    One value of a YAML file.

    `scalar` is its text, None for a mapping or a list; `items` are the parts of a mapping by key, and of a list by
    "0", "1", ...; `line` is where it is named: that of its key, or of its dash. `is_block` is a text below a `|`.
    """

    line: int
    scalar: str | None = None
    is_block: bool = False
    items: dict[str, YamlNode] = field(default_factory=dict)

    def get(self, *keys: str) -> YamlNode | None:
        """The part at a key path."""
        node: YamlNode | None = self
        for key in keys:
            node = node.items.get(key) if node else None
        return node

    def text(self, *keys: str) -> str:
        """The scalar at a key path; "" where there is none."""
        found = self.get(*keys)
        return (found.scalar or "") if found else ""

    def nearest(self, keys: tuple[str, ...]) -> tuple[int, int]:
        """How many keys of a path exist, and the line of the last of them."""
        node, depth = self, 0
        for key in keys:
            below = node.items.get(key)
            if below is None:
                break
            node, depth = below, depth + 1
        return depth, node.line

    def walk(self) -> Iterator[YamlNode]:
        """It and everything below it."""
        seen, waiting = set[int](), [self]
        while waiting:
            node = waiting.pop()
            yield node
            if id(node.items) not in seen:
                seen.add(id(node.items))
                waiting += node.items.values()


def parse_yaml(text: str, *, path: Path) -> YamlNode:
    """
    Read one YAML document. Anchors are followed and merge keys applied; tags such as `!reset` do not matter.

    Raises:
        ConfigError: the text is no YAML.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
        return _Reader().read(root, 1) if root is not None else YamlNode(1)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it does not parse"
        raise ConfigError(f"{path}:{line}: not valid YAML: {problem}", hint="Mend that line.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deeply", hint="Write it with less nesting.") from error


def load_yaml(path: Path) -> YamlNode:
    """
    Read a file; see `parse_yaml`.

    Raises:
        ConfigError: it cannot be read, or is no YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), path=path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable UTF-8 file.") from error


class _Reader:
    """Nodes of PyYAML to nodes of ours; what an anchor names is read once, however often it is used."""

    def __init__(self) -> None:
        self._read: dict[int, dict[str, YamlNode]] = {}

    def read(self, node: Any, line: int) -> YamlNode:
        import yaml

        if not isinstance(node, (yaml.MappingNode, yaml.SequenceNode)):
            return YamlNode(line, str(getattr(node, "value", "")), getattr(node, "style", None) == "|")
        if id(node) not in self._read:
            # Entered before it is filled: an anchor may contain itself.
            items = self._read[id(node)] = {}
            items.update(self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node))
        return YamlNode(line, items=self._read[id(node)])

    def _mapping(self, node: Any) -> dict[str, YamlNode]:
        import yaml

        merged: dict[str, YamlNode] = {}
        own: dict[str, YamlNode] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value == "<<":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in sources:
                    merged = {**self.read(source, line).items, **merged}
            elif isinstance(key.value, str):
                own[key.value] = self.read(value, line)
        return {**merged, **own}

    def _sequence(self, node: Any) -> dict[str, YamlNode]:
        return {str(n): self.read(part, part.start_mark.line + 1) for n, part in enumerate(node.value)}
