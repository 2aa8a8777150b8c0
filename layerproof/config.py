"""
Reading the configuration: `[tool.layerproof]` of pyproject.toml, or layerproof.toml with the same keys at its top. An
unknown key is an error that names the line and the keys that are known there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from layerproof.config_file import PYPROJECT, STANDALONE, find_config, parse_table, read_text
from layerproof.errors import ConfigError
from layerproof.settings import Config, Table
from layerproof.validation import UNKNOWN_KEY, InvalidError, Key, checked, parts_of, type_at


def parse_config(text: str, *, path: Path) -> Config:
    """
    Read the text of a pyproject.toml, or of a layerproof.toml.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of the wrong type; the message has path and line.
    """
    table = parse_table(text, path)
    above = () if path.name == STANDALONE else ("tool", "layerproof")
    try:
        return checked(table, Config)
    except InvalidError as error:
        where = ".".join(map(str, [*above, *error.keys]))
        raise ConfigError(
            f"{path}:{_line_of(error.keys, text, below=bool(above))}: {where}: {_in_toml(error.reason)}",
            hint=_known_keys(error.keys) if error.reason == UNKNOWN_KEY else "Mend that value.",
        ) from error


def load_config(root: Path) -> Config:
    """
    Read the configuration of the project in `root`; the defaults where there is none.

    Raises:
        ConfigError: as `find_config` and `parse_config`.
    """
    path = find_config(root)
    if path is None:
        parse_table(read_text(root / PYPROJECT) or "", root / PYPROJECT)  # it may have been meant to hold one
        return Config()
    return parse_config(read_text(path) or "", path=path)


# msgspec's names of types, in words for those who write TOML.
_TYPES = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "array": "list",
    "object": "table",
}


def _in_toml(reason: str) -> str:
    """``Expected `str | array | null`, got `int` `` in words for TOML, which has no null."""

    def called(match: re.Match[str]) -> str:
        names = [_TYPES.get(name, name) for name in match[1].split(" | ") if name != "null"]
        return " or ".join(names)

    if not reason.startswith("Expected `"):
        return reason
    return "e" + re.sub(r"`([a-z |]+)`", called, reason[1:])


def _line_of(keys: Sequence[Key], text: str, *, below: bool) -> int:
    """
    The first line that mentions the last key, quoted or bare; TOML libraries keep no positions. 1 if none does.

    Args:
        below: only lines from the first table of layerproof on.
    """
    names = [key for key in keys if isinstance(key, str)]
    word = re.compile(rf"(?<![\w-]){re.escape(names[-1])}(?![\w-])") if names else re.compile(r"layerproof")
    lines = text.splitlines()
    # [tool.layerproof.args]
    heads = (n for n, line in enumerate(lines) if line.lstrip().startswith("[tool.layerproof"))
    start = next(heads, 0) if below else 0
    return next((n + 1 for n, line in enumerate(lines) if n >= start and word.search(line)), start + 1)


def _known_keys(keys: Sequence[Key]) -> str:
    """`did you mean compose-file? Known: ...` for the table that the last of some keys stands in."""
    tables = [part for part in parts_of(type_at(Config, keys[:-1])) if isinstance(part, type)]
    known = sorted(
        field.encode_name for part in tables if issubclass(part, Table) for field in msgspec.structs.fields(part)
    )
    near = difflib.get_close_matches(str(keys[-1]), known, n=1)
    return (f"did you mean {near[0]}? " if near else "") + f"Known there: {', '.join(known)}."
