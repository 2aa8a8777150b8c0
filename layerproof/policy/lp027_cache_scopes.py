"""
No two images write their CI cache to the same place.

`cache-to` replaces what is there: of two images with one scope (`type=gha` has the scope `buildkit` where none is
said), one registry reference or one folder, only the last one to end has a cache in the next run, and which one that
is changes from run to run (moby/buildkit#2885). In a matrix the place has to name what the image varies with. The same
build in two workflows may share a place.

Bad:
    jobs:
      images:
        runs-on: ubuntu-latest
        steps:
          - uses: docker/build-push-action@v6
            with: {context: ./web, cache-to: "type=gha,mode=max"}
          - uses: docker/build-push-action@v6
            with: {context: ./api, cache-to: "type=gha,mode=max"}

Good:
    jobs:
      images:
        runs-on: ubuntu-latest
        steps:
          - uses: docker/build-push-action@v6
            with: {context: ./web, cache-to: "type=gha,mode=max,scope=web"}
          - uses: docker/build-push-action@v6
            with: {context: ./api, cache-to: "type=gha,mode=max,scope=api"}

Fix: Give each image a scope (or reference, or folder) of its own in cache-to, and the same one in cache-from.

Source: R19 (cache export and import per image).
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator

from layerproof.model import Image
from layerproof.policy import Breach, PipelinesSubject, Place
from layerproof.policy.cache_places import cache_place, has_variable
from layerproof.policy.ci_builds import CacheTarget, CiBuild, find_builds

# ${{matrix.image}}, ${{matrix.app.name}}
_MATRIX = re.compile(r"\$\{\{[^}]*\bmatrix\.(\w+)")


def check(subject: PipelinesSubject) -> Iterator[Breach]:
    """Each later image that writes where another one does; each step whose many images write to one place."""
    first: dict[str, tuple[CiBuild, str, Place]] = {}
    for build in find_builds(subject):
        for cache in build.caches:
            place = cache_place(cache.text)
            if not place:
                continue
            one_place = f'{place}: "{cache.text}" says no other'
            if _is_matrix(build, cache):
                yield cache.place, f"every image of the matrix writes its cache to {one_place}"
                continue
            if build.kind == "bake" and _is_many(build, cache, subject):
                yield cache.place, f"every target writes its cache to {one_place}"
                continue
            name = _name(build, cache)
            other, other_name, there = first.setdefault(_key(place, build), (build, name, cache.place))
            if name and other_name and name != other_name and build.kind == other.kind:
                where = f"line {there.line}"
                if there.path != cache.place.path:
                    where = f"{os.path.relpath(there.path, subject.project.root)}:{there.line}"
                yield cache.place, f"the cache of {name} takes the place of the one of {other_name} ({where}): {place}"
    yield from _of_compose(subject)


def _key(place: str, build: CiBuild) -> str:
    """What says that two places are one: folders and unknown variables mean the same within one job only."""
    is_of_job = place.startswith("folder ") or has_variable(place)
    return f"{build.job} {place}" if is_of_job else place


def _name(build: CiBuild, cache: CacheTarget) -> str:
    """What is built: equal for the same build, "" where it is not known."""
    if build.kind == "bake":
        target = build.names[0] if cache.target == "*" and len(build.names) == 1 else cache.target
        return "" if "*" in target else target
    file = posixpath.normpath(build.file or posixpath.join(build.context, "Dockerfile"))
    shown = build.context if file == posixpath.normpath(posixpath.join(build.context, "Dockerfile")) else file
    shown = shown if shown == file or shown in (build.context, ".") else f"{shown} in {build.context}"
    name = shown if not build.target else f"{shown} (target {build.target})"
    return "" if "$" in f"{build.context}{file}{build.target}" or not build.context else name


def _is_matrix(build: CiBuild, cache: CacheTarget) -> bool:
    """Whether the image varies with the matrix and the place of its cache cannot."""
    text = " ".join((build.context, build.file, build.target, build.variant, *build.tags, *build.names))
    names = set(_MATRIX.findall(text))
    varies = bool(names & build.varying) or (bool(names) and "*" in build.varying)
    return varies and not has_variable(cache.text)


def _is_many(build: CiBuild, cache: CacheTarget, subject: PipelinesSubject) -> bool:
    """Whether `*` stands for several images: those named, or those of the compose files."""
    if cache.target != "*" or has_variable(cache.text):
        return False
    names = {file.name for file in subject.project.compose_files}
    is_of_compose = not build.files or all(posixpath.basename(file) in names for file in build.files)
    tags = {image.tag for image in subject.project.images if image.role == "service"}
    return len(set(build.names)) > 1 or (not build.names and is_of_compose and len(tags) > 1)


def _of_compose(subject: PipelinesSubject) -> Iterator[Breach]:
    """Services whose `build.cache_to` is that of another one."""
    first: dict[str, Image] = {}
    for image in (image for image in subject.project.images if image.service):
        for entry in image.options.get("cache-to") or ():
            place = cache_place(str(entry))
            other = first.setdefault(place, image) if place else image
            if other.tag != image.tag and _made_of(other) != _made_of(image):
                message = f"the cache of {image.service} takes the place of the one of {other.service}: {place}"
                yield ("services", image.service, "build", "cache_to"), message


def _made_of(image: Image) -> tuple[object, ...]:
    return image.context, image.dockerfile.path, image.dockerfile.text, image.target
