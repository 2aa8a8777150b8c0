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

import re
from collections.abc import Iterator

from layerproof.dockerfile import copied_from, find_stage, reachable_stages
from layerproof.model import Stage
from layerproof.policy import Breach, BuildSubject

_MOVING = {"latest", "edge", "nightly", "main", "master", "dev", "rolling", "current", "lts", "unstable"}
# What a tag may say beside that: alpine3.19, slim, bookworm, jdk17
_VARIANT = re.compile(r"alpine[\d.]*|slim|dev|bookworm|bullseye|buster|trixie|jammy|noble|focal|jdk\d*|jre\d*")
# node:alpine is whatever Node is the newest.
_VARIANTS_ALONE = {"alpine", "slim"}
_WITHOUT_VERSIONS = ("gcr.io/distroless/", "cgr.dev/chainguard/")
_IMAGE_CONTEXT = "docker-image://"


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each line that names an upstream image which may be another one tomorrow."""
    image = subject.image
    for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts):
        for line, name in _references(stage):
            reference = _upstream(subject, stage, name)
            if reference and (wrong := _wrong_with(reference, subject.config.policy.pin)):
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
    return reference if reference in image.upstreams and "$" not in reference else ""


def _wrong_with(reference: str, pin: str) -> str:
    """Why it is not exact enough; "" where it is."""
    if "@" in reference:
        return ""
    without_versions = reference.startswith(_WITHOUT_VERSIONS)
    if pin == "digest":
        return f"names no digest{', and its tags say no version' if without_versions else ''}"
    if without_versions:
        return ""
    tag = reference.rpartition("/")[2].partition(":")[2]
    if not tag:
        return "names no tag, which means latest"
    return f"has the tag {tag}, which moves on by itself" if _moves(tag) else ""


def _moves(tag: str) -> bool:
    """Whether a tag says nothing of a version: latest, lts-alpine3.19, slim; not lts-iron, nightly-2024-01-01."""
    first, *rest = tag.lower().split("-")
    if first in _MOVING:
        return all(part in _MOVING or _VARIANT.fullmatch(part) for part in rest)
    return {first, *rest} <= _VARIANTS_ALONE
