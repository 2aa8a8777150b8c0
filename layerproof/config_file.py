"""The file that holds the configuration, as TOML; `config` checks what it says. Importing it must stay cheap, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerproof.errors import ConfigError
from layerproof.paths import is_regular_file

PYPROJECT = "pyproject.toml"
# For a repository without Python; what it holds is `[tool.layerproof]` of the other.
STANDALONE = "layerproof.toml"


def find_config(root: Path) -> Path | None:
    """
    The file that holds the configuration of a project: its layerproof.toml, or its pyproject.toml where that has the
    table; None where neither is there.

    Raises:
        ConfigError: both hold one, or one cannot be read.
    """
    pyproject, standalone = root / PYPROJECT, root / STANDALONE
    text = read_text(pyproject)
    has_table = text is not None and "layerproof" in text and _holds_table(_parse(text, pyproject))
    if not is_regular_file(standalone):
        return pyproject if has_table else None
    if has_table:
        raise ConfigError(
            f"{pyproject} and {standalone} both hold a configuration",
            hint=f"Keep one: move [tool.layerproof] into {STANDALONE} without that prefix, or delete {STANDALONE}.",
        )
    return standalone


def configured_compose_file(root: Path) -> str:
    """
    `compose-file` as the configuration has it, unchecked; "" where there is none, or where it is no text.

    Raises:
        ConfigError: as `find_config`.
    """
    path = find_config(root)
    table = parse_table(read_text(path) or "", path) if path else None
    value = table.get("compose-file") if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""


def parse_table(text: str, path: Path) -> Any:
    """
    The table of layerproof in the text of a pyproject.toml, or all of a layerproof.toml.

    Raises:
        ConfigError: it is not TOML.
    """
    document = _parse(text, path)
    if path.name == STANDALONE:
        return document
    return document["tool"]["layerproof"] if _holds_table(document) else {}


def read_text(path: Path) -> str | None:
    """
    The text of a file; None where there is none.

    Raises:
        ConfigError: it cannot be read.
    """
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
    except ValueError as error:  # Python refuses to read a number of thousands of digits
        raise ConfigError(f"{path}:1: not valid TOML: a number is too long", hint="Shorten it.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}:1: nested too deeply", hint="Write it with less nesting.") from error


def _holds_table(document: dict[str, Any]) -> bool:
    tool = document.get("tool")
    return isinstance(tool, dict) and "layerproof" in tool
