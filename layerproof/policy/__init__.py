"""
The rules: each one file, one pure `check`, one page (its module docstring). Ids are never reused.

A rule looks at one kind of subject: a service's Dockerfile, a context's ignore file, a script, or the whole compose
project. It yields the line and the message of every place that breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from layerproof.config import Config
from layerproof.model import Image, Project

Breach = tuple[int, str]


@dataclass(frozen=True)
class IgnoreSubject:
    """The ignore file of one context: where it is or should be, and its patterns; None if it is missing."""

    path: Path
    patterns: tuple[str, ...] | None


@dataclass(frozen=True)
class ComposeSubject:
    """
    The compose project. `line_of` gives the line of a key path such as ("services", "web", "build"), or of its nearest
    parent; 1 where there is none.
    """

    project: Project
    config: Config
    line_of: Callable[[tuple[str, ...]], int]


@dataclass(frozen=True)
class ScriptSubject:
    """A file that is not a Dockerfile but can run commands: a shell script or a package.json."""

    path: Path
    text: str


@dataclass(frozen=True)
class Rule:
    """One rule; `check` takes the subject named by `subject`."""

    id: str
    title: str
    severity: Literal["error", "warning"]
    requirement: str
    subject: Literal["dockerfile", "ignore", "compose", "script"]
    module: ModuleType

    def check(self, subject: Image | IgnoreSubject | ComposeSubject | ScriptSubject) -> Iterator[Breach]:
        """The breaches in one subject."""
        breaches: Iterator[Breach] = self.module.check(subject)
        return breaches

    @property
    def page(self) -> str:
        """The rule's documentation."""
        return self.module.__doc__ or ""


def load_rules() -> tuple[Rule, ...]:
    """Every rule, by id."""
    from layerproof.policy.rules import RULES

    return RULES
