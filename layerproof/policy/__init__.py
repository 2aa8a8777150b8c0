"""
The rules: each one file, one pure `check`, one page (its module docstring). Ids are never reused.

A rule looks at one kind of subject and yields where it is broken and how: a line of the subject's own file, a key path
of the compose files, or a place in another file. What stands under `Fix:` on its page is the next step of each finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from msgspec import Struct

from layerproof.errors import ConfigError
from layerproof.flow import Flow
from layerproof.kinds import Kinds
from layerproof.model import Image, Project, Service, Stage
from layerproof.policy.suppression import Suppression
from layerproof.settings import Config
from layerproof.yaml_text import YamlNode

Keys = tuple[str, ...]


class Place(Struct, frozen=True):
    """A line of a file."""

    path: Path
    line: int


Breach = tuple[int | Keys | Place, str]


class BuildSubject(Struct, frozen=True):
    """
    One image and its Dockerfile.

    Attributes:
        kinds: which of its steps bring dependencies in.
        files: for each folder here that it takes files from, those that get past the ignore file.
    """

    image: Image
    project: Project
    config: Config
    flow: Flow
    kinds: Kinds
    files: Mapping[Path, Collection[str]]

    @property
    def service(self) -> Service | None:
        """The service that runs the image; None for a base."""
        return next((item for item in self.project.services if item.name == self.image.service), None)


class ContextSubject(Struct, frozen=True):
    """
    One build context, and the ignore file that holds for it.

    Attributes:
        ignore_file: where it is, or should be.
        patterns: None if there is none.
        lines: the line of each pattern.
        files: what gets past it; sizes in bytes.
        flows: of every image that is built from this context or names it, and of the stages that those leave out.
        strays: other ignore files in or around the context, which BuildKit does not read for it.
    """

    folder: Path
    ignore_file: Path
    patterns: tuple[str, ...] | None
    lines: tuple[int, ...]
    files: Mapping[str, int]
    flows: tuple[Flow, ...]
    strays: tuple[Path, ...]
    config: Config


class ComposeSubject(Struct, frozen=True):
    """
    The compose project.

    Attributes:
        written: the scalar at a key path as it stands in the file, variables unexpanded; None where there is none.
        file_of: the compose file that says what is at a key path.
        repository: the folder that is under version control, or the project's root.
        overlay: the kind of overlay (`cpu`, `dev`) that lies over the main file, "" for none; only what stands in the
            overlay itself is told then.
    """

    project: Project
    config: Config
    written: Callable[[Keys], str | None]
    file_of: Callable[[Keys], Path]
    repository: Path
    overlay: str = ""


class ScriptSubject(Struct, frozen=True):
    """A file that is not a Dockerfile but can run commands: a shell script or a package.json."""

    path: Path
    text: str


class PipelinesSubject(Struct, frozen=True):
    """Every file of the repo that can build images by itself: workflows of the CI, scripts, make files."""

    workflows: Mapping[Path, YamlNode]
    scripts: Mapping[Path, str]
    project: Project


class SilenceSubject(Struct, frozen=True):
    """The comments of one file that silence rules, and what was found there before they were applied: rule and line."""

    path: Path
    comments: tuple[Suppression, ...]
    found: Collection[tuple[str, int]]
    known: Collection[str]


class BrokenSubject(Struct, frozen=True):
    """A service or base whose build cannot be read, and why."""

    name: str
    error: ConfigError


Subject = (
    BuildSubject | ContextSubject | ComposeSubject | ScriptSubject | PipelinesSubject | SilenceSubject | BrokenSubject
)
SubjectKind = Literal["service", "base", "image", "context", "compose", "script", "pipelines", "silence", "broken"]


class Rule(Struct, frozen=True):
    """
    One rule; `check` takes subjects of the kind named by `subject`.

    A service and a base are images, and `image` means both. `same_as` names the checks of hadolint and BuildKit that
    say the same of the same line; where this rule speaks, they are silent. `hides_line` is for rules about secrets: the
    line that one is found in is not shown.
    """

    id: str
    title: str
    severity: Literal["error", "warning"]
    requirement: str
    subject: SubjectKind
    module: ModuleType
    same_as: tuple[str, ...] = ()
    hides_line: bool = False

    def check(self, subject: Subject) -> Iterator[Breach]:
        """The breaches in one subject."""
        breaches: Iterator[Breach] = self.module.check(subject)
        return breaches

    @property
    def mend(self) -> Callable[[Any, str], str] | None:
        """What changes the text of the subject's file so that the rule holds; None where that is not safe to do."""
        return getattr(self.module, "mend", None)

    @property
    def page(self) -> str:
        """The rule's documentation."""
        return self.module.__doc__ or ""

    @property
    def fix(self) -> str:
        """The next step, from the page's paragraph `Fix:`."""
        found = re.search(r"^Fix: (.*?)(?:\n\n|\Z)", self.page, re.MULTILINE | re.DOTALL)
        return " ".join(found[1].split()) if found else ""


def target_stage(image: Image) -> Stage:
    """The stage that becomes the image."""
    from layerproof.dockerfile import find_stage

    return find_stage(image.dockerfile, image.target) or image.dockerfile.stages[-1]


def load_rules() -> tuple[Rule, ...]:
    """Every rule, by id."""
    from layerproof.policy.rules import RULES

    return RULES
