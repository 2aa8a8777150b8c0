"""Change the files of a project so that rules hold, where that is safe to do; and show it as a diff first."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from layerproof import policy
from layerproof.atomic import write_atomically
from layerproof.engine import Engine
from layerproof.errors import ConfigError
from layerproof.model import Finding
from layerproof.policy import BuildSubject, ContextSubject, Rule, Subject
from layerproof.workflow.checked_project import load_checked
from layerproof.workflow.load import configuration
from layerproof.workflow.places import ComposePlaces
from layerproof.workflow.subjects import Subjects


@dataclass(frozen=True)
class Mending:
    """What would change in one file: its texts before ("" where there is none) and after, and by which rules."""

    path: Path
    before: str
    after: str
    rules: tuple[str, ...]

    def diff(self, root: Path) -> str:
        """The change as a unified diff, which `patch -p1` takes."""
        name = os.path.relpath(self.path, root)
        before, after = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        source = f"a/{name}" if self.path.is_file() else "/dev/null"
        rows = list(difflib.unified_diff(before, after, source, f"b/{name}"))
        return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def plan_mending(
    root: Path,
    *,
    engine: Engine,
    environment: Mapping[str, str],
    findings: Collection[Finding],
    profile: str | None = None,
) -> tuple[Mending, ...]:
    """
    What the rules that can mend would change, by path.

    Args:
        findings: of a check; only files with a finding of a rule are changed for its sake.

    Raises:
        ConfigError: as for `check`.
    """
    project, _ = load_checked(root, engine=engine, environment=environment, profile=profile, on_broken=lambda *_: None)
    config = configuration(project)
    subjects = Subjects(project, config, ComposePlaces(project.compose_files))
    texts: dict[Path, tuple[str, str, tuple[str, ...]]] = {}
    wanted = {(finding.rule, (project.root / finding.path).resolve()) for finding in findings}
    for rule in (rule for rule in policy.load_rules() if rule.mend):
        for subject in subjects.of(rule.subject):
            path = _file_of(subject)
            if path is None or (rule.id, path.resolve()) not in wanted:
                continue
            before, text, rules = texts.get(path) or (_text(path), _text(path), ())
            texts[path] = (before, _mended(rule, subject, text), (*rules, rule.id))
    return tuple(
        Mending(path, before, after, tuple(dict.fromkeys(rules)))
        for path, (before, after, rules) in sorted(texts.items())
        if before != after
    )


def apply_mending(mendings: tuple[Mending, ...]) -> None:
    """
    Write the files, each at once: a reader sees the old or the new one.

    Raises:
        ConfigError: a file cannot be written, or is not any more what the plan was made of.
    """
    for mending in mendings:
        if _text(mending.path) != mending.before:
            raise ConfigError(f"{mending.path}: it was changed meanwhile", hint="Run the command again.")
        try:
            write_atomically(mending.path, mending.after.encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise ConfigError(f"{mending.path}: cannot be written: {error}", hint="Check its permissions.") from error


def _mended(rule: Rule, subject: Subject, text: str) -> str:
    return rule.mend(subject, text) if rule.mend else text


def _file_of(subject: Subject) -> Path | None:
    """The file of a subject that may be changed; a Dockerfile inside a compose file is not."""
    if isinstance(subject, ContextSubject):
        return subject.ignore_file
    if isinstance(subject, BuildSubject) and not subject.image.inline:
        return subject.image.dockerfile.path
    return None


def _text(path: Path) -> str:
    """The text as it is, line ends too; "" where there is no file."""
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""
