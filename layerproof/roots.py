"""Which folder is the project's root, for a command that runs somewhere in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from layerproof.compose_files import DEFAULT_NAMES, compose_candidates, find_compose_files, read_dotenv
from layerproof.config_file import PYPROJECT, STANDALONE, configured_compose_file
from layerproof.errors import ConfigError
from layerproof.paths import is_folder, is_regular_file


def find_root(here: Path) -> Path:
    """
    The nearest folder upwards that holds a configuration or a compose file. Where that is a compose file only, and
    folders above it in the same repository mean this file (`infra/` below a root without one), it is the topmost of
    these: the same wherever in the project a command runs.

    Where no folder upwards holds either: the one with a compose file below it, else the top of the repository, else
    `here`.
    """
    here = here.resolve()
    above = (here, *here.parents)
    nearest = next((folder for folder in above if _is_configured(folder) or _has_compose_file(folder)), None)
    inside = tuple(_up_to_top(here))
    if nearest is None:
        first = next((folder for folder in inside if compose_candidates(folder)), None)
        if first is None:
            return inside[-1] if inside else here
        main = compose_candidates(first)[0].parent
    elif _is_configured(nearest):
        return nearest
    else:
        first = main = nearest
    further = [folder for folder in first.parents if folder in inside or (not inside and _is_configured(folder))]
    return next((folder for folder in reversed(further) if _means(folder, main)), first)


def naming_files(environment: Mapping[str, str], files: Sequence[str | Path], *, root: Path) -> dict[str, str]:
    """An environment in which these are the compose files; relative ones mean the same files in a copy of the root."""
    names = [os.path.relpath(file, root) for file in files]
    return {**environment, "COMPOSE_FILE": os.pathsep.join(names), "COMPOSE_PATH_SEPARATOR": os.pathsep}


def _is_configured(folder: Path) -> bool:
    """By its text: a file with a mistake in it is this project's as well."""
    if is_regular_file(folder / STANDALONE):
        return True
    try:
        return "[tool.layerproof" in (folder / PYPROJECT).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _has_compose_file(folder: Path) -> bool:
    if any(is_regular_file(folder / name) for name in DEFAULT_NAMES):
        return True
    return bool(read_dotenv(folder).get("COMPOSE_FILE"))


def _up_to_top(here: Path) -> Iterator[Path]:
    """The folders from one up to the top of its repository; none outside of a repository."""
    folders = (here, *here.parents)
    top = next((folder for folder in folders if _is_top(folder)), None)
    if top is not None:
        yield from folders[: folders.index(top) + 1]


def _is_top(folder: Path) -> bool:
    """A work tree of git has a folder `.git`, a worktree or a submodule a file."""
    return is_folder(folder / ".git") or is_regular_file(folder / ".git")


def _means(folder: Path, nearest: Path) -> bool:
    """Whether the project in a folder is made of a compose file in another one."""
    try:
        files = find_compose_files(folder, configured=configured_compose_file(folder), environment={})
    except ConfigError:
        return False
    return files[0].parent.resolve() == nearest
