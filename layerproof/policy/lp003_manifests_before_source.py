"""
No source is copied before the dependencies are installed.

An install after `COPY . .`, of packages of the distribution as much as of the project's own, runs again after
every edit: BuildKit reuses a step only while everything copied before it is the same. Bind mounts count as well, and so
does a copy of the folder of another stage that has the source. A settings file that is named alone (tsconfig.json,
vite.config.ts, an entry point's script) changes too seldom to be told.

Bad:
    FROM base-node:latest AS deps
    COPY . .
    RUN npm ci

Good:
    FROM base-node:latest AS deps
    COPY package.json package-lock.json ./
    RUN npm ci
    FROM deps AS build
    COPY . .
    RUN npm run build

Fix: Copy the dependency manifests alone, install, and copy the source after that.

Source: R4 (the dependency caching rule of the requirements).
"""

from __future__ import annotations

import posixpath
import textwrap
from collections.abc import Iterator

from layerproof.commands import Command
from layerproof.dockerfile import context_sources
from layerproof.flow import Node
from layerproof.manifests import is_manifest, is_setting
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.installs import is_system_setup


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each install that source reaches, with the nearest step that takes it."""
    taking = _steps_that_take_source(subject)
    for line, commands in (_project_installs(subject) | dict(subject.kinds.installs)).items():
        steps = [subject.flow.nodes[line], *subject.flow.chain(line)]
        culprit = next((node for node in steps if node.line in taking), None)
        if culprit is not None:
            copy = textwrap.shorten(culprit.instruction.text, 60, placeholder=" ...")
            place = "it takes source" if culprit.line == line else f"`{copy}` on line {culprit.line} comes before it"
            yield line, f"`{commands[0].text}` runs again after every edit: {place}"


def _project_installs(subject: BuildSubject) -> dict[int, tuple[Command, ...]]:
    """What installs the project with all it needs where nothing before has: a cache mount saves the download only."""
    found: dict[int, tuple[Command, ...]] = {}
    for line, commands in subject.kinds.commands.items():
        before = {node.line for node in subject.flow.upstream(line)} - {line}
        installed = {item.ecosystem for at in before for item in subject.kinds.commands.get(at, ())}
        projects = tuple(item for item in commands if item.kind == "project" and item.ecosystem not in installed)
        if projects:
            found[line] = projects
    return found


def _steps_that_take_source(subject: BuildSubject) -> dict[int, str]:
    """
    The lines of the steps that take source, each with the folder that it lies in afterwards. A step that copies that
    folder of another stage takes it too; part of it (a recipe, pruned manifests) stays the same after most edits, and
    BuildKit goes by the content.
    """
    taking: dict[int, str] = {}
    # In file order: what a step stands on or copies from comes before it.
    for line, node in subject.flow.nodes.items():
        if is_system_setup(node.instruction):
            continue
        folders = {taking[step.line] for at in node.copied for step in _stage_up_to(at, subject) if step.line in taking}
        copied = [word.rstrip("/") or "/" for word in node.instruction.values[:-1]] if folders else []
        if _takes_source(node, subject) or any(word in folders or _is_everything(word) for word in copied):
            taking[line] = _destination(node, subject)
    return taking


def _stage_up_to(line: int, subject: BuildSubject) -> tuple[Node, ...]:
    return (subject.flow.nodes[line], *subject.flow.chain(line))


def _takes_source(node: Node, subject: BuildSubject) -> bool:
    """Whether a step takes source files from the context, or whatever may come where the text names no manifest."""
    sources = context_sources(node.instruction)
    others = [source for source in sources if not (is_manifest(source) or is_setting(source))]
    return bool(others) and (
        any(node.takes(path) for path in subject.kinds.sources if not is_setting(path))
        or any(map(_is_everything, others))
    )


def _is_everything(source: str) -> bool:
    return source.strip("./*") == ""


def _destination(node: Node, subject: BuildSubject) -> str:
    """The absolute folder that a COPY fills."""
    steps = _stage_up_to(node.line, subject)
    workdir = next(("".join(item.instruction.values) for item in steps if item.instruction.keyword == "WORKDIR"), "/")
    target = "".join(node.instruction.values[-1:]) if node.instruction.keyword in ("COPY", "ADD") else "."
    return posixpath.normpath(posixpath.join("/", workdir, target))
