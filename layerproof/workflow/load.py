"""Compose files, base folders, Dockerfiles and configuration to one Project."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from layerproof import compose, graph
from layerproof.cache_entries import in_folder, with_cache
from layerproof.compose_files import find_compose_files
from layerproof.config import load_config
from layerproof.engine import ComposeCall, Engine
from layerproof.errors import ConfigError, UsageError, WindowsPathError
from layerproof.model import Image, Project, Service
from layerproof.paths import STATE_FOLDER
from layerproof.settings import CacheConfig, Config, Overlay
from layerproof.workflow.images import (
    OnBroken,
    base_images,
    link,
    refuse,
    refuse_shadowed,
    refuse_twins,
    service_images,
    used_bases,
)
from layerproof.workflow.platforms import for_platforms, platforms_of_bases

PROFILE_VARIABLE = "LAYERPROOF_PROFILE"


def load(
    root: Path,
    *,
    engine: Engine,
    environment: Mapping[str, str],
    profile: str | None = None,
    overlays: Sequence[str] = (),
    with_images: bool = True,
    on_broken: OnBroken = refuse,
    cache: Mapping[str, Sequence[str]] | None = None,
) -> Project:
    """
    Read the whole project.

    Args:
        environment: where LAYERPROOF_PROFILE, COMPOSE_FILE and the variables of the compose file are looked up.
        profile: wins over LAYERPROOF_PROFILE, which wins over the profile that `inv lab` noted in `.layerproof/`.
        overlays: kinds of overlay files to lay over the main compose file (`cpu`, `dev`); a missing one is an error.
        with_images: read the Dockerfiles too. What only looks at the running stack or stops it must not depend on them.
        on_broken: decides about a service or base whose build cannot be read; raising is the default.
        cache: entries under `from` and `to`, each of which wins over what the configuration says there.

    Raises:
        ConfigError: a file is missing or broken, images need each other, or the project lies on a Windows file system.
    """
    root = root.resolve()
    config = load_config(root)
    refuse_windows_path(root, allowed=config.allow_mnt)
    files = find_compose_files(root, configured=config.compose_file, environment=environment, overlays=overlays)
    chosen = profile or environment.get(PROFILE_VARIABLE) or _noted_profile(root)
    overlay = _at(root, config.overlay(chosen))
    document = engine.compose_config(ComposeCall(root, files, environment))
    services = compose.parse_services(document)
    check_names(config.services, [service.name for service in services], kind="service in [tool.layerproof.services]")
    name = str(document.get("name") or root.name)
    if not with_images:
        return Project(root, name, files, services, (), chosen)
    images = with_cache(
        _images(root, config, overlay, services=services, document=document, on_broken=on_broken),
        imports=(cache or {}).get("from", overlay.cache.all_imports()),
        exports=(cache or {}).get("to", overlay.cache.all_exports()),
    )
    return Project(root, name, files, services, images, chosen)


def _images(
    root: Path,
    config: Config,
    overlay: Overlay,
    *,
    services: Sequence[Service],
    document: Mapping[str, Any],
    on_broken: OnBroken,
) -> tuple[Image, ...]:
    """The images that the project builds, bases before what is built on them."""
    built = []
    for image in service_images(services, document, overlay, on_broken=on_broken):
        try:
            refuse_windows_path(image.context, allowed=config.allow_mnt)
            built.append(image)
        except WindowsPathError as error:
            on_broken(image.service, error)
    every = [*base_images(root, config, overlay, built=built, on_broken=on_broken), *built]
    linked = link(every)
    if platforms := platforms_of_bases(linked):
        linked = link([for_platforms(image, platforms) for image in every])
    bases = used_bases([image for image in linked if image.role == "base"], linked, config)
    images = [*bases, *(image for image in linked if image.role == "service")]
    refuse_twins(images)
    refuse_shadowed(images)
    return graph.build_order(images)


def compose_call(project: Project, environment: Mapping[str, str] | None = None) -> ComposeCall:
    """The Compose project that a Project was read from."""
    return ComposeCall(project.root, project.compose_files, environment or {})


def configuration(project: Project) -> Config:
    """The configuration of a loaded project."""
    return load_config(project.root)


def select_images(project: Project, services: Collection[str]) -> tuple[str, ...]:
    """
    The names of the images of these services, or of these images; every image for none.

    Raises:
        UsageError: an unknown name; the message names the nearest known one.
    """
    if not services:
        return tuple(image.name for image in project.images)
    known = {image.service or image.name: image.name for image in project.images} | {
        image.name: image.name for image in project.images
    }
    check_names(services, known, kind="service or image that is built")
    return tuple(known[name] for name in services)


def check_names(names: Iterable[str], known: Collection[str], *, kind: str) -> None:
    """Raise UsageError for the first name that is not known, with the nearest known one."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            meant = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"there is no {kind} named {name!r}", hint=f"{meant}Known: {', '.join(sorted(known))}.")


def refuse_windows_path(path: Path, *, allowed: bool) -> None:
    """
    Refuse a path on a Windows drive as WSL mounts it (R15).

    Raises:
        WindowsPathError: the path is below /mnt/<letter>.
    """
    # /mnt/c/Users/me/app
    if not allowed and re.match(r"^/mnt/[a-z](/|$)", str(path)):
        raise WindowsPathError(
            f"{path} lies on a Windows file system: BuildKit reads such a context many times slower, and file modes and"
            " change times, which decide what is cached, are not kept",
            hint="Clone the repository below your WSL home, for example ~/src. A real Linux disk mounted there: set"
            " allow-mnt = true in [tool.layerproof].",
        )


# docker-image://alpine, https://github.com/org/repo.git#main, git@github.com:org/repo.git, target:base, oci-layout:///tmp/x
_ADDRESS = re.compile(r"[\w.+-]+://|[\w.-]+@[\w.-]+:|(target|service):")


def _at(root: Path, overlay: Overlay) -> Overlay:
    """
    Named contexts and caches that are folders of the project, relative to its root and not to where the command runs.

    Raises:
        ConfigError: a context is no address, and there is no such folder.
    """
    contexts = {}
    for name, value in overlay.contexts.items():
        folder = root / value
        if not _ADDRESS.match(value) and not folder.is_dir():
            raise ConfigError(
                f"named context {name}: {folder}: there is no such folder",
                hint=f"Put a copy of its files there, or change or drop the context {name!r} in [tool.layerproof].",
            )
        contexts[name] = str(folder.resolve()) if folder.is_dir() else value
    cache = CacheConfig(
        imports=tuple(in_folder(entry, root, direction="from") for entry in overlay.cache.all_imports()),
        exports=tuple(in_folder(entry, root, direction="to") for entry in overlay.cache.all_exports()),
    )
    return Overlay(args=overlay.args, contexts=contexts, cache=cache)


def _noted_profile(root: Path) -> str | None:
    noted = root / STATE_FOLDER / "profile"
    return noted.read_text(encoding="utf-8").strip() or None if noted.is_file() else None
