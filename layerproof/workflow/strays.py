"""Ignore files that look as if they held for a build context, and do not."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from layerproof import context
from layerproof.model import Image, Project

_DOCKERFILES = ("Dockerfile*", "*.Dockerfile", "*.dockerfile", "Containerfile*")
_COMPOSE_FILES = ("*compose*.yml", "*compose*.yaml")


class Strays:
    """Finds them for one context after the other; what holds for any build of the project is none."""

    def __init__(self, project: Project) -> None:
        images = project.images
        self._root = project.root
        self._holding = {context.ignore_file_of(image.dockerfile.path, image.context) for image in images}
        # BuildKit reads the one at the top of a named context as well.
        self._contexts = {image.context for image in images}
        self._contexts |= {Path(value) for image in images for value in image.contexts.values()}
        self._dockerfiles = {image.dockerfile.path.resolve() for image in images}

    def of(self, folder: Path, held: Path, images: Collection[Image]) -> Iterator[Path]:
        """
        Those of one context.

        Args:
            held: the ignore file that holds for it, or would.
            images: what is built from it.
        """
        dockerfiles = [image.dockerfile.path.resolve() for image in images if not image.inline]
        folders = [folder, *sorted({path.parent for path in dockerfiles}), *_folders(folder)]
        if not held.is_file():
            folders.append(self._root)
        others = self._contexts - {folder}
        candidates = [found / ".dockerignore" for found in folders if found not in others]
        # One that has the name of a Dockerfile that stands elsewhere.
        elsewhere = [path.name for path in dockerfiles if not (folder / path.name).exists()]
        candidates += [folder / f"{name}.dockerignore" for name in elsewhere]
        for path in dict.fromkeys(candidates):
            if path.is_file() and path != held and path not in self._holding and not self._is_for_another(path):
                yield path

    def _is_for_another(self, ignore_file: Path) -> bool:
        """Whether something beside an ignore file is built that this project does not build."""
        folder = ignore_file.parent
        found = {path for pattern in _DOCKERFILES for path in folder.glob(pattern) if path.suffix != ".dockerignore"}
        composed = [path for pattern in _COMPOSE_FILES for path in folder.glob(pattern)]
        unknown = any(path.resolve() not in self._dockerfiles for path in found)
        return unknown or (folder != self._root and bool(composed))


def _folders(folder: Path) -> list[Path]:
    """The folders right below one; hidden and installed ones never hold an ignore file of a project."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return [folder / name for name in sorted(names) if not name.startswith(".") and name != "node_modules"]
