"""Compose files, base folders, Dockerfiles and configuration to one Project."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from layerproof import compose, graph
from layerproof.config import Config, Overlay, load_config
from layerproof.dockerfile import external_references, find_stage, load_dockerfile, parse_dockerfile
from layerproof.engine import ComposeCall, Engine
from layerproof.errors import ConfigError, UsageError
from layerproof.model import Dockerfile, Image, Project, Service
from layerproof.references import normalize_reference

STATE_FOLDER = ".layerproof"
PROFILE_VARIABLE = "LAYERPROOF_PROFILE"
# compose build key -> bake target key; the values have the same shape.
_BAKE_KEYS = {
    "labels": "labels",
    "network": "network",
    "platforms": "platforms",
    "cache_from": "cache-from",
    "cache_to": "cache-to",
    "shm_size": "shm-size",
    "ulimits": "ulimits",
    "entitlements": "entitlements",
    "ssh": "ssh",
    "tags": "tags",
    "no_cache": "no-cache",
    "pull": "pull",
}


def load(
    root: Path,
    *,
    engine: Engine,
    environment: Mapping[str, str],
    profile: str | None = None,
    overlays: Sequence[str] = (),
) -> Project:
    """
    Read the whole project.

    Args:
        environment: where LAYERPROOF_PROFILE, COMPOSE_FILE and the variables of the compose file are looked up.
        profile: wins over LAYERPROOF_PROFILE, which wins over the profile that `inv lab` noted in `.layerproof/`.
        overlays: kinds of overlay files to lay over the main compose file (`cpu`, `dev`); a missing one is an error.

    Raises:
        ConfigError: a file is missing or broken, images need each other, or the project lies on a Windows file system.
    """
    root = root.resolve()
    config = load_config(root)
    refuse_windows_path(root, allowed=config.allow_mnt)
    main = compose.find_compose_files(root, configured=config.compose_file, environment=environment)
    files = (*main, *(_overlay(main[0], kind) for kind in overlays))
    chosen = profile or environment.get(PROFILE_VARIABLE) or _noted_profile(root)
    overlay = config.overlay(chosen)
    document = engine.compose_config(ComposeCall(root, files, environment))
    services = compose.parse_services(document)
    bases = _load_bases(root / config.bases, overlay)
    built = [_service_image(service, document, overlay) for service in services if service.build]
    for image in built:
        refuse_windows_path(image.context, allowed=config.allow_mnt)
    _refuse_twins([*bases, *built])
    images = graph.build_order(_link([*bases, *built]))
    return Project(root, str(document.get("name") or root.name), files, services, images, chosen)


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
        ConfigError: the path is below /mnt/<letter>.
    """
    # /mnt/c/Users/me/app
    if not allowed and re.match(r"^/mnt/[a-z](/|$)", str(path)):
        raise ConfigError(
            f"{path} lies on a Windows file system: BuildKit reads such a context many times slower, and file modes and"
            " change times, which decide what is cached, are not kept",
            hint="Clone the repository below your WSL home, for example ~/src. A real Linux disk mounted there: set"
            " allow-mnt = true in [tool.layerproof].",
        )


def _overlay(main: Path, kind: str) -> Path:
    found = compose.overlay_file(main, kind)
    if found is None:
        raise ConfigError(f"{main.with_name(f'{main.stem}.{kind}{main.suffix}')}: there is no such overlay")
    return found


def _noted_profile(root: Path) -> str | None:
    noted = root / STATE_FOLDER / "profile"
    return noted.read_text(encoding="utf-8").strip() or None if noted.is_file() else None


def _refuse_twins(images: Sequence[Image]) -> None:
    """Names are the names of bake targets too, so each can stand for one image only."""
    seen: dict[str, Image] = {}
    for image in images:
        other = seen.setdefault(image.name, image)
        if other is not image:
            raise ConfigError(
                f"two images are named {image.name!r}: {other.dockerfile.path} and {image.dockerfile.path}",
                hint="Rename the service or the base folder.",
            )


