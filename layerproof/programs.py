"""Which package manager the words of a command run, and where its own words begin."""

from __future__ import annotations

import re
from collections.abc import Sequence

from layerproof import package_managers as tables


def package_manager(words: Sequence[str]) -> tuple[str, int]:
    """The package manager, and where its own words begin: `python3 -m pip`, `uv pip`, `npx --yes playwright`."""
    name = words[0].rsplit("/", 1)[-1]
    if re.fullmatch(r"pip\d?(?:\.\d+)?", name):
        return "pip", 1
    if re.fullmatch(r"python\d?(?:\.\d+)?", name):
        return _run_by_python(words, name)
    if name == "uv" and "pip" in words[1:]:
        at = verb_at(words, 1, "uv")
        return ("pip", at + 1) if words[at : at + 1] == ("pip",) else ("uv", 1)
    if name == "php":
        # php -d memory_limit=-1 /usr/bin/composer install, php composer.phar install
        at = next((n for n, word in enumerate(words) if word.rsplit("/", 1)[-1] in ("composer", "composer.phar")), 0)
        return ("composer", at + 1) if at else (name, 1)
    if name == "pip-sync":
        return "pip", 0
    return _run_from_registry(words, name)


def _run_by_python(words: Sequence[str], name: str) -> tuple[str, int]:
    """`python3 -m pip`, `python setup.py`"""
    if "-m" in words[:-1]:
        at = words.index("-m") + 1
        return words[at], at + 1
    at = verb_at(words, 1, "python")
    is_setup = at < len(words) and words[at].rsplit("/", 1)[-1] == "setup.py"
    return ("setup.py", at + 1) if is_setup else (name, 1)


def _run_from_registry(words: Sequence[str], name: str) -> tuple[str, int]:
    """What npx and its like run, where that is a package manager: `npx -y pnpm@9 install`, `pnpm dlx playwright`."""
    at, verbs = verb_at(words, 1, name), tables.RUN_FROM_REGISTRY.get(name)
    if verbs and at < len(words) and words[at] in verbs:
        at = verb_at(words, at + 1, "npx")
    elif verbs and words[at : at + 1] != ("playwright",):
        return name, 1
    if verbs is None or at >= len(words):
        return name, 1
    tool = words[at].partition("@")[0]
    if tool == "playwright":
        return "npx", at + 1
    return (tool, at + 1) if tool in tables.ECOSYSTEMS["node"] else (name, 1)


def verb_at(words: Sequence[str], start: int, tool: str) -> int:
    """Where the first word that is no option stands; the end where there is none."""
    at = start
    # cargo +nightly build, bundle _2.5.6_ install
    chosen = {"cargo": "+", "bundle": "_"}.get(tool, "-")
    while at < len(words) and words[at].startswith(("-", chosen)):
        at += 2 if words[at] in tables.VALUED.get(tool, ()) else 1
    return at
