"""Base folders and Compose services to images, and what each one is built on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from layerproof.dockerfile import (
    external_references,
    find_stage,
    load_dockerfile,
    parse_dockerfile,
    reachable_stages,
    stage_references,
)
from layerproof.errors import ConfigError, RemoteContextError
from layerproof.graph import context_key
from layerproof.model import Dockerfile, Image, Service
from layerproof.paths import is_folder
from layerproof.references import normalize_reference, upstream_name
from layerproof.settings import BaseImage, Config, Overlay
from layerproof.workflow.build_options import bake_options

_IMAGE_CONTEXT = "docker-image://"


# Takes the name of a service or base whose build cannot be read, and why. Raising ends it all, returning leaves it out.
OnBroken = Callable[[str, ConfigError], None]


def refuse(_: str, error: ConfigError) -> None:
    """What is broken ends everything; a service whose files are elsewhere is left out."""
    if not isinstance(error, RemoteContextError):
        raise error


def base_images(
    root: Path, config: Config, overlay: Overlay, *, built: Collection[Image], on_broken: OnBroken = refuse
) -> list[Image]:
    """
    The shared images: of the folder of bases, and those that the configuration names by their tag.

    In the folder, one per published tag: `:latest` from stage `build`, `:runtime` from stage `runtime`, where they
    exist. A sub-folder that belongs to a service is no base, and neither is one whose tag is an image it starts from
    itself (docker/nginx with FROM nginx).

    Raises:
        ConfigError: a Dockerfile, stage or folder is missing; `on_broken` decides.
    """
    of_services = {path for image in built for path in (image.context, image.dockerfile.path.parent)}
    named = {normalize_reference(tag): entry for tag, entry in config.base_images.items()}
    images = []
    for tag, entry in named.items():
        try:
            images.append(_named_base(root, tag, entry, overlay))
        except ConfigError as error:
            on_broken(tag, error)
    known = {image.dockerfile.path for image in images}
    for path in sorted((root / config.bases_folder()).glob("*/Dockerfile")):
        try:
            found = [] if path.resolve() in known or path.parent.resolve() in of_services else _bases_in(path, overlay)
        except ConfigError as error:
            on_broken(path.parent.name, error)
            continue
        images += found
    return images


def used_bases(bases: Collection[Image], images: Collection[Image], config: Config) -> list[Image]:
    """
    The bases that something is built on, also by a tag that is not built here, and every one where the configuration
    says where they are or nothing else is built: in a folder called `docker` may lie Dockerfiles of any use.

    Args:
        bases: linked.
        images: all images, linked.
    """
    if config.bases is not None or len(bases) == len(images):
        return list(bases)
    services = [image for image in images if image.role == "service"]
    meant = {upstream_name(reference)[0] for image in services for reference in image.upstreams}
    needed = {name for image in services for name in image.parents}
    needed |= {image.name for image in bases if upstream_name(image.tag)[0] in meant}
    while more := {name for image in bases if image.name in needed for name in image.parents} - needed:
        needed |= more
    files = {image.dockerfile.path for image in bases if image.name in needed}
    return [image for image in bases if image.dockerfile.path in files or image.tag in _tags(config)]


def _tags(config: Config) -> set[str]:
    return {normalize_reference(tag) for tag in config.base_images}


def _bases_in(path: Path, overlay: Overlay) -> list[Image]:
    name, file = path.parent.name, load_dockerfile(path, args=overlay.args)
    latest = "build" if find_stage(file, "build") else None
    upstreams = {normalize_reference(reference) for reference in external_references(file, latest)}
    if f"{name}:latest" in upstreams:
        return []
    targets = [(name, f"{name}:latest", latest)]
    if latest and find_stage(file, "runtime"):
        targets.append((f"{name}-runtime", f"{name}:runtime", "runtime"))
    return [_base(called, tag, file, path.parent, target, overlay) for called, tag, target in targets]


def _named_base(root: Path, tag: str, entry: str | BaseImage, overlay: Overlay) -> Image:
    given = BaseImage(dockerfile=entry) if isinstance(entry, str) else entry
    path = root / given.dockerfile
    path = (path / "Dockerfile" if is_folder(path) else path).resolve()
    context = (root / given.context).resolve() if given.context else path.parent
    file = load_dockerfile(path, args=overlay.args)
    if not is_folder(context):
        raise ConfigError(
            f"base image {tag}: {context}: there is no such folder, which is its build context",
            hint="Check base-images in the configuration.",
        )
    if given.target and find_stage(file, given.target) is None:
        raise ConfigError(
            f"{path}: there is no stage {given.target!r}, which base image {tag} builds",
            hint="Check base-images in the configuration.",
        )
    return _base(tag.removesuffix(":latest"), tag, file, context, given.target, overlay)


def _base(name: str, tag: str, file: Dockerfile, context: Path, target: str | None, overlay: Overlay) -> Image:
    return Image(
        name=_target_name(name),
        tag=tag,
        role="base",
        context=context,
        dockerfile=file,
        target=target,
        args=_declared(file, overlay.args),
        contexts=_named(file, overlay.contexts),
    )


def service_images(
    services: Sequence[Service], document: Mapping[str, Any], overlay: Overlay, *, on_broken: OnBroken = refuse
) -> list[Image]:
    """
    The image of each service that has a `build`.

    Raises:
        ConfigError: a remote context, a missing Dockerfile or stage; `on_broken` decides.
    """
    images = []
    for service in services:
        try:
            images += [_service_image(service, document, overlay)] if service.build else []
        except ConfigError as error:
            on_broken(service.name, error)
    return images


def link(images: Sequence[Image]) -> list[Image]:
    """Find out which of the images each one needs, and which others it takes from outside."""
    by_tag = {image.tag: image.name for image in images}
    by_service = {image.service: image.name for image in images if image.service}
    return [_linked(image, by_tag, by_service) for image in images]


def _linked(image: Image, by_tag: Mapping[str, str], by_service: Mapping[str, str]) -> Image:
    references = set(external_references(image.dockerfile, image.target, contexts=image.contexts)) - set(image.contexts)
    parents = {by_tag[tag] for name in references if (tag := normalize_reference(name)) in by_tag}
    contexts = {}
    for name, value in image.contexts.items():
        service, reference = value.removeprefix("service:"), value.removeprefix(_IMAGE_CONTEXT)
        own = by_service.get(service) if value.startswith("service:") else None
        if value.startswith(_IMAGE_CONTEXT):
            own = by_tag.get(normalize_reference(reference))
            references.add(reference)
        contexts[name] = f"target:{own}" if own else value
        parents.update([own] if own else [])
    upstreams = sorted(name for name in references if normalize_reference(name) not in by_tag)
    return replace(image, parents=tuple(sorted(parents - {image.name})), contexts=contexts, upstreams=tuple(upstreams))


def refuse_twins(images: Sequence[Image]) -> None:
    """
    Names are the names of bake targets too, and a tag can hold one image: two services may share one build only.

    Raises:
        ConfigError: two images of one name, or of one tag that are not the same build.
    """
    names: dict[str, Image] = {}
    tags: dict[str, Image] = {}
    for image in images:
        other = names.setdefault(image.name, image)
        if other is not image:
            raise ConfigError(
                f"two images are named {image.name!r}: {other.dockerfile.path} and {image.dockerfile.path}",
                hint="Rename the service or the base folder.",
            )
        other = tags.setdefault(image.tag, image)
        if _nameless(other) != _nameless(image):
            raise ConfigError(
                f"{other.name} and {image.name} are different builds of one tag, {image.tag}",
                hint="Give one of them another `image`.",
            )


def refuse_shadowed(images: Sequence[Image]) -> None:
    """
    What an image is built on is handed to BuildKit under the name that the Dockerfile has for it. A stage of that very
    name would be replaced with all its instructions.

    Raises:
        ConfigError: a stage that is built is called like a base that is built here.

    Source: BuildKit frontend/dockerfile/dockerfile2llb/convert.go (a named context stands for the stage of its name).
    """
    keys = {image.name: context_key(image.tag) for image in images}
    for image in images:
        taken = {keys[name]: name for name in image.parents}
        for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
            name = (stage.name or "").lower()
            if name in taken and stage.instructions and name not in image.contexts:
                raise ConfigError(
                    f"{image.dockerfile.path}:{stage.line}: stage {stage.name} is called like the image {taken[name]}, "
                    "which is built here: BuildKit would put that image in the place of the whole stage",
                    hint="Give the stage another name.",
                )


def _nameless(image: Image) -> Image:
    """An image without what tells two services of one build apart; a text in the compose file has no path."""
    file = replace(image.dockerfile, path=Path()) if image.inline else image.dockerfile
    return replace(image, name="", service=None, dockerfile=file)


def _service_image(service: Service, document: Mapping[str, Any], overlay: Overlay) -> Image:
    build = service.build or {}
    # Compose makes the paths of folders absolute; what is not is an address.
    folder = Path(str(build.get("context", "")))
    if not folder.is_absolute():
        raise RemoteContextError(
            f"service {service.name}: the build context {build.get('context', '')} is remote, its files are not here",
            hint="Clone that repository and name the folder.",
        )
    if not is_folder(folder):
        raise ConfigError(
            f"service {service.name}: {folder}: there is no such folder, which is its build context",
            hint="Check build.context in the compose file.",
        )
    given = {key: str(value) for key, value in (build.get("args") or {}).items() if value is not None}
    platforms = list(build.get("platforms") or filter(None, [service.raw.get("platform")]))
    platform = platforms[0] if platforms else ""
    inline = build.get("dockerfile_inline")
    path = folder / str(build.get("dockerfile") or "Dockerfile")
    if inline:
        name = Path(f"{service.name} (inline)")
        file = parse_dockerfile(inline, path=name, args={**overlay.args, **given}, platform=platform)
    else:
        file = load_dockerfile(_as_written(path).resolve(), args={**overlay.args, **given}, platform=platform)
    target = build.get("target")
    if target and find_stage(file, target) is None:
        stages = ", ".join(stage.name or str(stage.index) for stage in file.stages)
        raise ConfigError(
            f"{path}: there is no stage {target!r}, which service {service.name} builds", hint=f"Stages: {stages}."
        )
    return Image(
        name=_target_name(service.name),
        tag=normalize_reference(service.image),
        role="service",
        context=folder.resolve(),
        dockerfile=file,
        target=target,
        args={**_declared(file, overlay.args), **given},
        contexts={**_named(file, overlay.contexts), **(build.get("additional_contexts") or {})},
        service=service.name,
        inline=bool(inline),
        options={**bake_options(build, document), **({"platforms": platforms} if platforms else {})},
    )


def _as_written(path: Path) -> Path:
    """Where there is no `Dockerfile`, buildx takes `dockerfile` (build/opt.go, handleLowercaseDockerfile)."""
    lower = path.with_name("dockerfile")
    return lower if path.name == "Dockerfile" and not path.exists() and lower.is_file() else path


def _target_name(name: str) -> str:
    """A name as bake takes it for a target."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _declared(file: Dockerfile, args: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in args.items() if name in file.declared_args}


def _named(file: Dockerfile, contexts: Mapping[str, str]) -> dict[str, str]:
    """The configured contexts that the file can use: those that override one of its stages or images."""
    names = {name for stage in file.stages for name in (stage.name, *stage_references(stage))} - {"scratch"}
    return {name: value for name, value in contexts.items() if name in names}
