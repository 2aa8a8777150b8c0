"""Stand-ins for the upstream images that a project names, for machines that reach no image registry."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from layerproof.config import load_config
from layerproof.context import load_context
from layerproof.engine import Engine, ImageInfo, install, process
from layerproof.engine.install import Say
from layerproof.errors import BuildError, ConfigError, NoEngineError, UsageError
from layerproof.graph import pulled_services
from layerproof.model import LabResult, Project
from layerproof.paths import STATE_FOLDER
from layerproof.progress import BuildLog, BuildWatcher, failed_vertices
from layerproof.references import normalize_reference
from layerproof.settings import profile_names
from layerproof.workflow.build import LAB_LABEL, is_stand_in

RECIPE_LABEL = "dev.layerproof.lab.recipe"
PROFILE = "lab"
ROOT_PACKAGES = ("ca-certificates", "netbase", "tzdata", "usr-is-merged")
# What the official slim images leave out as well.
SLIM_PATHS = (
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
)
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# dial tcp: lookup registry on ...: no such host; net/http: TLS handshake timeout; connect: connection refused
_UNREACHABLE = re.compile(
    r"no such host|server misbehaving|dial tcp|timeout|timed out|no answer after|connection refused|unreachable"
    r"|proxyconnect|TLS handshake|x509|EOF"
)


class StandIn(Struct, frozen=True):
    """One upstream reference and what the lab can do for it; `needs` are references its recipe starts from."""

    reference: str
    recipe: Path | None
    suite: str
    args: Mapping[str, str]
    needs: tuple[str, ...] = ()


def upstream_references(project: Project) -> tuple[str, ...]:
    """Every image that the project's Dockerfiles and compose file take from a registry; sorted."""
    named = {name for image in project.images for name in image.upstreams}
    named |= {service.image for service in pulled_services(project)}
    return tuple(sorted(normalize_reference(name) for name in named))


def lab_folder(project: Project) -> Path:
    """The folder of the project's recipes, which may lie in the repository around it; it need not exist."""
    return (project.root / load_config(project.root).lab).resolve()


def load_recipes(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """The recipes of `lab.toml`; none where the project has no lab."""
    import tomli

    path = folder / "lab.toml"
    if not path.is_file():
        return ()
    try:
        recipes = tuple(tomli.loads(path.read_text(encoding="utf-8")).get("recipe", ()))
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}: not valid TOML: {error.msg}") from error
    for number, recipe in enumerate(recipes, start=1):
        has_suite = "suite" in recipe or "(?P<suite>" in recipe.get("matches", "")
        if not {"folder", "matches"} <= recipe.keys() or not has_suite:
            raise ConfigError(f"{path}: recipe {number} needs a folder, matches, and a suite (its own or in matches)")
    return recipes


def refuse_without_recipes(root: Path) -> None:
    """
    Check that there is a lab.

    Raises:
        UsageError: another project, whose upstream images nothing here can stand in for.
    """
    folder = root / load_config(root).lab
    if not load_recipes(folder):
        raise UsageError(
            f"{root} has no lab: there is no {os.path.relpath(folder / 'lab.toml', root)} with recipes for stand-ins",
            hint="Pull the upstream images, or build images of their names; recipes of your own: docs/lab.md.",
        )


def match_recipe(reference: str, recipes: Iterable[Mapping[str, Any]], folder: Path) -> StandIn:
    """Find the recipe of a reference."""
    for recipe in recipes:
        found = re.fullmatch(recipe["matches"], reference)
        if found:
            args = {name: value for name, value in found.groupdict().items() if name != "suite"}
            suite = found.groupdict().get("suite") or recipe["suite"]
            return StandIn(reference, folder / recipe["folder"], suite, args, tuple(recipe.get("needs", ())))
    return StandIn(reference, None, "", {})


