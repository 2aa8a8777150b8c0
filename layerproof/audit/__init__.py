"""
What is inside a built image: read from its exported layers, so that nothing inside has to run.

`archive` reads the tar stream of `docker save`, `content` says what one file is, `tree` lays the layers over each
other, `places` and `secrets` find what does not belong into an image that runs, `judge` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

FoundKind = Literal[
    "compiler",
    "build-tool",
    "package-manager",
    "package-database",
    "package-cache",
    "headers",
    "static-library",
    "toolbox",
    "setuid",
    "secret",
    "vcs",
    "tests",
    "root-user",
]
KINDS: tuple[str, ...] = get_args(FoundKind)


@dataclass(frozen=True)
class Trait:
    """What the content of a file shows it to be, in the words of `kind`, and its name."""

    kind: FoundKind
    what: str


@dataclass(frozen=True)
class Entry:
    """
    One member of a layer.

    Attributes:
        path: without a leading or trailing slash.
        target: of a link, as it is written.
        privileged: it runs with more rights than who starts it: setuid, setgid or file capabilities.
        digest: of its content, "" where nobody asked for it.
    """

    path: str
    type: Literal["file", "folder", "symlink", "hardlink", "device"]
    size_bytes: int = 0
    target: str = ""
    traits: tuple[Trait, ...] = ()
    privileged: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Layer:
    """The members of one layer; `removed` are the paths that it deletes, `emptied` the folders it hides the rest of."""

    entries: tuple[Entry, ...]
    removed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What its files take, unpacked."""
        return sum(entry.size_bytes for entry in self.entries)


@dataclass(frozen=True)
class SavedImage:
    """One image of an archive: its configuration as the image format has it, and its layers, the lowest first."""

    tags: tuple[str, ...]
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Found:
    """
    Something that does not belong into an image that runs.

    `layer` counts from 1, 0 stands for the image's configuration; `size_bytes` is that of all it stands for. `allowed`
    is the reason that the configuration gives for it, "" where it has none.
    """

    path: str
    kind: FoundKind
    detail: str
    layer: int
    size_bytes: int = 0
    allowed: str = ""


@dataclass(frozen=True)
class LayerShare:
    """One layer: its size, the instruction that made it, and where it comes from: a stage, or another image."""

    size_bytes: int
    created_by: str
    origin: str


@dataclass(frozen=True)
class Weight:
    """A path and its bytes."""

    path: str
    size_bytes: int


@dataclass(frozen=True)
class Allowance:
    """
    What an image may be, from its configuration: budgets in bytes, None for none, and what is allowed to be inside:
    a kind, or a pattern of paths, each with its reason.
    """

    max_size_bytes: int | None = None
    max_wasted_bytes: int | None = None
    allow: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageAudit:
    """
    What one image holds.

    Attributes:
        size_bytes: of its layers, unpacked; the same file in two layers counts twice.
        wasted_bytes: of files that a later layer overwrites or removes.
        found: everything, what is allowed included.
        over: in words, the budgets it exceeds and the allowances that allow nothing.
    """

    image: str
    tag: str
    id: str
    user: str
    size_bytes: int
    wasted_bytes: int
    found: tuple[Found, ...]
    layers: tuple[LayerShare, ...]
    largest: tuple[Weight, ...]
    wasted: tuple[Weight, ...]
    over: tuple[str, ...] = ()

    @property
    def forbidden(self) -> tuple[Found, ...]:
        """What was found and is not allowed."""
        return tuple(item for item in self.found if not item.allowed)

    @property
    def passed(self) -> bool:
        """Whether nothing forbidden is inside, and every budget holds."""
        return not self.forbidden and not self.over
