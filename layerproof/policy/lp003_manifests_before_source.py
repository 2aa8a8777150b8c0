"""
No source is copied before the dependencies are installed.

An install after `COPY . .`, of packages of the distribution as much as of the project's own, runs again after
every edit: BuildKit reuses a step only while everything copied before it is the same. Copies from a stage that has the
source count as well, and so do bind mounts.

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

import textwrap
from collections.abc import Iterator

from layerproof.dockerfile import context_sources
from layerproof.flow import Node
from layerproof.manifests import is_manifest
from layerproof.policy import Breach, BuildSubject


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each install that source reaches, with the nearest step that takes it."""
    for line, commands in subject.kinds.installs.items():
        culprit = next((node for node in reversed(subject.flow.upstream(line)) if _takes_source(node, subject)), None)
        if culprit is not None:
            copy = textwrap.shorten(culprit.instruction.text, 60, placeholder=" ...")
            place = "it takes source" if culprit.line == line else f"`{copy}` on line {culprit.line} comes before it"
            yield line, f"`{commands[0].text}` runs again after every edit: {place}"


def _takes_source(node: Node, subject: BuildSubject) -> bool:
    """Whether a step takes source files that are there, or whatever may come where the text names no manifest."""
    others = [source for source in context_sources(node.instruction) if not is_manifest(source)]
    return bool(others) and (any(node.takes(path) for path in subject.kinds.sources) or _takes_everything(others))


def _takes_everything(sources: list[str]) -> bool:
    return any(source.strip("./*") == "" for source in sources)