def build_lab(
    project: Project, *, engine: Engine, say: Say, watcher: BuildWatcher | None = None
) -> tuple[LabResult, ...]:
    """
    Build the stand-ins that are missing or whose recipe has changed; an image without the lab's label is left alone.

    Raises:
        NoEngineError: mmdebstrap is missing.
        BuildError: a stand-in did not build.
    """
    folder = lab_folder(project)
    recipes = load_recipes(folder)
    wanted = [match_recipe(reference, recipes, folder) for reference in upstream_references(project)]
    local = engine.images()
    needed = {reference for item in wanted for reference in item.needs} - {item.reference for item in wanted}
    support = [match_recipe(reference, recipes, folder) for reference in sorted(needed)]
    ours = [item for item in [*support, *wanted] if item.recipe and not _is_real(item.reference, local)]
    roots = {suite: _root_stamp(folder, suite) for suite in sorted({item.suite for item in ours})}
    stale_roots = [suite for suite, stamp in roots.items() if not _holds(local.get(_root_tag(suite)), stamp)]
    for suite in stale_roots:
        _build_root(project.root, folder, suite, roots[suite], engine=engine, say=say)
    stamps = {item.reference: _stamp(item, roots[item.suite]) for item in ours}
    stale = [item for item in ours if not _holds(local.get(item.reference), stamps[item.reference])]
    if stale:
        names = {item.reference: _target_name(item) for item in stale}
        _bake(
            {names[item.reference]: _recipe_target(item, stamps[item.reference], names) for item in stale},
            engine=engine,
            watcher=watcher or BuildWatcher(),
        )
    note_profile(project.root, project.profile or PROFILE)
    built = {item.reference for item in stale}
    return tuple(_result(item, built, local=engine.images()) for item in wanted)


def missing_upstreams(project: Project, *, engine: Engine) -> tuple[str, ...]:
    """The upstream images that are not on this machine and that the lab could stand in for."""
    local, folder = engine.images(), lab_folder(project)
    recipes = load_recipes(folder)
    return tuple(
        reference
        for reference in upstream_references(project)
        if reference not in local and match_recipe(reference, recipes, folder).recipe
    )


def is_unreachable(reason: str) -> bool:
    """Whether the engine's words say that no registry answered, and not that one refused or does not have the image."""
    return _UNREACHABLE.search(reason) is not None


def remove_lab(root: Path, *, engine: Engine) -> tuple[str, ...]:
    """Remove every image with the lab's label and forget the profile; the tags that were removed."""
    ours = tuple(sorted(tag for tag, info in engine.images().items() if is_stand_in(tag, info)))
    if ours:
        engine.remove_images(ours)
    (root / STATE_FOLDER / "profile").unlink(missing_ok=True)
    return ours


def with_lab(profile: str) -> str:
    """Profiles joined by commas, the lab's first: what is chosen beside it comes on top."""
    return ",".join([PROFILE, *(name for name in profile_names(profile) if name != PROFILE)])


def is_lab(profile: str | None) -> bool:
    """Whether the lab's profile is among those chosen."""
    return PROFILE in profile_names(profile)


def note_profile(root: Path, profile: str) -> None:
    """Make a profile the default of this checkout, so that later commands use the same arguments."""
    folder = root / STATE_FOLDER
    try:
        folder.mkdir(exist_ok=True)
        (folder / "profile").write_text(profile + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written: {error}", hint="Check who owns it.") from error


def _is_real(reference: str, local: Mapping[str, ImageInfo]) -> bool:
    return reference in local and not is_stand_in(reference, local[reference])


def _holds(info: ImageInfo | None, stamp: str) -> bool:
    return info is not None and info.labels.get(RECIPE_LABEL) == stamp


def _result(item: StandIn, built: set[str], *, local: Mapping[str, ImageInfo]) -> LabResult:
    info = local.get(item.reference)
    size = info.size_bytes if info else None
    if item.reference in built:
        return LabResult(item.reference, "built", size)
    if _is_real(item.reference, local):
        return LabResult(item.reference, "real", size)
    return LabResult(item.reference, "unchanged" if item.recipe else "unknown", size)


def _root_tag(suite: str) -> str:
    return f"layerproof-lab/debian:{suite}"


def _target_name(item: StandIn) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", item.reference)


def _recipe_target(item: StandIn, stamp: str, names: Mapping[str, str]) -> dict[str, Any]:
    """The bake target of one stand-in; those it needs that are built in the same run are linked."""
    return {
        "contexts": {reference: f"target:{names[reference]}" for reference in item.needs if reference in names},
        "context": str(item.recipe),
        "tags": [item.reference],
        "args": {**item.args, "LAB_ROOT": _root_tag(item.suite)},
        "labels": {LAB_LABEL: item.reference, RECIPE_LABEL: stamp},
        "output": ["type=docker"],
    }


def _build_root(root: Path, folder: Path, suite: str, stamp: str, *, engine: Engine, say: Say) -> None:
    """A Debian root by mmdebstrap, with this machine's trust and package settings, as an image."""
    program = process.find_program("mmdebstrap")
    if program is None:
        raise NoEngineError(
            "mmdebstrap, which makes the lab's Debian roots, is not installed",
            hint="Run `inv doctor --install` as root, or: apt-get install mmdebstrap.",
        )
    say(f"making a Debian {suite} root with mmdebstrap")
    work = root / STATE_FOLDER / "lab" / suite
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for name, text in _settings().items():
            path = work / "settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        done = process.run([program, *_mmdebstrap_words(suite, work / "rootfs.tar")])
        if done.returncode != 0:
            raise BuildError(f"mmdebstrap failed with code {done.returncode}:\n{done.tail()}")
        target = {
            "context": str(work),
            "dockerfile": str(folder / "debian" / "Dockerfile"),
            "tags": [_root_tag(suite)],
            "labels": {LAB_LABEL: _root_tag(suite), RECIPE_LABEL: stamp},
            "output": ["type=docker"],
        }
        _bake({f"debian-{suite}": target}, engine=engine, watcher=BuildWatcher())
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _mmdebstrap_words(suite: str, tar: Path) -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={path}" for path in SLIM_PATHS]
    excluded += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
    clean = 'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/cache/apt/archives/*.deb "$1"/var/log/*'
    repository = install.debian_repository()
    return [
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(ROOT_PACKAGES)}",
        # The Release file of sid may be past its date.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        *excluded,
        f"--customize-hook={clean}",
        suite,
        str(tar),
        *([repository] if repository else []),
    ]


