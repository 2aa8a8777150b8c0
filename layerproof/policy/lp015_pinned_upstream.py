"""
An image from outside the project is named with a version, or by its digest.

A tag such as `latest` is another image next week: a build that worked breaks without a change here, and everything on
top of it runs again. With `pin = "digest"` in [tool.layerproof.policy] each has to be named by its digest.

Distroless and Chainguard images have no tags that say a version; a digest is asked for only where it is configured.

Bad:
    FROM node:latest AS build
    COPY --from=ghcr.io/astral-sh/uv /uv /bin/

Good:
    FROM node:20.11-slim AS build
    COPY --from=ghcr.io/astral-sh/uv:0.8.4 /uv /bin/

Fix: Name the version in the tag, or add the digest that `docker buildx imagetools inspect` shows.

Source: R2 (what everything stands on changes only when it is changed here).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.dockerfile import copied_from, find_stage, reachable_stages
from layerproof.model import Stage
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.pins import unpinned

_IMAGE_CONTEXT = "docker-image://"


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each line that names an upstream image which may be another one tomorrow."""
    image = subject.image
    for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
        for line, name in _references(stage):
            reference = _upstream(subject, stage, name)
            if reference and (wrong := unpinned(reference, subject.config.policy.pin)):
                yield line, f"{reference}{'' if reference == name else f' (named context {name})'} {wrong}"


def _references(stage: Stage) -> Iterator[tuple[int, str]]:
    yield stage.line, stage.base
    for instruction in stage.instructions:
        for name in dict.fromkeys(copied_from(instruction)):
            yield instruction.line, name


def _upstream(subject: BuildSubject, stage: Stage, name: str) -> str:
    """The image from outside that a name means; "" for a stage, a folder, an image of the project, and `scratch`."""
    image = subject.image
    context = image.contexts.get(name)
    if context is not None:
        reference = context.removeprefix(_IMAGE_CONTEXT) if context.startswith(_IMAGE_CONTEXT) else ""
    else:
        reference = "" if find_stage(image.dockerfile, name, before=stage) else name
    is_index = reference.isdigit()  # of a stage that is not there: BuildKit says so
    return reference if reference in image.upstreams and "$" not in reference and not is_index else ""
