"""The cache mounts of RUN: which a step has, and where each package manager keeps what it downloads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from layerproof.commands import Command, offline_tools
from layerproof.flow import Node
from layerproof.model import Instruction

# /var/cache/apt, /var/lib/dnf, /etc/apk/cache
_SYSTEM = re.compile(r"/var/(?:cache|lib)(?:/(?:apt|apk|dnf|libdnf5?|yum|microdnf|zypp|pacman)(?:/.*)?)?/?|/etc/apk/.*")
_JDKS = ("eclipse-temurin", "openjdk", "amazoncorretto", "sapmachine")
_SYSTEMS = ("alpine", "debian", "ubuntu", "buildpack-deps", "fedora", "rockylinux", "almalinux", "nvidia/cuda")
# Images that start as root, with /root as its home.
_AS_ROOT = frozenset(
    (*_SYSTEMS, *_JDKS, "node", "python", "pypy", "ruby", "php", "composer", "golang", "rust", "maven", "oven/bun")
) | {"ghcr.io/astral-sh/uv", "mcr.microsoft.com/dotnet/sdk", "lukemathwalker/cargo-chef"}


class Cache(Struct, frozen=True):
    """
    Where a package manager keeps what it downloads.

    Attributes:
        variables: what moves it elsewhere, as a pattern; HOME and XDG_CACHE_HOME always do.
        mentions: what a line looks like that speaks of the folder.
        bases: the images for which this holds.
        programs: what needs the content later on; none for a cache that can be thrown away.
    """

    targets: tuple[str, ...]
    variables: str
    mentions: str
    bases: frozenset[str] = _AS_ROOT
    programs: tuple[str, ...] = ()
    options: str = ""


CACHES: Mapping[str, Cache] = {
    "npm": Cache(("/root/.npm",), "NPM_CONFIG_CACHE", r"\.npm(?!\w)"),
    "yarn": Cache(("/usr/local/share/.cache/yarn",), "YARN_\\w+", r"\.cache|\.yarn|corepack|berry|yarn set"),
    "bun": Cache(("/root/.bun/install/cache",), "BUN_INSTALL\\w*", r"\.bun(?!\w)"),
    "pip": Cache(("/root/.cache/pip",), "PIP_CACHE_DIR|PIP_NO_CACHE_DIR", r"\.cache(?!\w)"),
    "uv": Cache(("/root/.cache/uv",), "UV_CACHE_DIR|UV_NO_CACHE|UV_LINK_MODE=symlink", r"\.cache(?!\w)"),
    "poetry": Cache(("/root/.cache/pypoetry",), "POETRY_CACHE_DIR|POETRY_HOME", r"\.cache(?!\w)|cache-dir"),
    "composer": Cache(("/root/.composer/cache",), "COMPOSER_HOME|COMPOSER_CACHE_DIR", r"\.composer|/tmp/cache"),
    "go": Cache(
        ("/go/pkg/mod", "/root/.cache/go-build"),
        "GOMODCACHE|GOPATH|GOCACHE|GOFLAGS|GOENV|GOPROXY[ =]off",
        r"(?<![\w.])/go(?:/pkg(?:/mod)?)?(?![\w/.-])|/go/pkg|modcache|\.cache(?!\w)",
        frozenset(("golang",)),
        ("go",),
    ),
    "cargo": Cache(
        ("/usr/local/cargo/registry",),
        "CARGO_HOME|CARGO_NET_OFFLINE",
        r"cargo/registry|\.cargo/registry|/usr/local/cargo(?![\w/])",
        frozenset(("rust", "lukemathwalker/cargo-chef")),
        ("cargo",),
    ),
    "mvn": Cache(
        ("/root/.m2",),
        "MAVEN_CONFIG|MAVEN_OPTS|MAVEN_ARGS|MAVEN_USER_HOME",
        r"\.m2(?!\w)|repo\.local|settings\.xml",
        frozenset(("maven", *_JDKS)),
        ("mvn", "mvnw", "mvnd"),
        ",sharing=locked",
    ),
    # In the gradle image the folder is a link to another one.
    "gradle": Cache(
        ("/root/.gradle",),
        "GRADLE_USER_HOME|GRADLE_OPTS",
        r"(?<![\w./])(?:/root|~|\$HOME)/\.gradle|gradle-user-home",
        frozenset(_JDKS),
        ("gradle", "gradlew"),
        ",sharing=locked",
    ),
    "dotnet": Cache(
        ("/root/.nuget/packages",),
        "NUGET_PACKAGES|NUGET_\\w*PATH",
        r"\.nuget(?!\w)|nuget locals",
        frozenset(("mcr.microsoft.com/dotnet/sdk",)),
        ("dotnet",),
    ),
}
# Of the tools that compile: what of a mount's target shows that it is theirs.
STORES = {"go": "/pkg/mod", "cargo": "/registry", "mvn": "/.m2", "gradle": "/.gradle", "dotnet": "/.nuget"}
NO_CACHE = "--no-cache-dir"
_NAMES = {"mvnw": "mvn", "mvnd": "mvn", "gradlew": "gradle"}


def manager_of(command: Command) -> str:
    """Whose cache a command uses: that of uv for `uv pip`, of mvn for the wrapper."""
    return "uv" if command.text.startswith("uv ") else _NAMES.get(command.tool, command.tool)


def offline_managers(instructions: Iterable[Instruction]) -> frozenset[str]:
    """Whose caches have to be full before a step runs: it fetches nothing, and a mount is empty on a new machine."""
    return frozenset(_NAMES.get(tool, tool) for item in instructions for tool in offline_tools(item))


def cache_targets(instruction: Instruction) -> tuple[str, ...]:
    """Where a RUN mounts caches, without those of the system's package managers."""
    found = []
    for flag in instruction.flags:
        fields = dict(part.strip("\"'").partition("=")[::2] for part in flag.removeprefix("--mount=").split(","))
        if flag.startswith("--mount=") and fields.get("type") == "cache":
            found.append(fields.get("target") or fields.get("dst") or fields.get("destination") or "")
    return tuple(target for target in found if not _SYSTEM.fullmatch(target.strip("\"'")))


def without_cache(command: Command, node: Node) -> str:
    """What keeps a command from using its cache: a flag or a variable; "" for nothing."""
    manager = manager_of(command)
    flags = {"pip": (NO_CACHE, "--no-cache"), "uv": ("--no-cache", "-n", NO_CACHE), "poetry": ("--no-cache",)}
    words = (*command.text.split(), *command.words)
    variable = {"pip": "PIP_NO_CACHE_DIR", "uv": "UV_NO_CACHE"}.get(manager, "")
    found = next((flag for flag in flags.get(manager, ()) if flag in words), "")
    return found or (variable if variable in node.arguments else "")


def is_for_others(command: Command, targets: Collection[str]) -> bool:
    """Whether every one of some mounts is the folder of another package manager, by its usual name."""
    manager = manager_of(command)
    owners = {next((name for name, cache in CACHES.items() if _is_usual(cache, target)), "") for target in targets}
    return manager in CACHES and "" not in owners and manager not in owners


def _is_usual(cache: Cache, target: str) -> bool:
    # /root/.npm, /home/node/.npm, ~/.npm
    return any(target.endswith(usual.removeprefix("/root").removeprefix("/usr/local")) for usual in cache.targets)