def _load_bases(folder: Path, overlay: Overlay) -> list[Image]:
    """One image per published tag: `:latest` from stage `build`, `:runtime` from stage `runtime`, where they exist."""
    images = []
    for path in sorted(folder.glob("*/Dockerfile")):
        name, file = path.parent.name, load_dockerfile(path, args=overlay.args)
        latest = "build" if find_stage(file, "build") else None
        targets = [(name, f"{name}:latest", latest)]
        if latest and find_stage(file, "runtime"):
            targets.append((f"{name}-runtime", f"{name}:runtime", "runtime"))
        for image_name, tag, target in targets:
            images.append(
                Image(
                    name=image_name,
                    tag=tag,
                    role="base",
                    context=path.parent,
                    dockerfile=file,
                    target=target,
                    args=_declared(file, overlay.args),
                    contexts=_named(file, overlay.contexts),
                )
            )
    return images


def _service_image(service: Service, document: Mapping[str, Any], overlay: Overlay) -> Image:
    build = service.build or {}
    context = Path(str(build.get("context", "."))).resolve()
    if "://" in str(build.get("context", "")):
        raise ConfigError(
            f"service {service.name}: the build context {build['context']} is remote",
            hint="layerproof needs the files: clone that repository and name the folder.",
        )
    given = {key: str(value) for key, value in (build.get("args") or {}).items() if value is not None}
    inline = build.get("dockerfile_inline")
    path = context / str(build.get("dockerfile") or "Dockerfile")
    if inline:
        file = parse_dockerfile(inline, path=Path(f"{service.name} (inline)"), args={**overlay.args, **given})
    else:
        file = load_dockerfile(path, args={**overlay.args, **given})
    target = build.get("target")
    if target and find_stage(file, target) is None:
        stages = ", ".join(stage.name or str(stage.index) for stage in file.stages)
        raise ConfigError(
            f"{path}: there is no stage {target!r}, which service {service.name} builds", hint=f"Stages: {stages}."
        )
    return Image(
        name=service.name.replace(".", "_"),
        tag=normalize_reference(service.image),
        role="service",
        context=context,
        dockerfile=file,
        target=target,
        args={**_declared(file, overlay.args), **given},
        contexts={**_named(file, overlay.contexts), **(build.get("additional_contexts") or {})},
        service=service.name,
        inline=bool(inline),
        options=_bake_options(build, document),
    )


def _bake_options(build: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    options = {bake: build[key] for key, bake in _BAKE_KEYS.items() if build.get(key)}
    if build.get("extra_hosts"):
        # ["name=address"] in the resolved document
        options["extra-hosts"] = dict(entry.split("=", 1) for entry in build["extra_hosts"])
    known = document.get("secrets") or {}
    secrets = [_secret(entry, known.get(entry["source"]) or {}) for entry in build.get("secrets") or ()]
    return {**options, "secret": secrets} if secrets else options


def _secret(entry: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    where = f"src={definition['file']}" if "file" in definition else f"env={definition.get('environment', '')}"
    return f"id={entry.get('target') or entry['source']},{where}"


def _declared(file: Dockerfile, args: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in args.items() if name in file.declared_args}


def _named(file: Dockerfile, contexts: Mapping[str, str]) -> dict[str, str]:
    """The configured contexts that the file can use: those that override one of its stages or images."""
    names = {stage.name for stage in file.stages} | {
        name for stage in file.stages for name in external_references(file, stage.name or str(stage.index))
    }
    return {name: value for name, value in contexts.items() if name in names}


def _link(images: Sequence[Image]) -> list[Image]:
    """Find out which of the images each one needs, and which others it takes from outside."""
    by_tag = {image.tag: image.name for image in images}
    by_service = {image.service: image.name for image in images if image.service}
    linked = []
    for image in images:
        references = external_references(image.dockerfile, image.target)
        parents = {by_tag[tag] for name in references if (tag := normalize_reference(name)) in by_tag}
        contexts = {}
        for name, value in image.contexts.items():
            service = value.removeprefix("service:")
            if value.startswith("service:") and service in by_service:
                contexts[name] = f"target:{by_service[service]}"
                parents.add(by_service[service])
            else:
                contexts[name] = value
        upstreams = tuple(
            name for name in references if normalize_reference(name) not in by_tag and name not in contexts
        )
        linked.append(
            replace(image, parents=tuple(sorted(parents - {image.name})), contexts=contexts, upstreams=upstreams)
        )
    return linked
