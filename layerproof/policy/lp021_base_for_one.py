"""
A base holds only what several services need.

A port, a health check or the folder of one service does nothing for the others and changes with that one. A base that
a single service stands on may hold what that one needs, and one that nothing stands on is none.

Bad:
    FROM node:20-slim
    WORKDIR /app
    EXPOSE 3000

Good:
    FROM node:20-slim
    WORKDIR /app

Fix: Move the instruction to the Dockerfile of the service that it belongs to.

Source: R2 (US-1, US-3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.dockerfile import context_sources, find_stage
from layerproof.graph import dependents
from layerproof.manifests import is_manifest
from layerproof.model import Instruction, Stage
from layerproof.policy import Breach, BuildSubject, target_stage

# What stands in any path or command, whatever a service may be called.
_COMMON = frozenset(
    """
    app apps server service services src main node nodejs python php ruby java go nginx www html root home user data bin
    sbin lib opt usr var srv etc tmp build dist public static test dev development prod production default runtime base
    npm pip start run all none local global
    """.split()  # noqa: SIM905  # words read better than quoted lines
)
_WITH_NAMES = ("ENV", "WORKDIR", "CMD", "ENTRYPOINT", "USER")
# http://backend:3000, postgres://db/x: where another one is reached
_ADDRESS = re.compile(r"\w+://\S+")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Ports and health checks, and each instruction that names exactly one of the services, while several use it."""
    image, project = subject.image, subject.project
    siblings = [item.name for item in project.images if item.dockerfile.path == image.dockerfile.path]
    affected = set(dependents(project.images, siblings))
    users = {item.service for item in project.images if item.role == "service" and item.name in affected}
    if len(users) < 2:
        return
    names = {item.service for item in project.images if item.role == "service"} - _COMMON
    for stage in _chain(subject):
        for instruction in stage.instructions:
            if _is_for_one(instruction):
                words = " ".join(instruction.text.split())
                yield instruction.line, f"`{words}` belongs to one service, and what uses the base inherits it"
            elif len(named := names & _words(instruction, names)) == 1:
                others = ", ".join(sorted(users - named))
                what = f"{instruction.keyword} names the service {next(iter(named))}"
                yield instruction.line, f"{what}; {others} inherit{'s' * (len(users - named) == 1)} it"


def _chain(subject: BuildSubject) -> Iterator[Stage]:
    """The stages whose settings the base passes on: the target, and what it is laid over."""
    stage: Stage | None = target_stage(subject.image)
    while stage:
        yield stage
        own = stage.base not in subject.image.contexts
        stage = find_stage(subject.image.dockerfile, stage.base, before=stage) if own else None


def _is_for_one(instruction: Instruction) -> bool:
    is_none = instruction.keyword == "HEALTHCHECK" and instruction.values[:1] == ("NONE",)
    return instruction.keyword in ("EXPOSE", "HEALTHCHECK") and not is_none


def _words(instruction: Instruction, names: set[str]) -> set[str]:
    """The whole words and path parts of an instruction that may name a service."""
    if instruction.keyword == "COPY":
        manifests = [source for source in context_sources(instruction) if is_manifest(source)]
        # requirements-backend.txt, backend/package.json
        return {
            name
            for name in names
            if any(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", item) for item in manifests)
        }
    if instruction.keyword not in _WITH_NAMES:
        return set()
    values = instruction.values[1::2] if instruction.keyword == "ENV" else instruction.values
    text = _ADDRESS.sub(" ", " ".join(values))
    # /srv/backend, backend/server.js, "backend"
    return set(re.split(r"[\s/:;,=\"'\[\]]+", text))
