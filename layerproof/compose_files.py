"""Which compose files make up a project. Importing it must stay cheap: every task begins with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from layerproof.errors import ConfigError, NoComposeFileError
from layerproof.paths import is_regular_file

# Compose's own search order (compose-go cli/options.go); any override goes with any main file.
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
# docker-compose.prod.yml, compose-dev.yaml
_VARIANT = re.compile(r"(docker-)?compose[.-][\w.-]+\.ya?ml")
# Folders whose compose files are not the project's own.
_NO_PROJECT = re.compile(
    r"\.|_|tests?$|testing$|e2e$|examples?$|samples?$|fixtures$|docs?$|node_modules$|vendor$|venv$|target$|dist$|build$",
    re.IGNORECASE,
)
MAX_DEPTH = 3


def read_dotenv(root: Path) -> dict[str, str]:
    """The variables of `.env`, where Compose looks for COMPOSE_FILE too."""
    path = root / ".env"
    if not is_regular_file(path):
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None}


def find_compose_files(
    root: Path, *, configured: str, environment: Mapping[str, str], overlays: Sequence[str] = ()
) -> tuple[Path, ...]:
    """
    The compose files that make up the project, main file first: those that COMPOSE_FILE names, else those of the
    configuration, else those of `.env`, else what Compose itself takes in the root, else the only one further down.

    Args:
        configured: `compose-file` of the configuration; "" for none.
        environment: where COMPOSE_FILE and COMPOSE_PATH_SEPARATOR are looked up before `.env` is.
        overlays: kinds of overlay files to lay over the main one (`cpu`, `dev`).

    Raises:
        ConfigError: one that is named does not exist; NoComposeFileError: none is named, and not exactly one is found.
    """
    files = _named(root, configured=configured, environment=environment) or _main_in(root) or _only_below(root)
    return (*files, *(_existing_overlay(files[0], kind) for kind in overlays))


def _named(root: Path, *, configured: str, environment: Mapping[str, str]) -> tuple[Path, ...]:
    dotenv = read_dotenv(root)
    listed = environment.get("COMPOSE_FILE") or configured or dotenv.get("COMPOSE_FILE", "")
    variable = "COMPOSE_PATH_SEPARATOR"
    separator = environment.get(variable) or dotenv.get(variable) or ":"
    files = tuple(Path(os.path.normpath(root / name)) for name in listed.split(separator) if name)
    for file in files:
        if not is_regular_file(file):
            hint = "Check --file, COMPOSE_FILE and compose-file in the configuration."
            raise ConfigError(f"{file}: there is no such compose file", hint=hint)
    return files


def _main_in(folder: Path) -> tuple[Path, ...]:
    """The file that Compose takes in a folder, with its override; none where there is none."""
    for name in DEFAULT_NAMES:
        main = folder / name
        if is_regular_file(main):
            overrides = [folder / name for name in _OVERRIDE_NAMES if is_regular_file(folder / name)]
            return (main, *overrides[:1])
    return ()


def _only_below(root: Path) -> tuple[Path, ...]:
    found = compose_candidates(root)
    if len(found) == 1:
        return _main_in(found[0].parent) or found
    if found:
        names = [os.path.relpath(path, root) for path in found]
        raise NoComposeFileError(
            f"{root}: several compose files could be meant: {', '.join(names)}",
            hint=f"Name it: layerproof --file {names[0]} ..., COMPOSE_FILE={names[0]}, or compose-file ="
            f' "{names[0]}" in the configuration; several that belong together are joined by colons.',
        )
    raise NoComposeFileError(
        f"{root}: no compose file ({', '.join(DEFAULT_NAMES)}), neither here nor in a folder below",
        hint="Run from the project's folder, or name the file: --file, COMPOSE_FILE, or compose-file in the"
        " configuration.",
    )


def compose_candidates(root: Path) -> tuple[Path, ...]:
    """
    The compose files that the project in a folder may mean where there is none of Compose's own names: files such as
    docker-compose.prod.yml in it, and one for each folder below. Hidden folders, what tools install, tests and examples
    are passed over.
    """
    return tuple(_candidates(root, 0))


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
        variants = [Path(entry.path) for entry in entries if _VARIANT.fullmatch(entry.name) and entry.is_file()]
        yield from _main_in(folder)[:1] or variants
        for entry in entries if depth < MAX_DEPTH else ():
            if entry.is_dir(follow_symlinks=False) and not _NO_PROJECT.match(entry.name):
                yield from _candidates(Path(entry.path), depth + 1)


def overlay_file(main: Path, kind: str) -> Path | None:
    """The overlay beside the main compose file, `docker-compose.<kind>.yml`; None where there is none."""
    overlay = _overlay_name(main, kind)
    return overlay if overlay.is_file() else None


def _existing_overlay(main: Path, kind: str) -> Path:
    found = overlay_file(main, kind)
    if found is None:
        raise ConfigError(f"{_overlay_name(main, kind)}: there is no such overlay")
    return found


def _overlay_name(main: Path, kind: str) -> Path:
    return main.with_name(f"{main.stem}.{kind}{main.suffix}")
