"""Look at the files that services need when they run and no image carries: are they there, are they the right ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from layerproof.compose import environment_of, mount_at
from layerproof.engine.install import Say
from layerproof.errors import ConfigError, LayerproofError, UsageError
from layerproof.model import Check, Project, Service, WeightsReport
from layerproof.settings import Config, WeightsConfig
from layerproof.weights import (
    LOCK_NAME,
    Digest,
    Found,
    HashWatcher,
    Lock,
    Manifest,
    check_digest,
    check_size,
    parse_manifest,
    render_variables,
    shown_folder,
)
from layerproof.workflow.load import check_names
from layerproof.workflow.weight_files import WRITE_HINT, add_to_lock, find, load_lock, read_digests

NAMED_FILES = 4


class Place(Struct, frozen=True):
    """The weights of one service: what it needs, where it finds it, and what was recorded there."""

    service: str
    folder: Path
    manifest: Manifest
    lock: Lock
    environment: Mapping[str, str]


def check_weights(
    project: Project,
    *,
    config: Config,
    services: Collection[str] = (),
    record: bool = False,
    watcher: HashWatcher,
    say: Say,
) -> tuple[WeightsReport, ...]:
    """
    Check every file by its bytes, service by service.

    Args:
        services: look at these only; none means every service that names weights.
        record: write the size and hash of files that nothing is known of into the lock beside them.

    Raises:
        UsageError: a service that does not exist, or one that names no weights.
        ConfigError: a manifest, a lock or the mount cannot be used; a file cannot be read, or changes meanwhile; the
            folder in which something is to be recorded does not exist or cannot be written.
    """
    places = [load_place(project, name, config=config) for name in select_services(project, config, services)]
    reports = [look(place) for place in places]
    new = [_recordable(report) if record else () for report in reports]
    for report, paths in zip(reports, new, strict=True):
        if paths:
            say(
                f"{report.service}: trusting {len(paths)} of the files in {shown_folder(report.folder, project.root)}"
                f" as they are now: {LOCK_NAME} gets their size and hash, and any other content is refused"
                " from then on"
            )
    readable = {
        report.folder / check.file.path: check.size_bytes or 0
        for report, paths in zip(reports, new, strict=True)
        for check in report.checks
        if check.state == "ok" or check.file.path in paths
    }
    digests = read_digests(readable, watcher=watcher)
    return tuple(
        _judge(report, place.lock, paths, digests) for report, place, paths in zip(reports, places, new, strict=True)
    )


def check_presence(project: Project, *, config: Config) -> Iterator[Check]:
    """One line for each service that names weights, from names and sizes only: nothing is read, whatever its size."""
    for name in select_services(project, config):
        try:
            report = look(load_place(project, name, config=config))
        except LayerproofError as error:
            yield Check(f"{name}: weights", "failed", error.message, error.hint)
        else:
            yield _presence(report, project.root)


def _presence(report: WeightsReport, root: Path) -> Check:
    title, folder, total = f"{report.service}: weights", shown_folder(report.folder, root), len(report.checks)
    text = f"{sum(check.state == 'ok' for check in report.checks)} of {total} files in {folder}"
    wanted = render_variables(report.when)
    if report.complete:
        # Without a note the line would say more than was looked at.
        return Check(title, "ok", f"{text}, by name and size; inv weights reads them")
    if report.needed:
        reason = f"{wanted} needs all of them" if wanted else "it needs all of them"
        return Check(title, "failed", f"{text}; {reason}", f"{_summary(report)}. inv weights says where to get each.")
    if not report.folder_exists:
        detail = f"{folder} does not exist; only {wanted} needs its {total} files (inv weights)"
        return Check(
            title, "warning", detail, "Make it: Docker does not start the service without it, or makes it as root."
        )
    return Check(title, "ok", f"{text}; only {wanted} needs them (inv weights)")


def select_services(project: Project, config: Config, services: Collection[str] = ()) -> tuple[str, ...]:
    """
    The services to look at: these, or every one that names weights, in the project's order.

    Raises:
        UsageError: a service that does not exist, or one that names no weights.
    """
    check_names(services, [service.name for service in project.services], kind="service")
    having = [service.name for service in project.services if config.service(service.name).weights]
    for name in services:
        if name not in having:
            raise UsageError(
                f"{name} names no weights (those that do: {', '.join(having) or 'none'})",
                hint=f"Set manifest and mount in [tool.layerproof.services.{name}.weights], or name another service.",
            )
    return tuple(name for name in having if not services or name in services)


def load_place(project: Project, name: str, *, config: Config) -> Place:
    """
    Find the folder of a service's weights, and read its manifest and its lock.

    Raises:
        ConfigError: one of the three cannot be used.
    """
    service = next(service for service in project.services if service.name == name)
    settings = config.service(name).weights
    if settings is None:
        raise UsageError(f"{name} names no weights")
    manifest = _load_manifest(project.root / settings.manifest)
    folder = _folder(project, service, settings)
    given = environment_of(service.raw)
    environment = {variable: given[variable] for variable in manifest.when if variable in given}
    return Place(name, folder, manifest, load_lock(folder), environment)


def look(place: Place) -> WeightsReport:
    """
    Judge every file by its name and size; "ok" means that nothing speaks against it so far.

    Raises:
        ConfigError: a file may not be looked at.
    """
    checks = tuple(check_size(file, find(place.folder, file.path), place.lock) for file in place.manifest.files)
    exists = place.folder.is_dir()
    return WeightsReport(place.service, place.folder, exists, place.manifest.when, place.environment, checks)


def _load_manifest(path: Path) -> Manifest:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such manifest", hint="Check `manifest` of the service's weights in pyproject.toml."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable UTF-8 file.") from error
    return parse_manifest(text, path=path)


def _folder(project: Project, service: Service, settings: WeightsConfig) -> Path:
    """What the compose file mounts where the service finds its weights."""
    mounted = mount_at(service.raw, settings.mount)
    files = ", ".join(path.name for path in project.compose_files)
    if mounted is None or mounted.get("type") != "bind":
        named = f" ({mounted['source']})" if mounted and mounted.get("source") else ""
        what = "nothing" if mounted is None else f"a {mounted['type']}{named}"
        raise ConfigError(
            f"{files}: {service.name} mounts {what} at {settings.mount}, where its weights belong; a folder is needed",
            hint=f"Mount a folder of this machine in its `volumes`, such as ./weights:{settings.mount}:ro; or mend "
            f"`mount` in [tool.layerproof.services.{service.name}.weights].",
        )
    folder = Path(mounted["source"])
    if folder.exists() and not folder.is_dir():
        raise ConfigError(
            f"{folder}, which {service.name} mounts at {settings.mount}, is no folder",
            hint=f"Mount the folder that holds the weights ({files}).",
        )
    return folder


def _recordable(report: WeightsReport) -> tuple[str, ...]:
    """
    The paths of the files that nothing is known of, before any is read.

    Raises:
        ConfigError: the folder does not exist, or there is something to record and it cannot be written.
    """
    if not report.folder_exists:
        raise ConfigError(
            f"{report.folder}: there is no such folder, so nothing of {report.service} can be recorded",
            hint="Make it and put the files there; inv weights says where to get them.",
        )
    paths = tuple(check.file.path for check in report.checks if check.state == "not recorded")
    if paths and not os.access(report.folder, os.W_OK):
        raise ConfigError(f"{report.folder / LOCK_NAME}: cannot be written", hint=WRITE_HINT)
    return paths


def _judge(report: WeightsReport, lock: Lock, new: Collection[str], digests: Mapping[Path, Digest]) -> WeightsReport:
    """The report with what the bytes say; what is new is recorded on the way."""
    entries = {path: digests[report.folder / path] for path in new}
    known = add_to_lock(report.folder, entries) if entries else lock
    checks = tuple(
        check_digest(check_size(check.file, Found(digest.size_bytes), known), digest, known)
        if (digest := digests.get(report.folder / check.file.path))
        else check
        for check in report.checks
    )
    return replace(report, checks=checks, recorded=tuple(path for path in entries if known[path] == entries[path]))


def _summary(report: WeightsReport) -> str:
    """`missing: a, b and 2 more; not recorded: c`."""
    paths: dict[str, list[str]] = {}
    for check in report.checks:
        if check.state != "ok":
            paths.setdefault(check.state, []).append(check.file.path)
    return "; ".join(
        f"{state}: {', '.join(names[:NAMED_FILES])}"
        + (f" and {len(names) - NAMED_FILES} more" if len(names) > NAMED_FILES else "")
        for state, names in paths.items()
    )
