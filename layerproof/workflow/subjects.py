"""What the rules look at, read from the disk once: images with their steps, contexts, compose, scripts, pipelines."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from msgspec.structs import replace

from layerproof import context
from layerproof.dockerfile import reachable_stages
from layerproof.errors import ConfigError
from layerproof.flow import Flow, load_flow
from layerproof.kinds import load_kinds
from layerproof.model import Image, Project
from layerproof.policy import (
    BuildSubject,
    ComposeSubject,
    ContextSubject,
    PipelinesSubject,
    ScriptSubject,
    Subject,
    SubjectKind,
)
from layerproof.settings import Config
from layerproof.workflow.places import ComposePlaces
from layerproof.workflow.strays import Strays
from layerproof.yaml_text import YamlNode, load_yaml

MAX_SCRIPT_BYTES = 1 << 20
_SHELL_SUFFIXES = (".sh", ".bash", ".zsh")
_WORKFLOWS = (".github/workflows/*.yml", ".github/workflows/*.yaml", ".github/actions/*/action.yml", ".gitlab-ci.yml")
_BUILD_SCRIPTS = ("*.sh", "scripts/*", "bin/*", "ci/*", "infra/*.sh", "Makefile", "makefile", "*.mk", "justfile")


class Subjects:
    """
    The subjects of a project, by kind.

    Args:
        places: where what Compose has resolved is written.
        overlay: the overlay that lies over the main compose file, as for `ComposeSubject`.
    """

    def __init__(self, project: Project, config: Config, places: ComposePlaces, *, overlay: str = "") -> None:
        self._project, self._config, self._places, self._overlay = project, config, places, overlay
        self._listed: dict[tuple[Path, Path | None], tuple[str, ...]] = {}
        self._flows: dict[str, Flow] = {image.name: load_flow(image) for image in project.images}
        self._made: dict[str, tuple[Subject, ...]] = {"silence": (), "broken": ()}

    def of(self, kind: SubjectKind) -> tuple[Subject, ...]:
        """Every subject of a kind; each is made once."""
        if kind in ("service", "base"):
            return tuple(
                item for item in self.of("image") if isinstance(item, BuildSubject) and item.image.role == kind
            )
        if kind not in self._made:
            makers: dict[str, Callable[[], Iterator[Subject]]] = {
                "image": self._builds,
                "context": self._contexts,
                "compose": self._compose,
                "script": self._scripts,
                "pipelines": self._pipelines,
            }
            self._made[kind] = tuple(makers[kind]())
        return self._made[kind]

    def add(self, kind: SubjectKind, subjects: Collection[Subject]) -> None:
        """Subjects that are not gathered here."""
        self._made[kind] = tuple(subjects)

    def _builds(self) -> Iterator[Subject]:
        for image in self._project.images:
            flow = self._flows[image.name]
            folders = {image.context, *(source.folder for node in flow.nodes.values() for source in node.sources)}
            files = {folder: self._list(folder, image) for folder in sorted(folders) if folder.is_dir()}
            kinds = load_kinds(flow, files=files, config=self._config.service(image.service))
            yield BuildSubject(image, self._project, self._config, flow, kinds, files)

    def _contexts(self) -> Iterator[Subject]:
        contexts: dict[tuple[Path, Path], list[Image]] = {}
        for image in self._project.images:
            held = context.ignore_file_of(image.dockerfile.path, image.context) or image.context / ".dockerignore"
            contexts.setdefault((image.context, held), []).append(image)
        strays, takers = Strays(self._project), self._takers()
        for (folder, ignore_file), images in contexts.items():
            patterns, lines = _patterns(ignore_file)
            yield ContextSubject(
                folder=folder,
                ignore_file=ignore_file,
                patterns=patterns,
                lines=lines,
                files={path: _size(folder / path) for path in self._list(folder, images[0])},
                flows=tuple(self._flows_over(images, takers.get(folder, ()))),
                strays=tuple(strays.of(folder, ignore_file, images)),
                config=self._config,
            )

    def _takers(self) -> dict[Path, list[str]]:
        """By folder, the names of the images that take files from it, as their context or by name."""
        takers: dict[Path, list[str]] = {}
        for name, flow in self._flows.items():
            for folder in {source.folder for node in flow.nodes.values() for source in node.sources}:
                takers.setdefault(folder, []).append(name)
        return takers

    def _flows_over(self, images: Collection[Image], takers: Collection[str]) -> Iterator[Flow]:
        """The flows that take from a context: of its images with the stages that they leave out, and of named uses."""
        for image in images:
            yield self._flows[image.name]
            built = {stage.index for stage in reachable_stages(image.dockerfile, image.target, contexts=image.contexts)}
            for stage in (stage for stage in image.dockerfile.stages if stage.index not in built):
                # A stage for tests or development is built by somebody else.
                yield load_flow(replace(image, target=str(stage.index)))
        own = {image.name for image in images}
        yield from (self._flows[name] for name in takers if name not in own)

    def _compose(self) -> Iterator[Subject]:
        if not self._project.compose_files:
            return
        yield ComposeSubject(
            project=self._project,
            config=self._config,
            written=self._places.written,
            file_of=lambda keys: self._places.place(keys).path,
            repository=repository_of(self._project.compose_files[0].parent, root=self._project.root),
            overlay=self._overlay,
        )

    def _scripts(self) -> Iterator[Subject]:
        """The scripts and package.json files of every service's context, and what starts the stack from the root."""
        seen = set[Path]()
        for image in self._project.images:
            if image.role != "service":
                continue
            for name in self._list(image.context, image):
                path = image.context / name
                if path not in seen and (path.name == "package.json" or _is_shell(path)):
                    seen.add(path)
                    if (text := _text(path)) is not None:
                        yield ScriptSubject(path, text)
        for path in _below(self._project.root, _BUILD_SCRIPTS):
            text = _text(path) if path not in seen and _is_shell(path) else None
            if text is not None and ("compose" in text or "docker run" in text):
                yield ScriptSubject(path, text)

    def _pipelines(self) -> Iterator[Subject]:
        repository = repository_of(self._project.root, root=self._project.root)
        workflows: dict[Path, YamlNode] = {}
        for path in _below(repository, _WORKFLOWS):
            try:
                workflows[path] = load_yaml(path)
            except ConfigError:
                continue  # actionlint's to tell
        scripts = {path: text for path in _below(self._project.root, _BUILD_SCRIPTS) if (text := _text(path))}
        yield PipelinesSubject(workflows, scripts, self._project)

    def _list(self, folder: Path, image: Image) -> tuple[str, ...]:
        dockerfile = image.dockerfile.path if folder == image.context else None
        key = (folder, context.ignore_file_of(dockerfile, folder))
        if key not in self._listed:
            self._listed[key] = context.list_context(folder, dockerfile=dockerfile)
        return self._listed[key]


def repository_of(folder: Path, *, root: Path) -> Path:
    """The nearest folder upwards that is under version control; the project's root where there is none."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), root)


def _patterns(path: Path) -> tuple[tuple[str, ...] | None, tuple[int, ...]]:
    if not path.is_file():
        return None, ()
    text = _text(path) or ""
    found = [
        (pattern, number)
        for number, line in enumerate(text.split("\n"), start=1)
        for pattern in context.parse_ignore(line if number == 1 else line.removeprefix("\ufeff"))
    ]
    return tuple(pattern for pattern, _ in found), tuple(number for _, number in found)


def _below(root: Path, patterns: Collection[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})


def _is_shell(path: Path) -> bool:
    """A shell script by its name, or by its first line where the name says nothing."""
    if path.suffix in _SHELL_SUFFIXES:
        return True
    if path.suffix or not os.access(path, os.X_OK):
        return False
    try:
        with path.open("rb") as stream:
            first = stream.readline(64)
    except OSError:
        return False
    # #!/usr/bin/env bash
    return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"sh -e", b"sh -eu"))


def _text(path: Path) -> str | None:
    """A file's text, undecodable bytes replaced; None for a big one, a folder, and one that cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_SCRIPT_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
