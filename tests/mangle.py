"""Texts made wrong in the ways that editors, merges and bad luck make them wrong; the same seed gives the same text."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml

ROUNDS = int(os.environ.get("LAYERPROOF_FUZZ", "400"))
LIMIT_S = 20

_BITS = (
    *("\\", '"', "'", "${", "$", "`", "#", "{{", "[", "]", "{", "}", ":", "- ", "<<EOF", "<<-'X'", "&a", "*a"),
    *("!reset", "!"),
    *("\t", "\r\n", "\x00", "\ufeff", "\u202e", "é", "💥", "\x1b[31m", "\ud7ff", "%", "=", "=="),
    *("--mount=", "--from=", "**/"),
    *("FROM ", "FROM scratch\n", "RUN ", "COPY . .\n", "ARG X=${X}\n", "ENV A=$A B=${A:-$B}\n", "ONBUILD RUN x\n"),
    *("null", "~", "[]", "{}", "0", "-1", "1e999", "yes", "services:\n", "build: .\n", "[tool.layerproof]\n"),
    "a" * 5000,
    *("[[[[" * 200, "(" * 300, "a/" * 400, "**" * 200, "?" * 100, "[a-", "[!-]", "\\x", "$(($", "$(", "<(", "|&;"),
)  # fmt: skip


def mangled(seeds: Sequence[str], *, seed: int) -> str:
    """One of some texts, with one to six things done to it."""
    chance = random.Random(seed)  # noqa: S311  # a test that can be repeated, no secret
    text = chance.choice(seeds)
    for _ in range(chance.randint(1, 6)):
        text = chance.choice(_WAYS)(text, chance)
    return text


def mangled_tree(seeds: Sequence[str], *, seed: int) -> str:
    """One of some YAML texts, well-formed still, with one to three of its values made wrong, moved or dropped."""
    chance = random.Random(seed)  # noqa: S311  # a test that can be repeated, no secret
    tree = yaml.safe_load(chance.choice(seeds))
    for _ in range(chance.randint(1, 3)):
        places = list(_places(tree))
        if not places:
            break
        holder, key = chance.choice(places)
        way = chance.randrange(4)
        if way == 0:
            del holder[key]
        elif way == 1:
            holder[key] = copy.deepcopy(chance.choice([value[at] for value, at in places]))
        elif way == 2 and isinstance(holder[key], str):
            holder[key] = chance.choice(_WAYS)(holder[key], chance)
        else:
            holder[key] = copy.deepcopy(chance.choice(_VALUES))
    return yaml.safe_dump(tree, allow_unicode=True)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in pairs:
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


_VALUES: tuple[Any, ...] = (
    *(None, "", 0, -1, 1e999, True, [], {}, [None]),
    *("${X:?no}", "$", "x y", "../..", "/", "a" * 5000),
)


def _insert(text: str, chance: random.Random) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice(_BITS) + text[at:]


def _cut(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + text[start + chance.randint(1, 40) :]


def _lines(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    way = chance.randrange(4)
    if way == 0:
        lines[one], lines[two] = lines[two], lines[one]
    elif way == 1:
        lines.insert(one, lines[two])
    elif way == 2:
        del lines[one]
    else:
        lines[one] = " " * chance.randint(0, 9) + lines[one].lstrip()
    return "".join(lines)


def _end(text: str, chance: random.Random) -> str:
    return text[: chance.randint(0, len(text))]


def _replace(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    words[chance.randrange(len(words))] = chance.choice(_BITS)
    return " ".join(words)


_WAYS: tuple[Callable[[str, random.Random], str], ...] = (_insert, _insert, _cut, _lines, _lines, _end, _replace)


@contextlib.contextmanager
def no_hang() -> Iterator[None]:
    """Fail what takes longer than any such text may."""

    def late(*_: object) -> None:
        raise TimeoutError(f"no end after {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
