"""One build of a probe: what is edited before it, what has to run in it, and what may."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from layerproof.model import Image
from layerproof.prove.edits import Edit
from layerproof.prove.subject import Subject

May = Literal["nothing", "application", "own steps", "anything"]


class Trial(Struct, frozen=True):
    """
    One build of a probe.

    Attributes:
        said: what was edited, for a person.
        must_run: lines of the service's own Dockerfile, one of which has to be executed; empty: none has to.
        may_run: what may be executed besides.
        stop: the build is cancelled as soon as what must run is seen to start.
        arguments: build arguments that get another value, for every image that declares them.
        changed: an image of the graph whose Dockerfile is another one in this trial.
        marker: a text in the name of a step of that image, which has to be executed.
        advice: what to do where a file that was edited has reached a step, if that is always the same.
        reaches_service: whether one of the service's own steps has to be executed as well as the marked one.
    """

    said: str
    edits: tuple[Edit, ...] = ()
    must_run: frozenset[int] = frozenset()
    may_run: May = "nothing"
    stop: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)
    changed: Image | None = None
    marker: str = ""
    reaches_service: bool = False
    advice: str = ""


class Skip(Struct, frozen=True):
    """Why a probe has no trial: nothing to prove, nothing to prove it with, or the text alone says that it fails."""

    outcome: Literal["failed", "unproven", "not applicable"]
    reason: str
    hint: str = ""


def shown(subject: Subject, path: Path) -> str:
    """A path as the person knows it: from the build context, or from the folder above another one."""
    context = subject.image.context
    if path.is_relative_to(context):
        return path.relative_to(context).as_posix()
    above = next((folder for folder in context.parents if path.is_relative_to(folder)), Path("/"))
    return path.relative_to(above).as_posix()
