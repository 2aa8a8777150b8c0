"""
A RUN in which a package manager installs the project's dependencies keeps its downloads in a cache mount.

Without one, a change of a single version downloads every package again. A cache mount is no part of the image, so
`--no-cache-dir` saves nothing beside it, and takes away what it is for. A tool that compiles (go, cargo, mvn, gradle,
dotnet) looks for its packages in the cache: each of its steps needs the mount that the first one has.

System packages are left out: cleaning up after apt, or `apk add --no-cache`, is as good. So are tools that are named
in the command (`npm install -g serve`, `pip install uv`), and installs from files that are there.

Bad:
    FROM python:3.12-slim AS deps
    COPY requirements.txt ./
    RUN pip install --no-cache-dir -r requirements.txt

Good:
    FROM python:3.12-slim AS deps
    COPY requirements.txt ./
    RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt

Fix: Put --mount=type=cache with the package manager's cache folder behind RUN; `inv check --fix` does where it is safe.

Source: R4 (and section 3 of the second stack's plan: cache mounts for pip and npm).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.commands import Command
from layerproof.flow import Node
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.cache_mounts import STORES, cache_targets, is_for_others, manager_of, without_cache
from layerproof.policy.installs import downloads
from layerproof.policy.mounting import mend

__all__ = ["check", "mend"]


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Installs without a cache mount, with one that stays empty, or without the one that an earlier step has."""
    for line, commands in subject.kinds.commands.items():
        node = subject.flow.nodes[line]
        targets = cache_targets(node.instruction)
        found = [item for item in subject.kinds.installs.get(line, ()) if downloads(item)]
        found = [item for item in found if not _is_there(subject, node, item)]
        useless = {without_cache(item, node) for item in found}
        if found and not targets:
            yield line, f"`{found[0].text}` downloads everything again whenever it runs: it mounts no cache"
        elif found and all(is_for_others(item, targets) for item in found):
            yield line, f"`{found[0].text}` keeps nothing in the cache that is mounted: {targets[0]} is another tool's"
        elif found and "" not in useless:
            yield line, f"`{found[0].text}` does not use the cache that is mounted: {useless.pop()} turns it off"
        elif lost := next(((item, at) for item in commands if (at := _lost(subject, node, item))), None):
            yield (
                line,
                f"`{lost[0].text}` downloads again what line {lost[1]} keeps in a cache mount: this step has none",
            )


def _is_there(subject: BuildSubject, node: Node, command: Command) -> bool:
    """Whether what a command lacks was fetched by a step before it, which keeps it in the image."""
    if command.kind == "install":
        return False
    before = [other for other in subject.flow.upstream(node.line) if other.line != node.line]
    kept = (other.line for other in before if not cache_targets(other.instruction))
    fetched = (item for line in kept for item in subject.kinds.installs.get(line, ()) if downloads(item))
    return any(item.ecosystem == command.ecosystem for item in fetched)


def _lost(subject: BuildSubject, node: Node, command: Command) -> int:
    """The line of a step that fetches for this one into a cache mount that this one lacks; 0 for none."""
    folder = STORES.get(manager_of(command), "")
    if not folder or command.kind != "build" or any(folder in target for target in cache_targets(node.instruction)):
        return 0
    for other in subject.flow.upstream(node.line):
        fetches = (manager_of(item) == manager_of(command) for item in subject.kinds.installs.get(other.line, ()))
        if any(fetches) and any(folder in target for target in cache_targets(other.instruction)):
            return other.line if other.line != node.line else 0
    return 0
