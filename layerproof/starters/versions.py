"""The version of a language's upstream image: what the folder asks for, else a supported one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from layerproof.starters import Folder


class Known(Struct, frozen=True):
    """The versions there are images of, newest first, and the one that is taken where nothing else is asked for."""

    default: str
    others: tuple[str, ...]


# The default is a version that its publisher supports for long (read November 2026).
NODE = Known("24", ("25", "24", "23", "22", "21", "20", "18", "16"))
PYTHON = Known("3.13", ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8"))
GO = Known("1.25", ())
RUST = Known("1.90", ())
JAVA = Known("21", ("25", "21", "17", "11", "8"))
DOTNET = Known("8.0", ())


def node_version(manifest: Mapping[str, Any], folder: Folder) -> tuple[str, str]:
    """The major version, and what to say where what is asked for is not understood."""
    for name in (".nvmrc", ".node-version"):
        # v20.11.1, 20, lts/iron
        if found := re.match(r"\s*v?(\d+)", folder.read(name) if name in folder.paths else ""):
            return found[1], ""
    volta = manifest.get("volta")
    if isinstance(volta, dict) and (found := re.match(r"(\d+)", str(volta.get("node", "")))):
        return found[1], ""
    engines = manifest.get("engines")
    wanted = str(engines.get("node") or "") if isinstance(engines, dict) else ""
    fitting = [version for version in (NODE.default, *NODE.others) if _fits(int(version), wanted)]
    if fitting:
        return fitting[0], ""
    return NODE.default, f"engines.node is {wanted!r}, which no known version of Node is: {NODE.default} is taken"


def _fits(major: int, wanted: str) -> bool:
    """
    Whether some version of a major is in a range, by majors alone: `>=18 <21`, `^20 || ^22`, `18.x`, `18 - 22`.

    Source: npm's node-semver README (ranges).
    """
    if not wanted.strip() or wanted.strip() in ("*", "x", "latest", "lts/*"):
        return True
    return any(
        bool(parts) and all(_holds(major, *part) for part in parts)
        for parts in map(_comparators, re.sub(r"(\d[\w.]*)\s+-\s+(\d)", r">=\1 <=\2", wanted).split("||"))
    )


def _comparators(text: str) -> list[tuple[str, int, bool]]:
    """The comparators of an alternative: operator, major, and whether minor or patch are more than 0."""
    found = re.findall(r"(>=|<=|>|<|\^|~|=)?\s*v?(\d+)((?:\.[\dx*]+)*)", text)
    return [(operator, int(major), bool(re.search(r"[1-9]", rest))) for operator, major, rest in found]


def _holds(major: int, operator: str, wanted: int, has_rest: bool) -> bool:
    if operator == ">=":
        return major >= wanted
    if operator == ">":
        return major > wanted or (major == wanted and has_rest)
    if operator == "<=":
        return major <= wanted
    if operator == "<":
        return major < wanted or (major == wanted and has_rest)
    return major == wanted


def python_version(asked: Iterable[str], folder: Folder) -> tuple[str, str]:
    """The minor version that `.python-version`, runtime.txt or the specifiers allow; and what is not understood."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    for name in (".python-version", "runtime.txt"):
        # 3.12.1, python-3.12.1
        if found := re.search(
            r"^(?:python-)?(3\.\d+)", folder.read(name) if name in folder.paths else "", re.MULTILINE
        ):
            return found[1], ""
    for text in filter(None, asked):
        try:
            wanted = SpecifierSet(_as_specifier(text))
        except InvalidSpecifier:
            return PYTHON.default, f"the Python version {text!r} is not understood: {PYTHON.default} is taken"
        fitting = [item for item in (PYTHON.default, *PYTHON.others) if wanted.contains(f"{item}.99")]
        return (
            (fitting[0], "") if fitting else (PYTHON.default, f"no known Python is {text!r}: {PYTHON.default} is taken")
        )
    return PYTHON.default, ""


def _as_specifier(text: str) -> str:
    """Poetry's `^3.11` and `~3.11` as PEP 440 has them."""
    text = text.split("||")[0].strip()
    text = re.sub(r"\^(\d+)\.(\d+)(?:\.\d+)?", r">=\1.\2,<4", text)
    text = re.sub(r"(?<![~=])~(\d+\.\d+)(?:\.\d+)?", r"==\1.*", text)
    text = re.sub(r"^(\d+\.\d+)(?:\.\*)?$", r"==\1.*", text)
    return "" if text == "*" else text


def at_least(found: str, default: str) -> str:
    """The later of two versions such as 1.22 and 1.25: newer toolchains build older code."""
    numbers = re.match(r"(\d+)\.(\d+)", found)
    wanted = tuple(map(int, default.split(".")[:2]))
    if numbers is None or (int(numbers[1]), int(numbers[2])) <= wanted:
        return default
    return f"{numbers[1]}.{numbers[2]}"
