"""
What a service is built from lies in the repository.

A build context, a Dockerfile or a named context outside the repository is not what was reviewed or tagged: another
checkout builds another image or none, and CI, which clones one repository, has nothing there. Folders that stand
beside the compose file's own folder in the same repository are fine, and so are addresses, which say their version.

Bad:
    services:
      api:
        build:
          context: ../other-repository

Good:
    services:
      api:
        build:
          context: ./api
          additional_contexts:
            proto: https://github.com/example/proto.git#v1.4.0

Fix: Move it into the repository, or name it as a Git address with a tag or commit.

Source: R6 (a service is built from its own folder of the monorepo).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, Keys

# /mnt/c/Users/me/app, which LP008 tells
_WINDOWS = re.compile(r"^/mnt/[a-z](/|$)")


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each path outside; the Dockerfile of a context that is outside already is not told again."""
    for service in subject.project.services:
        outside: list[str] = []
        for keys, what, path in _paths(service):
            is_told = any(_is_in(path, folder) for folder in outside)
            windows = _WINDOWS.match(path) is not None and not subject.config.allow_mnt
            if not _is_in(path, str(subject.repository)) and not is_told and not windows:
                yield keys, f"{what} of {service.name} is {path}, outside the repository {subject.repository}"
            outside += [path] if not _is_in(path, str(subject.repository)) and what == "the build context" else []


def _paths(service: Service) -> Iterator[tuple[Keys, str, str]]:
    """What a build reads of this machine, as Compose resolved it: where it is said, what it is, its absolute path."""
    build = service.build or {}
    keys: Keys = ("services", service.name, "build")
    context = str(build.get("context") or "")
    if context.startswith("/"):
        yield (*keys, "context"), "the build context", posixpath.normpath(context)
        if build.get("dockerfile"):
            path = posixpath.normpath(posixpath.join(context, str(build["dockerfile"])))
            yield (*keys, "dockerfile"), "the Dockerfile", path
    for name, value in (build.get("additional_contexts") or {}).items():
        if str(value).startswith("/"):
            path = posixpath.normpath(str(value))
            yield (*keys, "additional_contexts", name), f"the named context {name}", path


def _is_in(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)
