"""The manifest probe: which files drive the installs of an image, and what has to run after a change of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from layerproof.commands import Command, find_install
from layerproof.kinds import CONFIGURED
from layerproof.manifests import MANAGERS, declares, has_dependencies, is_manifest, locks_of
from layerproof.prove.edits import appended, new_token, stays_valid
from layerproof.prove.subject import Subject, context_files
from layerproof.prove.trial import Skip, Trial, shown


def plan_manifest(subject: Subject, *, full: bool) -> tuple[Trial, ...] | Skip:
    """A trial for each manifest, and each lock file beside one, that drives an install of the image."""
    found = _manifests(subject)
    if not found:
        return _nothing_found(subject)
    return tuple(
        Trial(
            f"{shown(subject, path)} was edited",
            edits=(appended(path, new_token()),),
            must_run=lines,
            may_run="own steps",
            stop=not full or not stays_valid(path),
        )
        for path, lines in found.items()
    )


def _nothing_found(subject: Subject) -> Skip:
    trigger = _install_on_build(subject)
    if trigger is not None:
        return trigger
    commands = [command for found in subject.kinds.commands.values() for command in found]
    reading = next((command for command in commands if _needs_a_manifest(command)), None)
    if reading is not None:
        return Skip(
            "unproven",
            f"the manifest that `{reading.text}` reads is in none of its build contexts",
            "Copy the manifest from the build context of the service.",
        )
    if any(command.tool == CONFIGURED for command in commands):
        return Skip("not applicable", "no manifest reaches the step that installs its dependencies")
    unused = _unused_manifest(subject)
    if unused is not None:
        return unused
    if any(command.ecosystem for command in commands):
        return Skip("not applicable", "its dependencies stand in the Dockerfile itself, in no manifest")
    return Skip("not applicable", "it installs no dependencies of its own")


def _unused_manifest(subject: Subject) -> Skip | None:
    """A manifest with dependencies that no known install reads: `make`, or a script of the project, may."""
    taken = [path for path in context_files(subject) if any(node.takes(path) for node in subject.flow.nodes.values())]
    for path in taken:
        if any(declares(tool, path.as_posix()) for tool in MANAGERS) and path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if has_dependencies(path.as_posix(), text):
                return Skip(
                    "unproven",
                    f"{shown(subject, path)} names dependencies, and no step is known to install them",
                    'Name the step: dependency-steps = ["part of its text"] in [tool.layerproof.services.<name>].',
                )
    return None


def _install_on_build(subject: Subject) -> Skip | None:
    """An install that a base hands down by ONBUILD: what it reads cannot be followed."""
    for parent in subject.parents:
        for item in (item for stage in parent.dockerfile.stages for item in stage.instructions):
            if item.keyword == "ONBUILD" and find_install(" ".join(item.values)):
                return Skip(
                    "unproven",
                    f"{parent.name} installs by ONBUILD (line {item.line}), and what it reads is not known here",
                    "Install in the Dockerfile of the service: a COPY of the manifests and a RUN.",
                )
    return None


def _needs_a_manifest(command: Command) -> bool:
    """Whether a command can do nothing without a manifest: npm ci, uv sync; not npm install NAME."""
    verb = command.text.split()[-1]
    return verb in ("ci", "clean-install", "sync", "fetch", "restore", "download") and not command.names_packages


def _manifests(subject: Subject) -> dict[Path, frozenset[int]]:
    """What drives each package manager, and the steps of which one has to run after a change of it."""
    tools: dict[str, list[tuple[int, Command]]] = {}
    for line, commands in subject.kinds.commands.items():
        for command in commands:
            driven = command.ecosystem and (not command.names_packages or _reads_a_manifest(subject, line, command))
            if driven or command.tool == CONFIGURED:
                tools.setdefault(command.tool, []).append((line, command))
    chosen: dict[Path, frozenset[int]] = {}
    for tool, uses in tools.items():
        kin = {uses[0][1].ecosystem} if tool != CONFIGURED else set()
        lines = {
            line
            for name, others in tools.items()
            for line, command in others
            if name == tool or command.ecosystem in kin
        }
        # A second `uv sync` that only adds the project is no proof that the first one saw the change.
        lines = lines & set(subject.kinds.installs) or lines
        for path in _driving(subject, tool, uses):
            chosen[path] = chosen.get(path, frozenset()) | frozenset(lines)
    return chosen


def _reads_a_manifest(subject: Subject, line: int, command: Command) -> bool:
    """pip install $(cat requirements.txt): it names packages, and has the names from a file."""
    text = subject.flow.nodes[line].instruction.text
    return any(declares(command.tool, path.as_posix()) and path.name in text for path in context_files(subject))


def _driving(subject: Subject, tool: str, uses: list[tuple[int, Command]]) -> Iterator[Path]:
    if tool == "pnpm" and all(command.text.endswith(" fetch") for _, command in uses):
        # It reads the lock file and nothing else, so that a change of a manifest re-runs no download.
        yield from _topmost([path for path in _nearest_first(subject) if path.name in locks_of(tool)])
        return
    candidates = [path for path in _nearest_first(subject) if _drives(tool, path)]
    texts = " ".join(subject.flow.nodes[line].instruction.text for line, _ in uses)
    reached = [
        path for path in candidates if any(node.takes(path) for line, _ in uses for node in subject.flow.upstream(line))
    ]
    if tool == "pip":
        # pip reads the files that its command names; another requirements file beside them is not its business.
        project = any(command.kind == "project" for _, command in uses)
        reads = [path for path in candidates if re.search(rf"(?<![\w.-]){re.escape(path.name)}(?![\w.-])", texts)]
        requirements = [path for path in reached if not _is_project_file(path)]
        projects = [path for path in reached if _is_project_file(path)] if project else []
        candidates = reads or requirements or projects
        reached = [path for path in candidates if path in reached] or candidates
    for path in _topmost(reached or (candidates if tool != CONFIGURED else [])):
        yield path
        # On the disk, not in the context: a lock file that the ignore file keeps out is a defect to be found.
        yield from (lock for name in locks_of(tool) if (lock := path.parent / name).is_file())


def _nearest_first(subject: Subject) -> list[Path]:
    """The files that can reach the image; those of the service's own folder first, then those near the top."""
    return sorted(
        context_files(subject), key=lambda path: (not _is_own(subject, path), len(path.parts), path.name, path)
    )


def _drives(tool: str, path: Path) -> bool:
    return is_manifest(path.as_posix()) if tool == CONFIGURED else declares(tool, path.as_posix())


def _is_own(subject: Subject, path: Path) -> bool:
    return subject.home is None or path.is_relative_to(subject.home)


def _is_project_file(path: Path) -> bool:
    return path.name in ("pyproject.toml", "setup.py", "setup.cfg")


def _topmost(paths: list[Path]) -> list[Path]:
    """Of each name the one nearest to the root of the context."""
    best: dict[str, Path] = {}
    for path in paths:
        best.setdefault(path.name, path)
    return list(best.values())
