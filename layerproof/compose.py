"""The document of `docker compose config --format json` to services and their builds; and which files make it up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from layerproof.errors import ConfigError, NoComposeFileError
from layerproof.model import Port, Service
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


def find_compose_files(
    root: Path, *, configured: str, environment: Mapping[str, str], dotenv: Mapping[str, str] | None = None
) -> tuple[Path, ...]:
    """
    The compose files that make up the project, main file first: those that COMPOSE_FILE names, else those of the
    configuration, else those of `.env`, else what Compose itself takes in the root, else the only one further down.

    Args:
        configured: `compose-file` of the configuration; "" for none.
        environment: where COMPOSE_FILE and COMPOSE_PATH_SEPARATOR are looked up.
        dotenv: the variables of `.env`, where they are looked up too.

    Raises:
        ConfigError: one that is named does not exist; NoComposeFileError: none is named, and not exactly one is found.
    """
    dotenv = dotenv or {}
    listed = environment.get("COMPOSE_FILE") or configured or dotenv.get("COMPOSE_FILE", "")
    if listed:
        variable = "COMPOSE_PATH_SEPARATOR"
        separator = environment.get(variable) or dotenv.get(variable) or ":"
        files = [Path(os.path.normpath(root / name)) for name in listed.split(separator) if name]
        for file in files:
            if not is_regular_file(file):
                hint = "Check --file, COMPOSE_FILE and compose-file in the configuration."
                raise ConfigError(f"{file}: there is no such compose file", hint=hint)
        if files:
            return tuple(files)
    return _main_in(root) or _only_below(root)


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
    overlay = main.with_name(f"{main.stem}.{kind}{main.suffix}")
    return overlay if overlay.is_file() else None


def parse_services(document: Mapping[str, Any]) -> tuple[Service, ...]:
    """
    The services of a resolved compose document, in the document's order.

    Args:
        document: what `docker compose config --format json` printed: paths absolute, short syntax expanded.
    """
    project = str(document.get("name", ""))
    return tuple(_service(name, body or {}, project) for name, body in (document.get("services") or {}).items())


def gpu_devices(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The GPUs that a service's body reserves, under `deploy` or, the short form, under `gpus`."""
    resources = (body.get("deploy") or {}).get("resources") or {}
    devices = (resources.get("reservations") or {}).get("devices") or ()
    return [*(device for device in devices if "gpu" in (device.get("capabilities") or ())), *(body.get("gpus") or ())]


def mount_at(body: Mapping[str, Any], target: str) -> Mapping[str, Any] | None:
    """What a service's body mounts at a path of its container; None where nothing is mounted right there."""
    wanted = PurePosixPath(target)
    return next((each for each in body.get("volumes") or () if PurePosixPath(each.get("target", "")) == wanted), None)


def environment_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The environment that Compose gives a service; what the image sets by itself is not in it."""
    return {name: str(value) for name, value in (body.get("environment") or {}).items() if value is not None}


def jobs(services: Iterable[Service]) -> frozenset[str]:
    """The names of the services that end by themselves: others wait for their end, or nothing starts them again."""
    found = set()
    for service in services:
        for name, dependency in (service.raw.get("depends_on") or {}).items():
            if (dependency or {}).get("condition") == "service_completed_successfully":
                found.add(name)
        is_run_once = service.raw.get("restart") == "no" and service.raw.get("command")
        if is_run_once and not service.raw.get("ports"):
            found.add(service.name)
    return frozenset(found)


def _service(name: str, body: Mapping[str, Any], project: str) -> Service:
    return Service(
        name=name,
        # Compose's own default name for a service that is built and has no `image`.
        image=body.get("image") or f"{project}-{name}",
        build=body.get("build"),
        ports=tuple(_port(port) for port in body.get("ports") or () if port.get("protocol", "tcp") == "tcp"),
        gpu=bool(gpu_devices(body)),
        raw=body,
    )


def _port(port: Mapping[str, Any]) -> Port:
    published = str(port.get("published") or "0").partition("-")[0]
    return Port(str(port.get("host_ip") or ""), int(published), int(port["target"]))
