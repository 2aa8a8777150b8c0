"""Settings as the text of a configuration file, added to what is there without touching it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any


def render_settings(settings: Mapping[str, Any], *, prefix: str) -> str:
    """
    Settings as TOML; tables below `prefix`, "" for the top of a file.

    Args:
        settings: values are texts, numbers, booleans, or tables of such.
    """
    lines = list(_table(settings, prefix))
    return "\n".join(lines).strip("\n") + "\n" if lines else ""


def add_settings(text: str, settings: Mapping[str, Any]) -> str | None:
    """
    The text of a pyproject.toml with a table [tool.layerproof] at its end.

    Returns:
        None where the file has the table already, or says `tool` in a way that nothing can be added to.
    """
    import tomli

    ending = "\r\n" if "\r\n" in text else "\n"
    table = render_settings(settings, prefix="tool.layerproof").replace("\n", ending)
    start = text if not text or text.endswith("\n") else f"{text}{ending}"
    added = f"{start}{ending if start.strip() else ''}{table}"
    try:
        before, after = tomli.loads(text), tomli.loads(added)
    except tomli.TOMLDecodeError:
        return None
    found = after.get("tool", {}).pop("layerproof", None)
    if not before.get("tool") and not after["tool"]:
        after.pop("tool")
    return added if after == before and found == settings else None


def _table(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if plain:
        yield from ([f"[{prefix}]"] if prefix else [])
        yield from (f"{_key(key)} = {json.dumps(value)}" for key, value in plain.items())
        yield ""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _table(value, f"{prefix}.{_key(key)}" if prefix else _key(key))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else json.dumps(key)
