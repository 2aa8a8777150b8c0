"""Images to a graph: order, parents, what a change affects, and the bake definition derived from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from graphlib import CycleError as _CycleError
from graphlib import TopologicalSorter
from typing import Any

from layerproof.dockerfile import reachable_stages
from layerproof.errors import ConfigError
from layerproof.model import Image, Project, Service, Step
from layerproof.references import normalize_reference


class CycleError(ConfigError):
    """Images that need each other; `cycle` names them in order, first and last the same."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(
            f"images need each other: {' -> '.join(cycle)}", hint="Break the circle in one of the FROM lines."
        )
        self.cycle = tuple(cycle)


def build_order(images: Iterable[Image]) -> tuple[Image, ...]:
    """
    The images, each after its parents.

    Raises:
        CycleError: images that need each other.
    """
    by_name = {image.name: image for image in images}
    sorter = TopologicalSorter({name: image.parents for name, image in by_name.items()})
    try:
        return tuple(by_name[name] for name in sorter.static_order())
    except _CycleError as error:
        raise CycleError(list(reversed(error.args[1]))) from error


def with_parents(images: Iterable[Image], names: Collection[str]) -> tuple[Image, ...]:
    """The named images and everything they need, in build order."""
    order = build_order(images)
    wanted = set(names)
    for image in reversed(order):
        if image.name in wanted:
            wanted.update(image.parents)
    return tuple(image for image in order if image.name in wanted)


def local_tags(images: Iterable[Image]) -> frozenset[str]:
    """The tags of images and of their upstreams: what a build of them looks at on this machine."""
    return frozenset(tag for image in images for tag in (image.tag, *image.upstreams))


def dockerfile_names(images: Iterable[Image]) -> frozenset[str]:
    """The names of their Dockerfiles and of the folders of these, by which buildx's history calls some builds."""
    paths = [image.dockerfile.path for image in images]
    return frozenset(name for path in paths for name in (path.name, path.parent.name))


def dependents(images: Iterable[Image], names: Collection[str]) -> tuple[str, ...]:
    """The named images and everything that needs them, in build order: what a change of them affects."""
    affected = set(names)
    order = build_order(images)
    for image in order:
        if affected.intersection(image.parents):
            affected.add(image.name)
    return tuple(image.name for image in order if image.name in affected)


def pulled_services(project: Project) -> tuple[Service, ...]:
    """The services whose image comes from a registry: neither built nor the image of another service."""
    built = {image.tag for image in project.images}
    return tuple(
        service for service in project.services if not service.build and normalize_reference(service.image) not in built
    )


def step_owner(images: Iterable[Image]) -> Callable[[Step], str]:
    """
    A guess at whose Dockerfile a step comes from, for showing a build while it runs: the labelled image, or the one of
    its bases that has such an instruction in such a stage. Provenance, which knows, comes with the end of the build.
    """
    by_name = {image.name: image for image in images}
    instructions = {name: _beginnings(image) for name, image in by_name.items()}

    def owner(step: Step) -> str:
        waiting = [step.target]
        for name in waiting:
            if name in by_name:
                waiting += [parent for parent in by_name[name].parents if parent not in waiting]
                text = " ".join(step.instruction.split())
                if any(stage == step.stage and text.startswith(begin) for stage, begin in instructions[name]):
                    return name
        return step.target

    return owner


def _beginnings(image: Image) -> frozenset[tuple[str, str]]:
    """Stage and instruction text up to its first argument, which BuildKit shows expanded."""
    return frozenset(
        (stage.name or f"stage-{stage.index}", " ".join(item.text.partition("$")[0].split()))
        for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts)
        for item in stage.instructions
    )


def bake_definition(images: Iterable[Image], *, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """
    The bake file of these images. A project image that another one names becomes a `target:` context, so that one solve
    builds both in order, on any builder.

    Args:
        images: in build order and complete: every parent is among them.
        labels: put on every image.
    """
    order = list(images)
    by_name = {image.name: image for image in order}
    targets = {image.name: _literal(_target(image, by_name, labels or {})) for image in order}
    return {"group": {"default": {"targets": [image.name for image in order]}}, "target": targets}


def _literal(value: Any) -> Any:
    """Bake evaluates `${...}` and `%{...}` in JSON too: doubled, they stay what they are."""
    if isinstance(value, dict):
        return {key: _literal(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_literal(part) for part in value]
    return value.replace("${", "$${").replace("%{", "%%{") if isinstance(value, str) else value


def lint_definition(images: Iterable[Image]) -> dict[str, Any]:
    """
    A bake file for BuildKit's checks only. They cannot follow `target:` contexts, and need no more than some image in
    the place of a parent: an upstream image of its own stands in for it. There are no tags and no outputs, because with
    them buildx 0.29 exports an empty image over each tag, and no caches, which not every builder can write.
    """
    order = build_order(images)
    definition = bake_definition(order)
    upstream: dict[str, str] = {}
    for image in order:
        upstream[image.name] = next(iter(image.upstreams), "") or next((upstream[name] for name in image.parents), "")
    by_name = {image.name: image for image in order}
    for image in order:
        target = definition["target"][image.name]
        contexts = target.get("contexts", {})
        for name in image.parents:
            # A parent without an upstream image is made of files: its own folder will do.
            parent = f"docker-image://{upstream[name]}" if upstream[name] else str(by_name[name].context)
            contexts[context_key(by_name[name].tag)] = parent
        dropped = ("tags", "output", "cache-from", "cache-to")
        definition["target"][image.name] = {key: target[key] for key in target if key not in dropped}
    return definition


def proof_definition(images: Iterable[Image]) -> dict[str, Any]:
    """A bake file of the same builds that leaves nothing behind: no tag, no image, no cache written elsewhere."""
    definition = bake_definition(images)
    dropped = ("tags", "output", "cache-to")
    for name, target in definition["target"].items():
        kept = {key: target[key] for key in target if key not in dropped}
        definition["target"][name] = {**kept, "output": ["type=cacheonly"]}
    return definition


def _target(image: Image, by_name: Mapping[str, Image], labels: Mapping[str, str]) -> dict[str, Any]:
    links = {context_key(by_name[name].tag): f"target:{name}" for name in image.parents}
    target: dict[str, Any] = {
        **image.options,
        "context": str(image.context),
        "tags": [image.tag, *image.options.get("tags", ())],
        "args": dict(image.args),
        "contexts": {**links, **image.contexts},
        "labels": {**image.options.get("labels", {}), **labels},
        "output": ["type=docker"],
    }
    if image.inline:
        target["dockerfile-inline"] = image.dockerfile.text
    else:
        target["dockerfile"] = str(image.dockerfile.path)
    if image.target:
        target["target"] = image.target
    return {key: value for key, value in target.items() if value not in ({}, [])}


def context_key(tag: str) -> str:
    """BuildKit looks a named context up without `:latest`; any other tag stays part of the key."""
    return tag.removesuffix(":latest")
