"""Change the files of a project so that rules hold, where that is safe to do; and show it as a diff first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from layerproof import policy
from layerproof.changes import FileChange, read_exactly
from layerproof.engine import Engine
from layerproof.model import Finding
from layerproof.policy import BuildSubject, ContextSubject, Rule, Subject
from layerproof.workflow.checked_project import load_checked
from layerproof.workflow.load import configuration
from layerproof.workflow.places import ComposePlaces
from layerproof.workflow.subjects import Subjects


class Mending(FileChange, frozen=True):
    """What would change in one file, and by which rules."""

    rules: tuple[str, ...]


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
            before, text, rules = texts.get(path) or (read_exactly(path), read_exactly(path), ())
            texts[path] = (before, _mended(rule, subject, text), (*rules, rule.id))
    return tuple(
        Mending(path, before, after, tuple(dict.fromkeys(rules)))
        for path, (before, after, rules) in sorted(texts.items())
        if before != after
    )


def _mended(rule: Rule, subject: Subject, text: str) -> str:
    return rule.mend(subject, text) if rule.mend else text


def _file_of(subject: Subject) -> Path | None:
    """The file of a subject that may be changed; a Dockerfile inside a compose file is not."""
    if isinstance(subject, ContextSubject):
        return subject.ignore_file
    if isinstance(subject, BuildSubject) and not subject.image.inline:
        return subject.image.dockerfile.path
    return None
