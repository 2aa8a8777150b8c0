"""How exactly an image reference names an image."""

from __future__ import annotations

import re
from typing import Literal

_MOVING = {"latest", "edge", "nightly", "main", "master", "dev", "rolling", "current", "lts", "mainline", "unstable"}
# What a tag may say beside that, and alone it says nothing either: alpine3.19, slim-bookworm, fpm-alpine, jdk17
_VARIANT = re.compile(
    r"alpine[\d.]*|slim|dev|bookworm|bullseye|buster|trixie|jammy|noble|focal|jdk\d*|jre\d*|fpm|cli|apache|musl|glibc|management"
)
# Of these a suite is the version: debian:bookworm-slim
_BY_SUITE = ("debian", "ubuntu", "buildpack-deps")
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
    name, _, tag = reference.rpartition("/")[2].partition(":")
    if not tag:
        return "names no tag, which means latest"
    return f"has the tag {tag}, which moves on by itself" if _is_moving(name, tag) else ""


def _is_moving(name: str, tag: str) -> bool:
    """Whether a tag says nothing of a version: latest, lts-alpine3.19, slim; not lts-iron, nightly-2024-01-01."""
    first, *rest = tag.lower().split("-")
    if first in _MOVING:
        return all(part in _MOVING or _VARIANT.fullmatch(part) for part in rest)
    # temurin:17-jre has a version; openjdk:jdk17 has one as well, and so has jdk17 alone.
    is_version = any(character.isdigit() for character in first) and not first.startswith("alpine")
    return name not in _BY_SUITE and not is_version and all(_VARIANT.fullmatch(part) for part in (first, *rest))
