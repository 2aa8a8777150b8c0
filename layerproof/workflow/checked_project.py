"""The project as a check sees it: what cannot be read is a finding, and without compose there are Dockerfiles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from layerproof.compose_files import overlay_file
from layerproof.config import load_config
from layerproof.dockerfile import load_dockerfile
from layerproof.engine import Engine
from layerproof.errors import ConfigError, NoComposeFileError
from layerproof.model import Image, Project
from layerproof.references import normalize_reference
from layerproof.workflow.images import OnBroken, base_images, link
from layerproof.workflow.load import load

OVERLAYS = ("cpu", "dev")
_DOCKERFILE = re.compile(r"(?:Dockerfile|Containerfile)(?:\.[\w-]+)?|[\w.-]+\.Dockerfile", re.IGNORECASE)
# error while interpolating services.db.environment.POSTGRES_PASSWORD: required variable PW is missing a value
_REQUIRED = re.compile(r"required variable (?P<name>\w+) is missing")
# Good for a port, a tag and a name.
_STAND_IN = "1"
_SKIPPED = {"node_modules", "vendor", "venv", "target", "dist", "__pycache__"}
_MAX_DEPTH = 5


def load_checked(
    root: Path, *, engine: Engine, environment: Mapping[str, str], profile: str | None, on_broken: OnBroken
) -> tuple[Project, Mapping[str, str]]:
    """
    The project without the overlays that layerproof lays over it itself; and the environment that it was read in, in
    which variables that have to be set (`${PASSWORD:?}`) and are not stand for themselves.

    Raises:
        ConfigError: a compose file or the configuration does not parse.
    """
    while True:
        try:
            project = _load(root, engine=engine, environment=environment, profile=profile, on_broken=on_broken)
            return project, environment
        except ConfigError as error:
            found = _REQUIRED.search(error.message)
            if found is None or found["name"] in environment:
                raise
            environment = {**environment, found["name"]: _STAND_IN}


def _load(
    root: Path, *, engine: Engine, environment: Mapping[str, str], profile: str | None, on_broken: OnBroken
) -> Project:
    try:
        project = load(root, engine=engine, environment=environment, profile=profile, on_broken=on_broken)
    except NoComposeFileError:
        project = _without_compose(root.resolve(), on_broken=on_broken)
        if not project.images and next(_dockerfiles(root, 0), None) is None:
            raise
        return project
    main = without_overlays(project.compose_files)
    if main == project.compose_files:
        return project
    # COMPOSE_FILE names an overlay, such as the CPU's: the rules are about what it is laid over.
    return load(root, engine=engine, environment=naming(main, environment), profile=profile, on_broken=on_broken)


def naming(files: tuple[Path, ...], environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which these are the compose files."""
    return {**environment, "COMPOSE_FILE": os.pathsep.join(map(str, files)), "COMPOSE_PATH_SEPARATOR": os.pathsep}


def without_overlays(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """The compose files without the overlays that layerproof lays over the first one itself."""
    overlays = {overlay_file(files[0], kind) for kind in OVERLAYS}
    return tuple(file for file in files if file not in overlays)


def _without_compose(root: Path, *, on_broken: OnBroken) -> Project:
    """Every Dockerfile below the root as a service of its own, built from the folder that it stands in."""
    config = load_config(root)
    overlay = config.overlay(None)
    bases = base_images(root, config, overlay, built=(), on_broken=on_broken)
    of_bases = {image.dockerfile.path for image in bases}
    images = []
    for path in (path for path in _dockerfiles(root, 0) if path not in of_bases):
        name = re.sub(r"\W+", "-", str(path.relative_to(root))).strip("-")
        try:
            file = load_dockerfile(path, args=overlay.args)
        except ConfigError as error:
            on_broken(name, error)
            continue
        images.append(Image(name, normalize_reference(name.lower()), "service", path.parent, file, None, service=name))
    return Project(root, root.name, (), (), tuple(link([*bases, *images])))


def _dockerfiles(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_file() and _DOCKERFILE.fullmatch(entry.name) and not entry.name.endswith(".dockerignore"):
            yield Path(entry.path)
        skipped = entry.name in _SKIPPED or entry.name.startswith(".")
        if entry.is_dir(follow_symlinks=False) and not skipped and depth < _MAX_DEPTH:
            yield from _dockerfiles(Path(entry.path), depth + 1)
