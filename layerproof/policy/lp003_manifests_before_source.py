"""
No source is copied before the dependencies are installed.

An install after `COPY . .`, of packages of the distribution as much as of the project's own, runs again after
every edit: BuildKit reuses a step only while everything copied before it is the same. Bind mounts count as well, and so
does a copy of the folder of another stage that has the source.

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

from layerproof.dockerfile import context_sources
from layerproof.flow import Node
from layerproof.manifests import is_manifest
from layerproof.policy import Breach, BuildSubject

_SYSTEM_FOLDERS = ("/etc/", "/usr/local/share/ca-certificates", "/usr/share/keyrings", "/root/.")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each install that source reaches, with the nearest step that takes it."""
    for line, commands in subject.kinds.installs.items():
        steps = [subject.flow.nodes[line], *subject.flow.chain(line)]
        culprit = next((node for node in steps if _takes_source(node, subject)), None)
        if culprit is not None:
            copy = textwrap.shorten(culprit.instruction.text, 60, placeholder=" ...")
            place = "it takes source" if culprit.line == line else f"`{copy}` on line {culprit.line} comes before it"
            yield line, f"`{commands[0].text}` runs again after every edit: {place}"


def _takes_source(node: Node, subject: BuildSubject) -> bool:
    """Whether a step takes source files, from the context or all that another stage has of them."""
    if _is_system_setup(node):
        return False
    others = [source for source in context_sources(node.instruction) if not is_manifest(source)]
    if others and (any(node.takes(path) for path in subject.kinds.sources) or any(map(_is_everything, others))):
        return True
    return any(_takes_whole_stage(node, line, subject) for line in node.copied)


def _is_everything(source: str) -> bool:
    return source.strip("./*") == ""


def _takes_whole_stage(node: Node, line: int, subject: BuildSubject) -> bool:
    """
    Whether a step copies the folder of another stage that source was copied to. Part of it (a recipe, pruned
    manifests) stays the same after most edits, and BuildKit goes by the content.
    """
    steps = [subject.flow.nodes[line], *subject.flow.chain(line)]
    if not any(_takes_source(step, subject) for step in steps):
        return False
    folders = {_destination(step, steps) for step in steps if _takes_source(step, subject)}
    return any(_is_everything(word) or word.rstrip("/") in folders for word in node.instruction.values[:-1])


def _destination(step: Node, steps: list[Node]) -> str:
    """The absolute folder that a COPY fills."""
    workdir = next((item.instruction.values[0] for item in steps if item.instruction.keyword == "WORKDIR"), "/")
    target = step.instruction.values[-1] if step.instruction.keyword in ("COPY", "ADD") else "."
    return posixpath.normpath(posixpath.join("/", workdir, target))


def _is_system_setup(node: Node) -> bool:
    """What an install of system packages itself needs first: COPY corp.crt /usr/local/share/ca-certificates/"""
    return node.instruction.keyword in ("COPY", "ADD") and node.instruction.values[-1].startswith(_SYSTEM_FOLDERS)
