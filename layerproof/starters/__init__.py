"""
What a folder of source needs to become an image: found in its manifests and sources, rendered to a Dockerfile.

Nothing here reads the disk or guesses silently: what nothing in the folder says is told in `Starter.notes`, and what
cannot be done in `Starter.blocked`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

# How a note begins that says that no command was found.
NO_START = "nothing says what starts it"


class Folder(Struct, frozen=True):
    """
    A build context as the detectors see it.

    `paths` are its files, relative with `/`, sorted; `read` gives the text of one, "" where there is none or it cannot
    be read. `above` are the folders around it up to the project's root, the nearest first, with their own files only.
    """

    name: str
    paths: tuple[str, ...]
    read: Callable[[str], str]
    above: tuple[Folder, ...] = ()

    def has(self, path: str) -> bool:
        """Whether it holds a file of this path, or of this folder."""
        return path in self.paths or any(item.startswith(f"{path}/") for item in self.paths)

    def first(self, *paths: str) -> str:
        """The first of these files that is there; "" for none."""
        return next((path for path in paths if path in self.paths), "")

    def top(self) -> tuple[str, ...]:
        """The files that lie in it directly."""
        return tuple(path for path in self.paths if "/" not in path)


class Wishes(Struct, frozen=True):
    """What the compose file says about a service: its port in the container, the stage and the arguments to build."""

    port: int | None = None
    target: str = ""
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


class Starter(Struct, frozen=True):
    """
    What the Dockerfile of one service is made of.

    `command` starts it; () where nothing says how. `values` are those of its template alone. `sources` are files that
    the ignore file has to let through, `keeps` lines for it. `blocked` says why no Dockerfile can be made, "" where one
    can.
    """

    language: str
    manager: str = ""
    version: str = ""
    framework: str = ""
    command: tuple[str, ...] = ()
    port: int | None = None
    health_path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    keeps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    blocked: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is known to be a program, and not a library."""
        return bool(self.command or self.values.get("static") or self.values.get("choices"))
