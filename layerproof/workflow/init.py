"""Look at a repository, and plan the smallest configuration and the Dockerfiles that it lacks."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from layerproof import compose
from layerproof.changes import FileChange
from layerproof.compose_files import compose_candidates, find_compose_files
from layerproof.config import load_config
from layerproof.engine import ComposeCall, Engine
from layerproof.errors import ConfigError, NoComposeFileError, UsageError
from layerproof.model import Service
from layerproof.starters.plan import InitPlan
from layerproof.workflow.init_files import config_change, ignore_line_change, starter_changes
from layerproof.workflow.init_services import composed_service, local_services, named_services
from layerproof.workflow.init_settings import base_names, find_bases, gpu_services
from layerproof.workflow.load import refuse_windows_path
from layerproof.workflow.repository import Repository


class Wanted(Struct, frozen=True):
    """
    What the user asks for.

    `dockerfiles`: write those that are missing too. `compose_file`: the one to use. `services`: NAME=FOLDER, folders
    that are services whatever the compose file says.
    """

    dockerfiles: bool = False
    compose_file: str = ""
    services: Sequence[str] = ()


def plan_init(root: Path, *, engine: Engine, wanted: Wanted, environment: Mapping[str, str]) -> InitPlan:
    """
    Find everything, change nothing.

    Raises:
        ConfigError: the configuration or a compose file cannot be read.
        UsageError: a folder of `wanted.services` or its compose file does not exist.
        NoEngineError: there is a compose file, and no Compose to read it.
    """
    root = root.resolve()
    config = load_config(root)
    refuse_windows_path(root, allowed=config.allow_mnt)
    repository, settings = Repository(root), dict[str, Any]()
    files = _compose_files(root, wanted, config.compose_file, environment)
    composed = _composed(root, files, engine, environment)
    services = [composed_service(service, root, repository) for service in composed]
    if not files or wanted.services:
        others = named_services(wanted.services, root, repository) or local_services(root, repository)
        known = {item.name for item in services}
        if twice := sorted({item.name for item in others} & known):
            raise UsageError(f"the compose file has a service {twice[0]!r} already", hint="Take another name.")
        services += others
    if wanted.compose_file and wanted.compose_file != config.compose_file:
        settings["compose-file"] = wanted.compose_file
    bases = find_bases(root, services, composed, default=config.bases_folder())
    if bases and bases != config.bases_folder():
        settings["bases"] = bases
    if gpus := [name for name in gpu_services(composed) if not config.service(name).gpu]:
        settings["services"] = {name: {"gpu": True} for name in gpus}
    plan = InitPlan(
        root=root,
        compose_files=tuple(os.path.relpath(file, root) for file in files),
        bases=base_names(root / (bases or config.bases_folder())),
        services=tuple(services),
        settings=settings,
        notes=tuple(_unread(repository, root)),
    )
    return _with_changes(plan, repository, wanted)


def _with_changes(plan: InitPlan, repository: Repository, wanted: Wanted) -> InitPlan:
    notes: list[str] = []
    changes: list[FileChange | None] = [config_change(plan.root, plan.settings, notes)] if plan.settings else []
    changes.append(ignore_line_change(plan.root))
    if wanted.dockerfiles:
        services, made = starter_changes(plan, repository, notes)
        plan = replace(plan, services=services)
        changes += made
    return replace(plan, changes=tuple(item for item in changes if item), notes=(*plan.notes, *notes))


def _compose_files(root: Path, wanted: Wanted, configured: str, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """
    The compose files in force; none where there is none.

    Raises:
        ConfigError: one that is named does not exist, or several could be meant.
    """
    others = {name: value for name, value in environment.items() if not wanted.compose_file or name != "COMPOSE_FILE"}
    try:
        return find_compose_files(root, configured=wanted.compose_file or configured, environment=others)
    except NoComposeFileError as error:
        candidates = compose_candidates(root)
        if not candidates:
            return ()
        raise ConfigError(
            error.message,
            hint=f"Choose: inv init --compose-file {os.path.relpath(candidates[0], root)} notes it for good.",
        ) from error


def _composed(
    root: Path, files: Collection[Path], engine: Engine, environment: Mapping[str, str]
) -> tuple[Service, ...]:
    if not files:
        return ()
    return compose.parse_services(engine.compose_config(ComposeCall(root, tuple(files), environment)))


def _unread(repository: Repository, root: Path) -> list[str]:
    return [f"{os.path.relpath(path, root)}: cannot be read: {why}" for path, why in repository.unreadable.items()]
