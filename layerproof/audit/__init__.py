"""
What is inside a built image: read from its exported layers, so that nothing inside has to run.

`archive` reads the tar stream of `docker save`, `content` says what one file is, `tree` lays the layers over each
other, `places` and `secrets` find what does not belong into an image that runs, `judge` puts it together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct, field

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


class Trait(Struct, frozen=True):
    """What the content of a file shows it to be, in the words of `kind`, and its name."""

    kind: FoundKind
    what: str


class Entry(Struct, frozen=True):
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


class Layer(Struct, frozen=True):
    """The members of one layer; `removed` are the paths that it deletes, `emptied` the folders it hides the rest of."""

    entries: tuple[Entry, ...]
    removed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What its files take, unpacked."""
        return sum(entry.size_bytes for entry in self.entries)


class SavedImage(Struct, frozen=True):
    """One image of an archive: its configuration as the image format has it, and its layers, the lowest first."""

    tags: tuple[str, ...]
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]


class Found(Struct, frozen=True):
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


class LayerShare(Struct, frozen=True):
    """One layer: its size, the instruction that made it, and where it comes from: a stage, or another image."""

    size_bytes: int
    created_by: str
    origin: str


class Weight(Struct, frozen=True):
    """A path and its bytes."""

    path: str
    size_bytes: int


class Allowance(Struct, frozen=True):
    """
    What an image may be, from its configuration: budgets in bytes, None for none, and what is allowed to be inside:
    a kind, or a pattern of paths, each with its reason.
    """

    max_size_bytes: int | None = None
    max_wasted_bytes: int | None = None
    allow: Mapping[str, str] = field(default_factory=dict)


class ImageAudit(Struct, frozen=True):
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
