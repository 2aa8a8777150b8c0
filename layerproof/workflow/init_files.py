"""The files that `layerproof init` would write, none of which overwrites one that is there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from layerproof.changes import FileChange, read_exactly
from layerproof.config_file import PYPROJECT, STANDALONE
from layerproof.paths import STATE_FOLDER
from layerproof.starters import Starter
from layerproof.starters.configuration import add_settings, render_settings
from layerproof.starters.plan import FoundService, InitPlan
from layerproof.starters.render import (
    Composed,
    render_compose_file,
    render_dockerfile,
    render_ignore_file,
    render_nginx_conf,
)
from layerproof.workflow.repository import Repository
from layerproof.workflow.subjects import repository_of

COMPOSE_FILE = "docker-compose.yml"


def config_change(root: Path, settings: Mapping[str, Any], notes: list[str]) -> FileChange | None:
    """The settings in the file that has its place for them; a configuration that is there is left as it is."""
    pyproject, standalone = root / PYPROJECT, root / STANDALONE
    text = read_exactly(pyproject)
    if os.path.lexists(standalone):
        notes.append(_by_hand(STANDALONE, render_settings(settings, prefix="")))
        return None
    if not pyproject.is_file():
        return FileChange(standalone, "", render_settings(settings, prefix=""))
    added = add_settings(text, settings)
    if added is None:
        notes.append(_by_hand(PYPROJECT, render_settings(settings, prefix="tool.layerproof")))
        return None
    return FileChange(pyproject, text, added)


def ignore_line_change(root: Path) -> FileChange | None:
    """The line of .gitignore for the build records; none where Git is not used, or it is there."""
    if not (repository_of(root, root=root) / ".git").exists():
        return None
    # .layerproof, /.layerproof/, **/.layerproof/
    known = re.compile(rf"^(\*\*)?/?{re.escape(STATE_FOLDER)}(/\**)?\s*$", re.MULTILINE)
    repository = repository_of(root, root=root)
    for folder in (root, *(above for above in root.parents if above == repository or repository in above.parents)):
        if known.search(read_exactly(folder / ".gitignore")):
            return None
    path = root / ".gitignore"
    if os.path.lexists(path) and not path.is_file():
        return None
    text = read_exactly(path)
    ending = "\r\n" if "\r\n" in text else "\n"
    start = text if not text or text.endswith("\n") else f"{text}{ending}"
    return FileChange(path, text, f"{start}{STATE_FOLDER}/{ending}")


def starter_changes(
    plan: InitPlan, repository: Repository, notes: list[str]
) -> tuple[tuple[FoundService, ...], list[FileChange]]:
    """The Dockerfiles, ignore files and the compose file that are missing, and what becomes of each service."""
    changes: list[FileChange] = []
    services = []
    written = set[Path]()
    for service in plan.services:
        if service.state != "starter" or service.starter is None:
            services.append(service)
            continue
        path = plan.root / service.dockerfile
        if path not in written:
            written.add(path)
            changes += _starter_files(plan, service, service.starter, repository, notes)
        services.append(replace(service, state="new"))
    composed = [item for item in services if item.state in ("new", "has a Dockerfile")]
    target = plan.root / COMPOSE_FILE
    if composed and not plan.compose_files and not os.path.lexists(target):
        changes.append(FileChange(target, "", render_compose_file(_composed(composed))))
    elif added := [item for item in services if item.origin == "named" and item.state == "new"]:
        lines = ", ".join(f"{item.name}: {{build: ./{item.context}}}" for item in added)
        notes.append(f"add to the services of {plan.compose_files[0] if plan.compose_files else COMPOSE_FILE}: {lines}")
    return tuple(services), changes


def _starter_files(
    plan: InitPlan, service: FoundService, starter: Starter, repository: Repository, notes: list[str]
) -> list[FileChange]:
    context = plan.root / service.context
    dockerfile = plan.root / service.dockerfile
    changes = [FileChange(dockerfile, "", render_dockerfile(starter, service.name, service.wishes))]
    ignore_file = context / ".dockerignore"
    if os.path.lexists(ignore_file):
        shown = os.path.relpath(ignore_file, plan.root)
        notes.append(f"{shown} is left as it is: `inv check --fix` adds what it lacks")
    else:
        changes.append(FileChange(ignore_file, "", render_ignore_file(starter, repository.folder(context))))
    if starter.values.get("static"):
        changes += _server_configuration(context, starter, service, notes)
    return changes


def _server_configuration(context: Path, starter: Starter, service: FoundService, notes: list[str]) -> list[FileChange]:
    path = context / "nginx.conf"
    if not os.path.lexists(path):
        return [FileChange(path, "", render_nginx_conf(starter))]
    notes.append(
        f"{service.name}: its nginx.conf is what the image uses; it has to listen on {starter.port} and to write below"
        " /tmp only"
    )
    return []


def _composed(services: list[FoundService]) -> list[Composed]:
    taken = set[int]()
    found = []
    for service in services:
        port = service.starter.port if service.starter else service.wishes.port
        published = port
        while published and published in taken:
            published += 1
        taken |= {published} if published else set()
        memory = "1g" if service.starter and service.starter.language == "java" else "512m"
        context = "." if service.context == "." else f"./{service.context}"
        found.append(Composed(service.name, context, port, published, memory))
    return found


def _by_hand(name: str, lines: str) -> str:
    shown = " | ".join(line for line in lines.splitlines() if line)
    return f"{name} has a configuration already, which is not changed; add to it: {shown}"
