"""The manifest probe: which files drive the installs of an image, and what has to run after a change of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from layerproof.commands import Command
from layerproof.manifests import declares, locks_of
from layerproof.prove.edits import appended, new_token, stays_valid
from layerproof.prove.subject import Subject, context_files
from layerproof.prove.trial import Skip, Trial, shown

MAX_MANIFESTS = 6
_MANAGERS = ("npm", "pip", "uv", "poetry", "cargo", "mvn", "gradle", "composer", "bundle")


def plan_manifest(subject: Subject, *, full: bool) -> tuple[Trial, ...] | Skip:
    installs = subject.kinds.installs
    found = dict(_manifests(subject))
    if not found and not any(command.ecosystem for commands in installs.values() for command in commands):
        if any(declares(tool, path.as_posix()) for path in context_files(subject) for tool in _MANAGERS):
            return Skip(
                "unproven",
                "there is a dependency manifest, and no step that is known to install dependencies",
                'Name the step: dependency-steps = ["part of its text"] in [tool.layerproof.services.<name>].',
            )
        return Skip("not applicable", "it installs no dependencies of its own")
    if not found:
        return Skip("not applicable", "its dependencies stand in the Dockerfile itself, in no manifest")
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


def _manifests(subject: Subject) -> Iterator[tuple[Path, frozenset[int]]]:
    """What drives each package manager, and the steps that have to run after a change of it; at most a handful."""
    tools: dict[str, list[tuple[int, Command]]] = {}
    for line, commands in subject.kinds.installs.items():
        for command in commands:
            if command.ecosystem:
                tools.setdefault(command.tool, []).append((line, command))
    chosen: dict[Path, frozenset[int]] = {}
    for tool, uses in tools.items():
        same = {
            line
            for line, commands in subject.kinds.installs.items()
            for c in commands
            if c.ecosystem == uses[0][1].ecosystem
        }
        for path in _driving(subject, tool, uses):
            chosen[path] = chosen.get(path, frozenset()) | same
    yield from list(chosen.items())[:MAX_MANIFESTS]


def _driving(subject: Subject, tool: str, uses: list[tuple[int, Command]]) -> Iterator[Path]:
    candidates = sorted(
        (path for path in context_files(subject) if declares(tool, path.as_posix())),
        key=lambda path: (not _is_own(subject, path), len(path.parts), path.name),
    )
    named = {PurePosixPath(word.partition("=")[2] or word).name for _, command in uses for word in command.words}
    reached = [
        path for path in candidates if any(node.takes(path) for line, _ in uses for node in subject.flow.upstream(line))
    ]
    if tool == "pip":
        # pip reads the files that its command names; another requirements file beside them is not its business.
        project = any(command.kind == "project" for _, command in uses)
        reads = [path for path in candidates if path.name in named]
        requirements = [path for path in reached if not _is_project_file(path)]
        projects = [path for path in reached if _is_project_file(path)] if project else []
        candidates = reads or requirements or projects
        reached = [path for path in candidates if path in reached] or candidates
    for path in _topmost(reached or candidates):
        yield path
        # On the disk, not in the context: an ignored lock file is left out as well.
        yield from (lock for name in locks_of(tool) if (lock := path.with_name(name)).is_file())


def _is_own(subject: Subject, path: Path) -> bool:
    return subject.home is None or path.is_relative_to(subject.home)


def _is_project_file(path: Path) -> bool:
    return path.name in ("pyproject.toml", "setup.py", "setup.cfg")


def _topmost(paths: list[Path]) -> list[Path]:
    """Of each name the one nearest to the root of the context."""
    best: dict[str, Path] = {}
    for path in paths:
        best.setdefault(path.name if "*" not in path.name else "", path)
    return list(best.values())
