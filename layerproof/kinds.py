"""Which steps of an image bring dependencies in, and which belong to the application. Derived, not configured."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from msgspec import Struct

from layerproof.commands import Command, find_commands
from layerproof.flow import Flow, Node
from layerproof.manifests import has_dependencies, install_scripts, is_source
from layerproof.model import Stage, StepKind
from layerproof.settings import ServiceConfig

# deps, node-deps, deps_prod, dependencies
_DEPENDENCY_STAGE = re.compile(r"(?:^|[-_.])(?:deps?|dependencies)(?:[-_.]|$)", re.IGNORECASE)
# The "package manager" of a step that the configuration names.
CONFIGURED = "configured"
_DEFINITE = ("install", "system", "fetch")


class Kinds(Struct, frozen=True):
    """
    The kind of every step by line.

    `commands` has, by line, all that a step has of commands that may bring dependencies in, and `installs` those that
    make it one that installs. `sources` are the files of build contexts that are no manifests, `named` the names of
    files that an install is told to read.
    """

    of: Mapping[int, StepKind]
    commands: Mapping[int, tuple[Command, ...]]
    installs: Mapping[int, tuple[Command, ...]]
    sources: tuple[str, ...]
    named: frozenset[str] = frozenset()


def load_kinds(flow: Flow, *, files: Mapping[Path, Collection[str]], config: ServiceConfig) -> Kinds:
    """
    Derive the kinds of a flow's steps, reading from the manifests in `files` what the steps' text does not say.

    Args:
        files: as for `derive_kinds`.
        config: the service's table, whose `dependency-steps` and `application-steps` win.
    """
    return derive_kinds(
        flow,
        files=files,
        needs=lambda ecosystem: _needs(ecosystem, files),
        inputs=_install_inputs(files),
        dependency=config.dependency_steps,
        application=config.application_steps,
    )


def is_dependency_stage(stage: Stage) -> bool:
    """Whether a stage says by its name that it is for dependencies: deps, node-deps, dependencies."""
    return _DEPENDENCY_STAGE.search(stage.name or "") is not None


def derive_kinds(
    flow: Flow,
    *,
    files: Mapping[Path, Collection[str]],
    needs: Callable[[str], bool] = lambda _: True,
    inputs: Collection[str] = (),
    dependency: Collection[str] = (),
    application: Collection[str] = (),
) -> Kinds:
    """
    Derive the kind of each step.

    A step is for dependencies when it installs some, when an install is laid over it, when no source reaches it, or
    when its stage is called so. A tool that fetches while it builds (go build, mvn package, uv sync) installs only
    where nothing before it has fetched for it, in a step without source or into a cache mount.

    Args:
        files: for each folder that is a build context, its files after the ignore file, as relative paths.
        inputs: files, by absolute path, that an install runs or reads, and that are therefore no source.
        needs: whether the project has dependencies of an ecosystem ("go", "rust", ...) at all.
        dependency: texts; an instruction with one of them installs.
        application: texts; an instruction with one of them installs nothing, whatever it looks like.
    """
    commands = {line: _commands(node, dependency, application) for line, node in flow.nodes.items()}
    named = frozenset(name for found in commands.values() for command in found for name in command.reads)
    found = (f"{folder}/{path}" for folder, paths in files.items() for path in paths if is_source(path))
    sources = tuple(path for path in found if path not in inputs and posixpath.basename(path) not in named)
    # Go builds from a vendor folder where there is one.
    vendored = any(path.endswith("vendor/modules.txt") for paths in files.values() for path in paths)
    touched = {line for line, node in flow.nodes.items() if any(node.takes(path) for path in sources)}
    clean = {line for line in flow.nodes if not any(node.line in touched for node in flow.upstream(line))}
    # What is copied from a stage with source (a recipe) mostly stays the same: what a step is laid over counts.
    apart = {
        line for line in flow.nodes if line not in touched and touched.isdisjoint(n.line for n in flow.chain(line))
    }

    def installs_what(line: int, command: Command) -> bool:
        if command.kind in _DEFINITE or line in clean:
            return True
        before = (node.line for node in flow.upstream(line) if node.line != line and node.line in apart)
        fetched = {item.ecosystem for at in before for item in commands[at] if not item.names_packages}
        spared = command.ecosystem in fetched or _has_cache(flow.nodes[line]) or (command.tool == "go" and vendored)
        return not spared and needs(command.ecosystem)

    kept = {line: tuple(item for item in found if installs_what(line, item)) for line, found in commands.items()}
    installs = {line: found for line, found in kept.items() if found}
    kinds = _kinds(flow, installs=installs, clean=clean, application=application)
    return Kinds(kinds, {line: found for line, found in commands.items() if found}, installs, sources, named)


def _kinds(
    flow: Flow, *, installs: Collection[int], clean: Collection[int], application: Collection[str]
) -> dict[int, StepKind]:
    laid_over = {node.line for line in installs for node in flow.chain(line)}
    kinds = {}
    for line, node in flow.nodes.items():
        overridden = any(word in node.instruction.text for word in application)
        named = is_dependency_stage(node.stage) and not overridden
        is_dependency = line in installs or line in laid_over or line in clean or named
        kinds[line] = StepKind.DEPENDENCY if is_dependency else StepKind.APPLICATION
    return kinds


def _commands(node: Node, dependency: Collection[str], application: Collection[str]) -> tuple[Command, ...]:
    text = node.instruction.text
    if any(word in text for word in application):
        return ()
    configured = next((word for word in dependency if word in text), "")
    if configured:
        return (Command("install", CONFIGURED, configured, ()),)
    return find_commands(node.instruction)


def _has_cache(node: Node) -> bool:
    # RUN --mount=type=cache,target=/root/.m2
    return any(flag.startswith("--mount=") and "type=cache" in flag for flag in node.instruction.flags)


def _needs(ecosystem: str, files: Mapping[Path, Collection[str]]) -> bool:
    """Whether a manifest of an ecosystem names anything to fetch; True where there is no manifest to ask."""
    names = {"go": "go.mod", "rust": "Cargo.toml", "swift": "Package.swift", "elixir": "mix.exs", "dotnet": "*.*proj"}
    if ecosystem not in names:
        return True
    found = [Path(folder, path) for folder, paths in files.items() for path in paths]
    manifests = [path for path in found if path.match(names[ecosystem]) and path.is_file()]
    texts = [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in manifests]
    return not texts or any(has_dependencies(name, text) for name, text in texts)


def _install_inputs(files: Mapping[Path, Collection[str]]) -> set[str]:
    """The files that the install scripts of a package.json name: an install needs them, and runs again with them."""
    inputs: set[str] = set()
    for folder, paths in files.items():
        for manifest in (path for path in paths if path.rpartition("/")[2] == "package.json"):
            prefix = manifest.rpartition("/")[0]
            scripts = install_scripts(_text(folder / manifest))
            below = [path for path in paths if path.startswith(f"{prefix}/" if prefix else "")] if scripts else []
            words = {posixpath.normpath(word) for word in re.split(r"[\s;&|\"'()]+", scripts) if word}
            inputs.update(f"{folder}/{path}" for path in below if path.removeprefix(f"{prefix}/") in words)
    return inputs


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
