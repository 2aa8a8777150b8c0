"""How exactly an image reference names an image."""

from __future__ import annotations

import re
from typing import Literal

_MOVING = {"latest", "edge", "nightly", "main", "master", "dev", "rolling", "current", "lts", "unstable"}
# What a tag may say beside that: alpine3.19, slim, bookworm, jdk17
_VARIANT = re.compile(r"alpine[\d.]*|slim|dev|bookworm|bullseye|buster|trixie|jammy|noble|focal|jdk\d*|jre\d*")
# node:alpine is whatever Node is the newest.
_VARIANTS_ALONE = {"alpine", "slim"}
_WITHOUT_VERSIONS = ("gcr.io/distroless/", "cgr.dev/chainguard/")


def unpinned(reference: str, pin: Literal["tag", "digest"]) -> str:
    """Why a reference may be another image tomorrow, as the end of a sentence; "" where it is exact enough."""
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
    return f"has the tag {tag}, which moves on by itself" if is_moving(tag) else ""


def is_moving(tag: str) -> bool:
    """Whether a tag says nothing of a version: latest, lts-alpine3.19, slim; not lts-iron, nightly-2024-01-01."""
    first, *rest = tag.lower().split("-")
    if first in _MOVING:
        return all(part in _MOVING or _VARIANT.fullmatch(part) for part in rest)
    return {first, *rest} <= _VARIANTS_ALONE
