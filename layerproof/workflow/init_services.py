"""The services of a compose file, and the folders that could be some, each with its starter where it needs one."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from layerproof.errors import UsageError
from layerproof.model import Service
from layerproof.paths import is_folder
from layerproof.starters import Starter, Wishes
from layerproof.starters.detect import detect, is_manifest_of_service
from layerproof.starters.plan import FoundService, State
from layerproof.workflow.repository import Repository

# https://github.com/org/repo.git#main, git@github.com:org/repo.git
_ADDRESS = re.compile(r"[\w.+-]+://|[\w.-]+@[\w.-]+:")
# EXPOSE 8080/tcp
_EXPOSE = re.compile(r"^\s*EXPOSE\s+(\d+)", re.MULTILINE | re.IGNORECASE)


def composed_service(service: Service, root: Path, repository: Repository) -> FoundService:
    """A service of the compose file."""
    found = FoundService(service.name, "pulled", image=service.image, wishes=_wishes(service))
    if service.build is None:
        return found
    build = service.build
    context = str(build.get("context") or ".")
    if _ADDRESS.match(context):
        return replace(found, state="elsewhere", context=context)
    folder = (root / context).resolve()
    place = replace(found, image="", context=os.path.relpath(folder, root))
    if "dockerfile_inline" in build:
        return replace(place, state="inline")
    dockerfile = folder / str(build.get("dockerfile") or "Dockerfile")
    place = replace(place, dockerfile=os.path.relpath(dockerfile, root))
    if dockerfile.is_file():
        return replace(place, state="has a Dockerfile")
    reason = ""
    if not is_folder(folder):
        reason = f"its build context {place.context} is no folder"
    elif folder != root and root not in folder.parents:
        reason = f"its build context {place.context} lies outside of this repository"
    elif os.path.lexists(dockerfile):
        reason = f"{place.dockerfile} is no file: a link that leads nowhere, or a folder"
    if reason:
        return replace(place, state="blocked", starter=Starter("", blocked=reason))
    return _with_starter(place, folder, repository)


def named_services(named: Sequence[str], root: Path, repository: Repository) -> list[FoundService]:
    """
    The services that the user names, as NAME=FOLDER.

    Raises:
        UsageError: not of that form, no such folder below the root, or a name that Compose does not take.
    """
    found = []
    for text in named:
        name, separator, path = text.partition("=")
        folder = (root / path).resolve()
        if not separator or not path or not re.fullmatch(r"[a-zA-Z0-9][\w.-]*", name):
            raise UsageError(f"{text!r} is no service", hint="Name it with its folder, as in --service api=./api.")
        if not is_folder(folder) or (folder != root and root not in folder.parents):
            raise UsageError(f"{path}: there is no such folder in {root}", hint="Name one below the root.")
        found.append(replace(_local(name, folder, root, repository), origin="named"))
    return found


def local_services(root: Path, repository: Repository) -> list[FoundService]:
    """
    The folders of a repository without a compose file that are services, and those that look like one and are none.

    One below another is left out: its files would be in two build contexts.
    """
    found: list[FoundService] = []
    taken: list[Path] = []
    for folder in repository.candidates():
        if any(above in taken for above in folder.parents):
            continue
        service = _local(_name(folder, root, found), folder, root, repository)
        if service.state == "unknown" or (service.starter and service.starter.blocked and folder == root):
            continue
        if service.starter and not service.starter.blocked and not service.starter.runs:
            service = replace(service, state="library")
        if service.state in ("starter", "has a Dockerfile"):
            taken.append(folder)
        if service.state != "library" or folder != root:
            found.append(service)
    return found


def _local(name: str, folder: Path, root: Path, repository: Repository) -> FoundService:
    dockerfile = os.path.relpath(folder / "Dockerfile", root)
    context = os.path.relpath(folder, root)
    place = FoundService(name, "starter", context=context, dockerfile=dockerfile, origin="found")
    if (folder / "Dockerfile").is_file():
        exposed = _EXPOSE.search((folder / "Dockerfile").read_text(encoding="utf-8", errors="replace"))
        wishes = Wishes(port=int(exposed[1])) if exposed else Wishes()
        return replace(place, state="has a Dockerfile", wishes=wishes)
    return _with_starter(place, folder, repository)


def _with_starter(place: FoundService, folder: Path, repository: Repository) -> FoundService:
    """The service with what its Dockerfile would be made of; the links that a build would not find are looked at."""
    view = repository.folder(folder)
    link = next(
        (path for path in sorted(repository.links) if path.parent == folder and is_manifest_of_service(path.name)), None
    )
    if link:
        reason = f"{link.name} is a link that leads out of its build context, where no build can follow it"
        return replace(place, state="blocked", starter=Starter("", blocked=reason))
    starter = detect(view, place.wishes)
    if starter is None:
        return replace(place, state="unknown")
    state: State = "blocked" if starter.blocked else "starter"
    return replace(place, state=state, starter=starter)


def _wishes(service: Service) -> Wishes:
    build = service.build or {}
    raw = service.raw
    exposed = [str(port).partition("/")[0] for port in raw.get("expose") or ()]
    port = next((item.target for item in service.ports), None) or next(
        (int(item) for item in exposed if item.isdigit()), None
    )
    arguments = build.get("args") or {}
    names = [str(name).partition("=")[0] for name in arguments]
    return Wishes(port=port, target=str(build.get("target") or ""), args=tuple(sorted(names)), command=_command(raw))


def _command(raw: Mapping[str, Any]) -> tuple[str, ...]:
    words = raw.get("entrypoint") or raw.get("command") or ()
    return tuple(words.split() if isinstance(words, str) else map(str, words))


def _name(folder: Path, root: Path, others: Collection[FoundService]) -> str:
    """A name that Compose takes and no other service has."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", folder.name.lower()).strip("-_") or "app"
    if plain not in {item.name for item in others}:
        return plain
    inner = re.sub(r"[^a-z0-9_-]+", "-", os.path.relpath(folder, root).lower()).strip("-_")
    return inner or plain
