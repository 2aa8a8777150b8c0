"""
The builds of a project, one small JSON file each, with what went into them: `builds/`, and `objects/` that they share.

An object is written once under the digest of its text, so that images and contexts which stay the same cost nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from layerproof.atomic import write_atomically
from layerproof.errors import ConfigError
from layerproof.evidence import Evidence, Listing, evidence_document, listing_document, parse_evidence, parse_listing
from layerproof.model import Phase, Step, StepState

SCHEMA = 1
# What a report can show; more are dropped, a few at a time.
MAX_BUILDS = 200
_SLACK = 20
_PRIVATE = 0o600
_MAX_LOG_LINES = 8
_MAX_LOG_WIDTH = 200


class BuiltImage(Struct, frozen=True):
    """
    One image of a build.

    Attributes:
        evidence: the name of the object that has what went into it, "" where that is not known.
        forced: the cache was not to be used.
        steps: those of its own Dockerfile, each with its line and without its text.
        keys: of its steps that are in the cache now, and of each what stands for it without what it copies.
    """

    action: Literal["built", "failed", "unchanged"]
    evidence: str = ""
    forced: bool = False
    wall_s: float = 0.0
    size_bytes: int | None = None
    id: str | None = None
    steps: tuple[Step, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)


class Build(Struct, frozen=True):
    """One run of the engine: when it began, in seconds since the epoch, on which builder, and its images by name."""

    started: float
    builder: str
    kind: Literal["build", "proof"]
    wall_s: float
    images: Mapping[str, BuiltImage]
    phases: tuple[Phase, ...] = ()


def save_build(folder: Path, build: Build, evidence: Mapping[str, Evidence]) -> None:
    """
    Write one build with what went into its images; old ones make room.

    Raises:
        OSError: it cannot be written; what is there stays as it is.
    """
    from filelock import FileLock

    (folder / "builds").mkdir(parents=True, exist_ok=True)
    (folder / "objects").mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        images = {}
        for name, image in build.images.items():
            found = evidence.get(name)
            images[name] = {
                "action": image.action,
                "evidence": _save_evidence(folder, found) if found else "",
                "forced": image.forced,
                "wall_s": round(image.wall_s, 3),
                "size_bytes": image.size_bytes,
                "id": image.id,
                "steps": [_step_row(step, build.started) for step in image.steps],
                "keys": dict(image.keys),
            }
        document = {
            "schema": SCHEMA,
            "started": build.started,
            "builder": build.builder,
            "kind": build.kind,
            "wall_s": round(build.wall_s, 3),
            "images": images,
            "phases": [
                [phase.image, phase.kind, round(phase.started - build.started, 3), round(phase.duration_s, 3)]
                for phase in build.phases
            ],
        }
        path = folder / "builds" / _file_name(build)
        write_atomically(path, json.dumps(document).encode(), mode=_PRIVATE)
        _make_room(folder)


def load_builds(folder: Path, *, damaged: Callable[[str], None] = lambda _: None) -> Iterator[Build]:
    """
    The builds on record, the newest first.

    Args:
        damaged: told in words about each that is damaged or of another version, and passed over.
    """
    for path in sorted((folder / "builds").glob("*.json"), reverse=True):
        try:
            yield _load(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged(f"{path}: the record of a build is damaged ({error}) and passed over")


def load_evidence(folder: Path, name: str, *, with_files: bool = True) -> Evidence | None:
    """
    What went into an image, by the name of the object; None where it is gone or damaged.

    Args:
        with_files: its files too; without them it is read faster, and tells the steps only.
    """
    try:
        document = _load_object(folder, name)
        if not with_files:
            document.update(files=None, named={})
        listings: dict[str, Listing] = {}
        for digest in {document["files"], *document["named"].values()} - {None}:
            listings[digest] = parse_listing(_load_object(folder, digest))
        return parse_evidence(document, listings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError):
        return None


def _save_evidence(folder: Path, evidence: Evidence) -> str:
    listings = {
        name: _save_object(folder, listing_document(files))
        for name, files in (("", evidence.files), *evidence.named.items())
        if files is not None
    }
    document = evidence_document(evidence)
    own = listings.pop("", None)
    return _save_object(folder, {**document, "files": own, "named": listings})


def _save_object(folder: Path, document: Any) -> str:
    # In its own order: that of environment variables counts.
    data = json.dumps(document).encode()
    name = hashlib.sha256(data).hexdigest()
    path = folder / "objects" / f"{name}.json"
    if not path.is_file() or path.stat().st_size != len(data):
        write_atomically(path, data, mode=_PRIVATE)
    return name


def _load_object(folder: Path, name: str) -> Any:
    data = (folder / "objects" / f"{name}.json").read_bytes()
    if hashlib.sha256(data).hexdigest() != name:
        raise ValueError(f"object {name} is damaged")
    return json.loads(data)


def _load(path: Path) -> Build:
    document = json.loads(path.read_bytes())
    if document.pop("schema") != SCHEMA:
        raise ValueError("it is of another version of layerproof")
    started = float(document["started"])
    images = {name: _parse_image(item, started) for name, item in document.pop("images").items()}
    phases = [Phase(image, kind, started + at, took) for image, kind, at, took in document.pop("phases", ())]
    build = Build(**document, images=images, phases=tuple(phases))
    if not isinstance(build.started, float | int) or not all(isinstance(item.keys, dict) for item in images.values()):
        raise TypeError("a field has another type")
    return build


def _parse_image(item: dict[str, Any], started: float) -> BuiltImage:
    return BuiltImage(**{**item, "steps": tuple(_parse_step(row, started) for row in item["steps"])})


def _step_row(step: Step, started: float) -> list[Any]:
    """Without its text: BuildKit shows it with the values of all variables, secrets too. The Dockerfile has it."""
    return [
        step.target,
        step.stage,
        step.number,
        step.total,
        step.state.value,
        round(step.duration_s, 3),
        step.line,
        None if step.started is None else round(step.started - started, 3),
        [line[:_MAX_LOG_WIDTH] for line in step.log[-_MAX_LOG_LINES:]],
    ]


def _parse_step(row: list[Any], started: float) -> Step:
    target, stage, number, total, state, duration_s, line, *more = row
    at, log = more or (None, ())
    when = None if at is None else started + at
    return Step("", target, stage, number, total, "", StepState(state), duration_s, line, tuple(log), when)


def _last_of_each_image(folder: Path) -> set[str]:
    """The files of the builds that have the newest evidence of some image: an image may not be built for long."""
    newest: dict[str, str] = {}
    for build in load_builds(folder):
        for name, image in build.images.items():
            if image.evidence and image.keys:
                newest.setdefault(name, _file_name(build))
    return set(newest.values())


def _file_name(build: Build) -> str:
    """As many digits for each, so that the names sort by time."""
    return f"{round(build.started * 1e6):020d}.json"


def _make_room(folder: Path) -> None:
    """Drop the oldest builds, and the objects that no build left has."""
    paths = sorted((folder / "builds").glob("*.json"))
    if len(paths) <= MAX_BUILDS + _SLACK:
        return
    last = _last_of_each_image(folder)
    for path in paths[:-MAX_BUILDS]:
        if path.name not in last:
            path.unlink(missing_ok=True)
    used = set[str]()
    for build in load_builds(folder):
        for name in {image.evidence for image in build.images.values()} - {""}:
            used.add(name)
            try:
                document = _load_object(folder, name)
                used.update({document["files"], *document["named"].values()} - {None})
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
    for path in (folder / "objects").glob("*.json"):
        if path.stem not in used:
            path.unlink(missing_ok=True)
