"""
No source is copied before the dependencies are installed.

An install after `COPY . .` runs again after every edit: BuildKit reuses a step only while everything copied before it
is the same.

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

Source: R4 (the dependency caching rule of the requirements).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.commands import find_install, installs_from_manifest, shell_text
from layerproof.dockerfile import context_sources, find_stage, reachable_stages
from layerproof.manifests import is_manifest
from layerproof.model import Dockerfile, Image, Instruction, Stage
from layerproof.policy import Breach


def check(image: Image) -> Iterator[Breach]:
    """Each install with a copy of source before it, in its own stage or one that its stage starts from."""
    for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
        source = _copied_before(image.dockerfile, stage)
        for instruction in stage.instructions:
            command = shell_text(instruction)
            if instruction.keyword == "RUN" and installs_from_manifest(command):
                own = source or _other_than_manifests(instruction)
                if own:
                    yield (
                        instruction.line,
                        f"`{find_install(command)}` runs again after every edit: {own} before it",
                    )
            source = source or _other_than_manifests(instruction)


def _copied_before(file: Dockerfile, stage: Stage) -> str:
    """Which source the stages below this one have copied; "" for none."""
    parent = find_stage(file, stage.base)
    while parent is not None and parent.index < stage.index:
        for instruction in parent.instructions:
            if found := _other_than_manifests(instruction):
                return found
        stage, parent = parent, find_stage(file, parent.base)
    return ""


def _other_than_manifests(instruction: Instruction) -> str:
    others = [source for source in context_sources(instruction) if not is_manifest(source)]
    return f"line {instruction.line} takes {', '.join(others)}" if others else ""
