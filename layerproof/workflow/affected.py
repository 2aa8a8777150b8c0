"""Which images a change affects, by comparing what goes into each with what went into it at a commit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from layerproof import graph
from layerproof.context import ignore_file_of
from layerproof.engine import Engine, ImageInfo
from layerproof.errors import ConfigError, NoEngineError, UsageError
from layerproof.evidence import Evidence, Listing
from layerproof.model import AffectedImage, AffectedReport, Image, Project
from layerproof.workflow.commits import as_git_has_it, evidence_of, load_tree, merge_base, tree_of
from layerproof.workflow.evidence import Gatherer
from layerproof.workflow.load import configuration

# Of an image, what the comparison of files does not see.
_PARTS = {
    "tag": "its tag",
    "context": "its build context",
    "target": "its target",
    "args": "its arguments",
    "contexts": "its named contexts",
    "parents": "the images it is built on",
}
_SHOWN = 3


def find_affected(project: Project, base: str, *, engine: Engine, environment: Mapping[str, str]) -> AffectedReport:
    """
    The images whose build or proof may come out differently than at a commit: contexts, Dockerfiles, ignore files, what
    the compose file says of the build, configuration, and whatever is built on such an image.

    Compared is where HEAD and `base` parted, as a pull request does. No running engine is needed, and nothing is built.

    Args:
        base: whatever git resolves to a commit.

    Raises:
        UsageError: there is no such commit, or the project is in no git repository.
    """
    commit = merge_base(project.root, base)
    local = _local(engine)
    gatherer = Gatherer(project)
    now = as_git_has_it(gatherer.gather(graph.build_order(project.images), local)[0])
    try:
        with tree_of(project.root, commit) as root:
            there = _as_it_was(project, root, engine=engine, environment=environment)
            before = evidence_of(there, local, home=project.root, like=gatherer)
            sides = _Side(project, now), _Side(there, before)
            reasons = {name: _reason(*sides, name) for name in now}
    except ConfigError as error:
        reason = f"the project as it was then cannot be read: {error.message}"
        return AffectedReport(base, commit, tuple(_affected(image, reason) for image in project.images))
    return AffectedReport(base, commit, tuple(_spread(project, reasons)))


def _as_it_was(project: Project, root: Path, *, engine: Engine, environment: Mapping[str, str]) -> Project:
    """The project as the tree of a commit has it; what is missing there, as a profile that is new, is a ConfigError."""
    try:
        return load_tree(project, root, engine=engine, environment=environment)
    except UsageError as error:
        raise ConfigError(error.message, hint=error.hint) from error


def _local(engine: Engine) -> Mapping[str, ImageInfo]:
    """What an upstream image holds decides nothing here: both sides are given the same."""
    try:
        return engine.images()
    except NoEngineError:
        return {}


def _spread(project: Project, reasons: Mapping[str, str]) -> Iterator[AffectedImage]:
    """The images with a reason of their own, and those that are built on one."""
    found: dict[str, AffectedImage] = {}
    for image in graph.build_order(project.images):
        parent = next((name for name in image.parents if name in found), "")
        reason = reasons[image.name] or (f"it is built on {parent}" if parent else "")
        if reason:
            found[image.name] = _affected(image, reason)
    yield from found.values()


def _affected(image: Image, reason: str) -> AffectedImage:
    return AffectedImage(image.name, image.role, image.service, reason)


class _Side(Struct, frozen=True):
    """A project, its images by name, and what goes into each."""

    project: Project
    evidence: Mapping[str, Evidence]

    def image(self, name: str) -> Image:
        return next(image for image in self.project.images if image.name == name)

    def ignore_file(self, name: str) -> tuple[str, str]:
        """Its name and its text; "" for none."""
        image = self.image(name)
        path = ignore_file_of(image.dockerfile.path, image.context)
        return (path.name, path.read_text(encoding="utf-8", errors="replace")) if path else ("", "")

    def options(self, name: str) -> str:
        """What the compose file says of the build, but for where its cache is kept; paths are below the root."""
        options = {key: value for key, value in self.image(name).options.items() if not key.startswith("cache-")}
        return json.dumps(options, sort_keys=True, default=str).replace(f"{self.project.root}/", "")


def _reason(now: _Side, before: _Side, name: str) -> str:
    """Why an image is affected by itself; "" where it is not."""
    if name not in before.evidence:
        return "it is new"
    ours, theirs = now.evidence[name], before.evidence[name]
    parts = [*_files(ours.files, theirs.files)]
    for context in sorted({*ours.named, *theirs.named}):
        parts += [f"{path} in {context}" for path in _files(ours.named.get(context), theirs.named.get(context))]
    parts += [said for part, said in _PARTS.items() if getattr(ours.image, part) != getattr(theirs.image, part)]
    if ours.image.dockerfile.text != theirs.image.dockerfile.text:
        parts.append(ours.image.dockerfile.path.name)
    if now.ignore_file(name) != before.ignore_file(name):
        parts.append(now.ignore_file(name)[0] or before.ignore_file(name)[0])
    if now.options(name) != before.options(name):
        parts.append("the options of its build")
    service = ours.image.service
    if service and configuration(now.project).service(service) != configuration(before.project).service(service):
        parts.append(f"[tool.layerproof.services.{service}]")
    return ", ".join(dict.fromkeys(parts))


def _files(now: Listing | None, before: Listing | None) -> Iterator[str]:
    """The files that differ: the first few by name."""
    ours = {file.path: file[:3] for file in now or ()}
    theirs = {file.path: file[:3] for file in before or ()}
    changed = sorted(path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path))
    yield from changed[:_SHOWN]
    if len(changed) > _SHOWN:
        yield f"{len(changed) - _SHOWN} more files"
