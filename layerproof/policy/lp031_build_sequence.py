"""
A script and a CI job build a base before what starts from it.

`docker build` takes a base as it is when it begins. Where the script builds it further down, the image stands on the
base of the run before, and on a new machine the build fails. Commands of one script, one recipe of a make file or one
job are looked at in their order; functions and branches each for themselves.

Bad:
    # job/Dockerfile, of the compose file's service `job`, begins with FROM base-py:latest
    jobs:
      images:
        runs-on: ubuntu-latest
        steps:
          - run: |
              docker compose build
              docker build -t base-py:latest docker/base-py

Good:
    # job/Dockerfile, of the compose file's service `job`, begins with FROM base-py:latest
    jobs:
      images:
        runs-on: ubuntu-latest
        steps:
          - run: |
              docker build -t base-py:latest docker/base-py
              docker compose build

Fix: Move the build of the base up, before the first image that starts from it.

Source: R2 (bases are built explicitly, before what depends on them).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from layerproof.dockerfile import find_stage
from layerproof.model import Image, Project
from layerproof.policy import Breach, PipelinesSubject
from layerproof.policy.ci_builds import CiBuild, find_builds
from layerproof.references import normalize_reference


def check(subject: PipelinesSubject) -> Iterator[Breach]:
    """Each command that builds on what a later one of the same sequence builds."""
    sequences: dict[str, list[CiBuild]] = {}
    for build in find_builds(subject):
        sequences.setdefault(build.sequence, []).append(build)
    for builds in sequences.values():
        done: set[str] = set()
        for at, build in enumerate(builds):
            if build.kind == "bake":
                break  # what a bake file builds is not known here
            yield from _too_early(build, builds[at + 1 :], done, subject.project)
            done |= {image.name for image in _made(build, subject.project)}


def _too_early(build: CiBuild, later: Sequence[CiBuild], done: set[str], project: Project) -> Iterator[Breach]:
    images = _built(build, project)
    own = {image.name for image in images}
    for image in images:
        for other in later:
            made = {each.name: each for each in _made(other, project)}
            missing = next((name for name in image.parents if name in made and name not in (*done, *own)), None)
            if missing:
                base = made[missing].tag
                what = image.service or image.name
                yield build.place, f"{what} starts from {base}, which is built after it, on line {other.place.line}"
                return


def _built(build: CiBuild, project: Project) -> list[Image]:
    """The images of the project that a command builds, whatever it calls them."""
    if build.kind == "compose":
        return _of_compose(build, project)
    tags = {normalize_reference(tag) for tag in build.tags}
    return [image for image in project.images if image.tag in tags] or _by_folder(build, project)


def _made(build: CiBuild, project: Project) -> list[Image]:
    """The images of the project that are there under their tags after a command."""
    images = _built(build, project)
    tags = {normalize_reference(tag) for tag in build.tags}
    unknown = any("$" in tag for tag in tags)
    return [image for image in images if build.kind == "compose" or image.tag in tags or unknown]


def _of_compose(build: CiBuild, project: Project) -> list[Image]:
    known = {file.name for file in project.compose_files}
    if any(Path(file).name not in known for file in build.files):
        return []
    default = [service.name for service in project.services if not service.raw.get("profiles")]
    names = build.names or default
    return [image for image in project.images if image.service and image.service in names]


def _by_folder(build: CiBuild, project: Project) -> list[Image]:
    """The one image that is built from a command's context, Dockerfile and target; none where several may be meant."""
    if not build.context:
        return []
    roots = (project.root, build.place.path.parent)
    contexts = {_path(root, build.context) for root in roots}
    files = {_path(root, build.file) for root in roots} if build.file else {}
    found = [image for image in project.images if image.context in contexts]
    found = [image for image in found if not files or image.dockerfile.path in files]
    found = [image for image in found if _has_target(image, build.target)]
    return found if len({image.tag for image in found}) == 1 else []


def _path(root: Path, name: str) -> Path:
    return Path(posixpath.normpath(posixpath.join(root, name)))


def _has_target(image: Image, target: str) -> bool:
    return find_stage(image.dockerfile, image.target) == find_stage(image.dockerfile, target or None)
