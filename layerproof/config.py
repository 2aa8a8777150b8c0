"""
Reading the configuration: `[tool.layerproof]` of pyproject.toml, or layerproof.toml with the same keys at its top. An
unknown key is an error that names the line and the keys that are known there.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from layerproof.config_file import PYPROJECT, STANDALONE, find_config, parse_table, read_text
from layerproof.errors import ConfigError
from layerproof.settings import Config


def parse_config(text: str, *, path: Path) -> Config:
    """
    Read the text of a pyproject.toml, or of a layerproof.toml.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of the wrong type; the message has path and line.
    """
    table = parse_table(text, path)
    above = () if path.name == STANDALONE else ("tool", "layerproof")
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        where = ".".join([*above, *keys])
        is_unknown = first["type"] == "extra_forbidden"
        reason = "unknown key" if is_unknown else first["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"{path}:{_line_of(keys, text, below=bool(above))}: {where}: {reason}",
            hint=_known_keys(keys) if is_unknown else "Mend that value.",
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


def _line_of(keys: list[str], text: str, *, below: bool) -> int:
    """
    The first line that mentions the last key, quoted or bare; TOML libraries keep no positions. 1 if none does.

    Args:
        below: only lines from the first table of layerproof on.
    """
    names = [key for key in keys if not key.isdigit()]
    word = re.compile(rf"(?<![\w-]){re.escape(names[-1])}(?![\w-])") if names else re.compile(r"layerproof")
    lines = text.splitlines()
    # [tool.layerproof.args]
    heads = (n for n, line in enumerate(lines) if line.lstrip().startswith("[tool.layerproof"))
    start = next(heads, 0) if below else 0
    return next((n + 1 for n, line in enumerate(lines) if n >= start and word.search(line)), start + 1)


def _known_keys(keys: list[str]) -> str:
    """`did you mean compose-file? Known: ...` for the table that the last of some keys stands in."""
    table: type[BaseModel] = Config
    for key in keys[:-1]:
        field = next((field for field in table.model_fields.values() if field.alias == key), None)
        # What is no field is a name of the user's: of a service, a profile.
        table = (_table_in(field.annotation) or table) if field else table
    known = sorted(str(field.alias) for field in table.model_fields.values())
    near = difflib.get_close_matches(keys[-1], known, n=1)
    return (f"did you mean {near[0]}? " if near else "") + f"Known there: {', '.join(known)}."


def _table_in(kind: Any) -> type[BaseModel] | None:
    """The table that a type holds: `dict[str, ServiceConfig]`, `AuditConfig | None`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    return next((found for part in get_args(kind) if (found := _table_in(part))), None)
