"""
Comments that silence a rule at one place: `# layerproof: ignore=LP003 the reason`.

A comment on a line of its own holds for the next line that is none (in a Dockerfile: for the whole instruction), one
behind other text for its own line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

# # layerproof: ignore=LP003,LP010 vendored, no registry here
_COMMENT = re.compile(r"(?:^|\s)#\s*layerproof:\s*ignore=(?P<rules>(?:\w+(?:,[ \t]*[A-Z]+\d+)*)?)[ \t]*(?P<reason>.*)$")


class Suppression(Struct, frozen=True):
    """The rules that one comment names, its reason, its own line, and the lines that it holds for."""

    rules: tuple[str, ...]
    reason: str
    line: int
    first: int
    last: int

    def holds_for(self, line: int) -> bool:
        """Whether it is about a line."""
        return self.first <= line <= self.last

    def covers(self, rule: str, line: int) -> bool:
        """Whether it silences a finding; without a reason it does not."""
        return rule in self.rules and self.holds_for(line) and bool(self.reason)


def find_suppressions(text: str, *, ends: dict[int, int]) -> Iterator[Suppression]:
    """
    Every such comment of a text.

    Args:
        ends: for lines that begin something longer (an instruction of a Dockerfile), the last line of it.
    """
    if "layerproof:" not in text:
        return
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        found = _COMMENT.search(line)
        if found is None:
            continue
        first = number if line[: found.start()].strip() else _next_line(lines, number)
        rules = tuple(rule.strip() for rule in found["rules"].split(",") if rule)
        yield Suppression(rules, found["reason"].strip(), number, first, ends.get(first, first))


def _next_line(lines: Sequence[str], after: int) -> int:
    for number, line in enumerate(lines[after:], start=after + 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number
    return after
