"""Run the rules, hadolint and BuildKit's checks over a project; tell each thing once, silence what is ignored."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from layerproof import policy
from layerproof.compose_files import compose_candidates, overlay_file
from layerproof.engine import Engine
from layerproof.errors import ConfigError, RemoteContextError, UsageError, WindowsPathError
from layerproof.model import CheckReport, Finding, Project
from layerproof.policy import (
    Breach,
    BrokenSubject,
    BuildSubject,
    ContextSubject,
    Place,
    Rule,
    ScriptSubject,
    SilenceSubject,
    Subject,
)
from layerproof.workflow import linters
from layerproof.workflow.checked_project import OVERLAYS, load_checked, naming
from layerproof.workflow.load import configuration, load
from layerproof.workflow.places import ComposePlaces
from layerproof.workflow.silenced import Silence
from layerproof.workflow.subjects import Subjects

TOOLS = ("layerproof", "hadolint", "buildkit")


def check(
    root: Path,
    *,
    engine: Engine,
    environment: Mapping[str, str] | None = None,
    profile: str | None = None,
    tools: Collection[str] = TOOLS,
) -> CheckReport:
    """
    Validate every combination of compose files, run every rule and the linters that are there.

    Args:
        tools: who checks; what of them is not there is told in `unchecked`.

    Raises:
        UsageError: a tool that does not exist.
        ConfigError: a compose file or the configuration does not parse, or Compose refuses a combination.
    """
    environment = os.environ if environment is None else environment
    if unknown := sorted(set(tools) - set(TOOLS)):
        raise UsageError(f"there is no tool {unknown[0]!r}", hint=f"Known: {', '.join(TOOLS)}.")
    broken: list[tuple[str, ConfigError]] = []
    project, environment = load_checked(
        root,
        engine=engine,
        environment=environment,
        profile=profile,
        on_broken=lambda name, error: broken.append((name, error)),
    )
    places = ComposePlaces(project.compose_files)
    project = replace(project, images=tuple(map(places.with_own_lines, project.images)))
    findings: list[Finding] = []
    checked: list[str] = []
    unchecked = [error.message for _, error in broken if isinstance(error, RemoteContextError)]
    if not project.compose_files and (several := compose_candidates(project.root)):
        names = ", ".join(os.path.relpath(path, project.root) for path in several)
        unchecked.append(f"compose: several files could be meant, name yours with --file: {names}")
    if "layerproof" in tools:
        run = _Rules(project, places, engine, environment)
        # Of a Windows drive LP008 tells.
        told_elsewhere = (RemoteContextError, WindowsPathError)
        findings += run.findings([item for item in broken if not isinstance(item[1], told_elsewhere)])
        checked.append(run.words())
    for name, found, reason in _by_linters(project, places, engine, tools if project.images else ()):
        findings += found
        (unchecked if reason else checked).append(reason or name)
    kept = tuple(sorted(_told_once(findings), key=lambda item: (item.path, item.line, item.rule, item.message)))
    return CheckReport(kept, tuple(checked), tuple(unchecked), _lines(project.root, kept))


def _by_linters(
    project: Project, places: ComposePlaces, engine: Engine, tools: Collection[str]
) -> Iterator[tuple[str, list[Finding], str]]:
    """Of each linter that is wanted: its name, what it found, and what it did not check ("" where it did)."""
    if "hadolint" in tools:
        yield "hadolint", *linters.check_by_hadolint(project, locate=places.in_dockerfile)
    if "buildkit" in tools:
        yield "buildkit", *linters.check_by_buildkit(project, engine=engine, locate=places.in_dockerfile)


def compose_combinations(files: tuple[Path, ...]) -> Iterator[tuple[str, ...]]:
    """Every set of the overlays beside the main compose file, the empty one first."""
    overlays = [kind for kind in OVERLAYS if files and overlay_file(files[0], kind)]
    for count in range(len(overlays) + 1):
        yield from itertools.combinations(overlays, count)


class _Rules:
    """One run of every rule over one project."""

    def __init__(self, project: Project, places: ComposePlaces, engine: Engine, environment: Mapping[str, str]) -> None:
        self._project, self._places, self._engine, self._environment = project, places, engine, environment
        self._config = configuration(project)
        self._rules = policy.load_rules()

    def words(self) -> str:
        """What was looked at."""
        project = self._project
        count = len(list(compose_combinations(project.compose_files)))
        composed = f"{count} compose combination{'s' * (count > 1)}" if project.compose_files else "no compose file"
        dockerfiles = len({image.dockerfile.path for image in project.images})
        return f"{composed}, {dockerfiles} Dockerfile{'s' * (dockerfiles != 1)}, {len(self._rules)} rules"

    def findings(self, broken: Collection[tuple[str, ConfigError]]) -> list[Finding]:
        """Every finding that nothing silences, and those about what silences."""
        subjects = Subjects(self._project, self._config, self._places)
        subjects.add("broken", [BrokenSubject(name, error) for name, error in broken])
        found = {finding for rule in self._rules for finding in self._of_rule(rule, subjects)}
        for overlays in list(compose_combinations(self._project.compose_files))[1:]:
            found |= set(self._in_overlays(overlays))
        silenced = Silence(self._project, self._config, self._places, found)
        subjects.add("silence", silenced.subjects(known={rule.id for rule in self._rules}))
        found |= {
            finding for rule in self._rules if rule.subject == "silence" for finding in self._of_rule(rule, subjects)
        }
        return [*silenced.kept(found), *silenced.unused(found)]

    def _of_rule(self, rule: Rule, subjects: Subjects) -> Iterator[Finding]:
        for subject in subjects.of(rule.subject):
            for breach in rule.check(subject):
                yield self._finding(rule, _place(subject, breach, self._places), breach[1])

    def _in_overlays(self, overlays: tuple[str, ...]) -> Iterator[Finding]:
        """What the compose rules find in an overlay itself; of several together, only that Compose takes them."""
        laid = load(
            self._project.root,
            engine=self._engine,
            environment=naming(self._project.compose_files, self._environment),
            profile=self._project.profile,
            overlays=overlays,
            on_broken=lambda *_: None,  # told of the main file, or by the build of the overlay
        )
        if len(overlays) > 1:
            return
        places = ComposePlaces(laid.compose_files)
        file = laid.compose_files[-1]
        subjects = Subjects(laid, self._config, places, overlay=overlays[0])
        for rule in (rule for rule in self._rules if rule.subject == "compose"):
            for subject in subjects.of("compose"):
                for breach in rule.check(subject):
                    place = _place(subject, breach, places)
                    if place.path == file:
                        yield self._finding(rule, place, breach[1])

    def _finding(self, rule: Rule, place: Place, message: str) -> Finding:
        path = os.path.relpath(place.path, self._project.root)
        return Finding(rule.id, rule.severity, path, place.line, message, rule.requirement, rule.fix)


def _place(subject: Subject, breach: Breach, places: ComposePlaces) -> Place:
    where = breach[0]
    if isinstance(where, Place):
        return where
    if isinstance(where, tuple):
        return places.place(where)
    if isinstance(subject, BuildSubject):
        return places.in_dockerfile(subject.image, where)
    if isinstance(subject, ContextSubject):
        return Place(subject.ignore_file, where)
    if isinstance(subject, ScriptSubject | SilenceSubject):
        return Place(subject.path, where)
    raise TypeError(f"a rule over {type(subject).__name__} names a place, not line {where}")


def _told_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Without what a linter says of a line of which a rule has said it already, and BuildKit after hadolint."""
    found = list(findings)
    rules = {rule.id: rule.same_as for rule in policy.load_rules()}
    told = {(item.path, item.line, other) for item in found for other in rules.get(item.rule, ())}
    told |= {(item.path, item.line, linters.SAME[item.rule]) for item in found if item.rule in linters.SAME}
    seen = set[tuple[str, int, str, str]]()
    for item in found:
        key = (item.path, item.line, item.rule, item.message)
        if (item.path, item.line, item.rule) not in told and key not in seen:
            seen.add(key)
            yield item


def _lines(root: Path, findings: Collection[Finding]) -> dict[tuple[str, int], str]:
    """The text of the line of each finding; not of one that may hold a secret."""
    secret = {rule.id for rule in policy.load_rules() if rule.hides_line}
    hidden = {(finding.path, finding.line) for finding in findings if finding.rule in secret}
    lines: dict[tuple[str, int], str] = {}
    texts: dict[str, list[str]] = {}
    for finding in (item for item in findings if (item.path, item.line) not in hidden):
        if finding.path not in texts:
            path = root / finding.path
            texts[finding.path] = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
        if finding.line <= len(texts[finding.path]):
            lines[finding.path, finding.line] = texts[finding.path][finding.line - 1]
    return lines