def _settings() -> dict[str, bytes]:
    """Files that let a container reach what this machine reaches: its CA bundle, and pip's and npm's index if set."""
    files = {str(CA_BUNDLE).lstrip("/"): CA_BUNDLE.read_bytes()} if CA_BUNDLE.is_file() else {}
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = _without_login(os.environ.get("PIP_INDEX_URL") or process.run(pip).stdout.strip())
    if index:
        files["etc/pip.conf"] = f"[global]\nindex-url = {index}\n".encode()
        files["etc/uv/uv.toml"] = f'[[index]]\nurl = "{index}"\ndefault = true\n'.encode()
    registry = _without_login(os.environ.get("NPM_CONFIG_REGISTRY") or _npm_registry(Path.home() / ".npmrc"))
    if registry:
        files["usr/local/etc/npmrc"] = f"registry={registry}\n".encode()
    return files


def _npm_registry(path: Path) -> str:
    """The registry of an npm settings file; "" without one. npm itself may not be here, and must not matter."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    # registry=https://npm.example.com/
    pairs = (line.partition("=") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == "registry"), "")


def _without_login(url: str) -> str:
    """An address without user and password: what goes into an image can be read by everyone who has it."""
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", url)


def _root_stamp(folder: Path, suite: str) -> str:
    parts = [
        suite,
        repr(_mmdebstrap_words(suite, Path("rootfs.tar"))),
        (folder / "debian" / "Dockerfile").read_text(encoding="utf-8"),
    ]
    parts += [f"{name}:{hashlib.sha256(text).hexdigest()}" for name, text in sorted(_settings().items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp(item: StandIn, root_stamp: str) -> str:
    files = load_context(item.recipe, dockerfile=item.recipe / "Dockerfile") if item.recipe else ()
    parts = [item.reference, repr(sorted(item.args.items())), root_stamp]
    parts += [f"{file.path}:{file.mode}:{file.digest}" for file in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _bake(targets: Mapping[str, Any], *, engine: Engine, watcher: BuildWatcher) -> None:
    log = BuildLog()

    def on_line(line: str) -> None:
        log.feed(line)
        watcher.line(log)

    names = list(targets)
    watcher.started(names, stale=names)
    try:
        done = engine.bake({"target": dict(targets)}, targets=names, on_line=on_line)
    finally:
        watcher.finished()
    failed = failed_vertices(log)
    if done.returncode != 0 or failed:
        vertex = failed[0] if failed else None
        words = "\n".join(vertex.log if vertex else log.noise[-12:])
        raise BuildError(f"a stand-in did not build: {vertex.name if vertex else ''}\n{words}")
