"""An Engine without Docker: it answers from what a test gave it, and remembers what it was asked."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from layerproof.engine import (
    BakeResult,
    CommandResult,
    ComposeCall,
    Container,
    EngineInfo,
    ImageInfo,
    LineSink,
    PastBuild,
    PastBuildDetails,
    StopBuild,
    T,
)
from layerproof.errors import NoEngineError
from layerproof.references import normalize_reference

INFO = EngineInfo("28.5.2", "0.29.1", "2.40.3", nvidia=False, storage="overlay2", data_root="/var/lib/docker")


@dataclass
class FakeEngine:
    """
    Attributes:
        document: what `docker compose config` answers.
        bakes: how the next bakes end, in turn; afterwards every bake succeeds with one event line and no steps. One
            that succeeds makes an image with a new id for every tag of its targets.
        local: the local images by tag.
        asked: the verbs that changed something or ran a build, in order, with their main argument.
        checks: what BuildKit's own checks answer, by target.
        archive: what the export of any images gives.
        commands: how the next commands end, in turn; afterwards every command succeeds.
        past: what the builder remembers of earlier builds, the newest first.
        looked: how often the local images were asked for.
        absent: every verb that needs the daemon raises NoEngineError.
    """

    document: Mapping[str, Any] = field(default_factory=dict)
    bakes: list[BakeResult] = field(default_factory=list)
    local: dict[str, ImageInfo] = field(default_factory=dict)
    running: tuple[Container, ...] = ()
    log_text: Mapping[str, str] = field(default_factory=dict)
    answer: EngineInfo = INFO
    compose_code: int = 0
    pull_reason: str = ""
    absent: bool = False
    looked: int = 0
    checks: Mapping[str, Any] = field(default_factory=dict)
    archive: bytes = b""
    past: Sequence[tuple[PastBuild, PastBuildDetails]] = ()
    commands: list[CommandResult] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    _early: dict[frozenset[str], Mapping[str, ImageInfo]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def info(self) -> EngineInfo:
        self._need_daemon()
        return self.answer

    def ask_compose_config(self, call: ComposeCall) -> None:
        pass

    def ask_images(self, references: Collection[str]) -> None:
        self._early[frozenset(references)] = self.images(references)

    def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
        return self.document

    def begin_bake(self) -> None:
        pass

    def bake(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        self._need_daemon()
        self.asked.append(("bake", tuple(targets)))
        event = '{"vertexes":[{"digest":"sha256:0","name":"[internal] load","started":"2026-01-01T00:00:00Z"}]}\n'
        result = self.bakes.pop(0) if self.bakes else BakeResult(0, (event,))
        try:
            for line in result.lines:
                on_line(line)
        except StopBuild:
            return BakeResult(0, result.lines, stopped=True)
        if result.returncode == 0:
            for name in targets:
                target = definition["target"][name]
                for tag in target.get("tags", ()):
                    self.add_image(tag, labels=target.get("labels", {}))
        return result

    def current_builder(self) -> str:
        self._need_daemon()
        return "default"

    def history(self, folders: Collection[str], dockerfiles: Collection[str] = ()) -> Iterator[PastBuild]:
        self._need_daemon()
        yield from (build for build, _ in self.past if build.context.rpartition("/")[2] in folders)

    def past_build(self, reference: str) -> PastBuildDetails:
        return next(details for build, details in self.past if build.reference == reference)

    def lint(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        self._need_daemon()
        return self.checks

    def images(self, references: Collection[str] = ()) -> Mapping[str, ImageInfo]:
        self._need_daemon()
        if frozenset(references) in self._early:
            return self._early.pop(frozenset(references))
        self.looked += 1
        wanted = {normalize_reference(name) for name in references}
        return {tag: info for tag, info in self.local.items() if not wanted or tag in wanted}

    def export(self, references: Collection[str], read: Callable[[IO[bytes]], T]) -> T:
        self._need_daemon()
        self.asked.append(("export", tuple(references)))
        return read(io.BytesIO(self.archive))

    def pull(self, reference: str) -> str:
        self._need_daemon()
        self.asked.append(("pull", reference))
        if not self.pull_reason:
            self.add_image(reference)
        return self.pull_reason

    def remove_images(self, tags: Collection[str]) -> None:
        self._need_daemon()
        self.asked.append(("remove_images", tuple(tags)))
        for tag in tags:
            del self.local[tag]

    def remove_labelled(self, name: str, value: str, *, untagged_only: bool = False) -> None:
        self._need_daemon()
        if untagged_only:
            return
        self.asked.append(("remove_labelled", f"{name}={value}"))
        self.local = {tag: info for tag, info in self.local.items() if info.labels.get(name) != value}

    def run(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> CommandResult:
        self._need_daemon()
        self.asked.append(("run", tuple(command)))
        return self.commands.pop(0) if self.commands else CommandResult(0, ())

    def containers(self, call: ComposeCall) -> tuple[Container, ...]:
        self._need_daemon()
        return self.running

    def logs(self, call: ComposeCall, service: str) -> str:
        return self.log_text.get(service, "")

    def compose(self, call: ComposeCall, words: Sequence[str]) -> int:
        self.asked.append(("compose", tuple(words)))
        return self.compose_code

    def cache_usage(self) -> tuple[Mapping[str, Any], ...]:
        self._need_daemon()
        return ()

    def drop_cache(self, marker: str) -> None:
        self._need_daemon()
        self.asked.append(("drop_cache", marker))

    def prune_cache(self, *, everything: bool, older_than: str) -> str:
        self._need_daemon()
        self.asked.append(("prune_cache", (everything, older_than)))
        return "Total: 0B"

    def add_image(self, tag: str, *, labels: Mapping[str, str] | None = None) -> None:
        """Make a local image with an id of its own."""
        tag = normalize_reference(tag)
        identifier = f"sha256:{next(self._ids):064x}"
        self.local[tag] = ImageInfo(identifier, (tag,), 1000, "2026-01-01T00:00:00Z", labels or {})

    def _need_daemon(self) -> None:
        if self.absent:
            raise NoEngineError("no Docker Engine answers: there is none in this test")
