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

from layerproof.errors import ConfigError
from layerproof.paths import is_regular_file
from layerproof.settings import Config

PYPROJECT = "pyproject.toml"
# For a repository without Python; what it holds is `[tool.layerproof]` of the other.
STANDALONE = "layerproof.toml"


def parse_config(text: str, *, path: Path) -> Config:
    """
    Read the text of a pyproject.toml, or of a layerproof.toml.

    Raises:
        ConfigError: not TOML, an unknown key, or a value of the wrong type; the message has path and line.
    """
    document = _parse(text, path)
    above = () if path.name == STANDALONE else ("tool", "layerproof")
    try:
        return Config.model_validate(document if path.name == STANDALONE else _table_of(document))
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


def find_config(root: Path) -> Path | None:
    """
    The file that holds the configuration of a project: its layerproof.toml, or its pyproject.toml where that has the
    table; None where neither is there.

    Raises:
        ConfigError: both hold one, or one cannot be read.
    """
    pyproject, standalone = root / PYPROJECT, root / STANDALONE
    text = _read(pyproject)
    has_table = text is not None and "layerproof" in text and _holds_table(_parse(text, pyproject))
    if not is_regular_file(standalone):
        return pyproject if has_table else None
    if has_table:
        raise ConfigError(
            f"{pyproject} and {standalone} both hold a configuration",
            hint=f"Keep one: move [tool.layerproof] into {STANDALONE} without that prefix, or delete {STANDALONE}.",
        )
    return standalone


def load_config(root: Path) -> Config:
    """
    Read the configuration of the project in `root`; the defaults where there is none.

    Raises:
        ConfigError: as `find_config` and `parse_config`.
    """
    path = find_config(root)
    if path is None:
        _parse(_read(root / PYPROJECT) or "", root / PYPROJECT)  # it may have been meant to hold one
        return Config()
    return parse_config(_read(path) or "", path=path)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable UTF-8 file.") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid TOML: {error.msg}", hint="Mend that line.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deeply", hint="Write it with less nesting.") from error


def _holds_table(document: dict[str, Any]) -> bool:
    tool = document.get("tool")
    return isinstance(tool, dict) and "layerproof" in tool


def _table_of(document: dict[str, Any]) -> Any:
    return document["tool"]["layerproof"] if _holds_table(document) else {}


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
