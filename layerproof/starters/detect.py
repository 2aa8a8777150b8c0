"""A folder to its starter, by the language whose manifest decides."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from layerproof.starters import NO_START, Folder, Starter, Wishes, dotnet, go, java, node, python, rust

Detector = Callable[[Folder, Wishes], Starter | None]
# Compiled languages first: a package.json beside a go.mod is there for its tools or its pages.
_DETECTORS: tuple[Detector, ...] = (go.detect, rust.detect, java.detect, dotnet.detect)
_MANAGERS = (
    "npm",
    "npx",
    "pnpm",
    "yarn",
    "uv",
    "poetry",
    "pip",
    "go",
    "cargo",
    "mvn",
    "nodemon",
    "vite",
    "tsx",
    "ts-node",
)
# Beside one of these sets a package.json is there for the pages of a Laravel, Rails or Phoenix application.
_UNKNOWN = (("composer.json", "artisan"), ("Gemfile",), ("mix.exs",))
MANIFESTS = [
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "Pipfile",
    "go.mod",
    "Cargo.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
]


def detect(folder: Folder, wishes: Wishes = Wishes()) -> Starter | None:  # noqa: B008  # it is frozen
    """
    What the Dockerfile of a folder is made of.

    Returns:
        None where nothing in the folder is the manifest of a known language.
    """
    found = _detect(folder, wishes)
    if found is None or found.blocked or not wishes.command:
        return found
    if wishes.command[0] in _MANAGERS:
        note = (
            f"the compose file starts it by `{' '.join(wishes.command)}`, which the image does not hold: drop `command`"
        )
        return replace(found, notes=(*found.notes, note))
    if found.command or found.values.get("static"):
        return found
    notes = tuple(note for note in found.notes if not note.startswith(NO_START))
    return replace(found, command=wishes.command, notes=notes)


def _detect(folder: Folder, wishes: Wishes) -> Starter | None:
    for detector in _DETECTORS:
        if found := detector(folder, wishes):
            return found
    is_for_pages = any(all(path in folder.paths for path in paths) for paths in _UNKNOWN)
    by_python, by_node = python.detect(folder, wishes), None if is_for_pages else node.detect(folder, wishes)
    if by_python and by_node:
        # Of two that start something, the one that does so by a framework; a front end beside a server is said.
        chosen, other = (
            (by_node, "its Python files") if by_node.runs and not by_python.runs else (by_python, "package.json")
        )
        note = f"{other} beside it: what that builds is not in the image; give it a folder and a service of its own"
        return replace(chosen, notes=(*chosen.notes, note))
    return by_python or by_node


def is_manifest_of_service(path: str) -> bool:
    """Whether a file makes its folder one that may be a service."""
    name = path.rpartition("/")[2]
    return name in MANIFESTS or name.endswith((".csproj", ".fsproj", ".vbproj"))
