"""What `layerproof init` has found in a repository, and what it would write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from layerproof.changes import FileChange
from layerproof.starters import Starter, Wishes

State = Literal["has a Dockerfile", "inline", "pulled", "starter", "new", "blocked", "unknown", "library", "elsewhere"]


class FoundService(Struct, frozen=True):
    """
    A service of the compose file, or a folder that could be one.

    `context` and `dockerfile` are relative to the root, "" where there is none; `image` is what is pulled. Its state:
    `starter` is one whose Dockerfile is missing and can be written, `new` one that is written now, `blocked` one for
    which `starter.blocked` says why it cannot, `unknown` one whose language is not known, `library` a folder without a
    program, `elsewhere` a build that is not in this repository.

    `origin` says who names it: the compose file, the user, or nobody, where it was found without a compose file.
    """

    name: str
    state: State
    context: str = ""
    dockerfile: str = ""
    image: str = ""
    starter: Starter | None = None
    wishes: Wishes = field(default_factory=Wishes)
    origin: Literal["compose", "named", "found"] = "compose"

    @property
    def is_missing(self) -> bool:
        """Whether it cannot be built for want of a Dockerfile that nobody here can write."""
        return self.state in ("blocked", "unknown") and self.origin != "found"


class InitPlan(Struct, frozen=True):
    """
    Everything found, and the changes that would be made, none where nothing is needed.

    `settings` are what discovery cannot derive, by their keys; `notes` what a person has to know or do.
    """

    root: Path
    compose_files: tuple[str, ...]
    bases: tuple[str, ...]
    services: tuple[FoundService, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[FileChange, ...] = ()
    notes: tuple[str, ...] = ()
