"""
The border to Docker: the verbs the product needs, and nothing else.

`Engine` is what workflows take. `docker.DockerEngine` is the real one; `layerproof.testing.FakeEngine` replays recorded
builds. `process` is the only place that starts a process, `docker` the only one that imports python_on_whales.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from msgspec import Struct, field

MIN_BUILDX = (0, 17)
MIN_COMPOSE = (2, 37)

LineSink = Callable[[str], None]
T = TypeVar("T")


class StopBuild(Exception):  # noqa: N818  # a signal, not an error
    """Raised by a LineSink that has seen enough: the build is cancelled."""


class EngineInfo(Struct, frozen=True):
    """What answers: versions as text, and whether containers can be given an NVIDIA GPU."""

    server: str
    buildx: str
    compose: str
    nvidia: bool
    storage: str
    data_root: str


class ImageInfo(Struct, frozen=True):
    """
    One local image; `labels` are those of its configuration, `layers` stands for its files, and `config` is what a
    build inherits from it: `Env` as a mapping, `WorkingDir`, `User`, `Shell`, `OnBuild`, where they are set.
    `layer_ids` are the digests of its layers, the lowest first.
    """

    id: str
    tags: tuple[str, ...]
    size_bytes: int
    created: str
    labels: Mapping[str, str]
    layers: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    layer_ids: tuple[str, ...] = ()


class BakeResult(Struct, frozen=True):
    """
    How a bake ended: exit code, event lines and noise as they came, and the metadata file ({} if it failed).

    `stopped` says that the LineSink cancelled it; the exit code means nothing then.
    """

    returncode: int
    lines: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stopped: bool = False


class PastBuild(Struct, frozen=True):
    """
    One build in BuildKit's history. `context` is absolute, or relative to a folder that is not kept; `started` is in
    seconds since the epoch.
    """

    reference: str
    context: str
    target: str
    started: float
    completed: bool
    labels: Mapping[str, str]


class PastBuildDetails(Struct, frozen=True):
    """Its provenance (SLSA 0.2, {} where it is not kept) and its event lines."""

    provenance: Mapping[str, Any]
    lines: tuple[str, ...]


class Container(Struct, frozen=True):
    """One container of a Compose project. `health` is "" where the service has no health check."""

    service: str
    name: str
    state: str
    health: str
    exit_code: int


class CommandResult(Struct, frozen=True):
    """How a command ended: its exit code and the lines of stderr, or of stdout where stderr is empty."""

    returncode: int
    said: tuple[str, ...]


class ComposeCall(Struct, frozen=True):
    """Which Compose project a call is about."""

    root: Path
    files: tuple[Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """Every verb but those that only begin something raises NoEngineError when no engine answers."""

    def info(self) -> EngineInfo:
        """Ask the daemon and both plugins for their versions."""

    def ask_compose_config(self, call: ComposeCall) -> None:
        """Begin in the background with what `compose_config` is about to be asked."""

    def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
        """The resolved document, all profiles on; needs the Compose CLI only. ConfigError has Compose's words."""

    def begin_bake(self) -> None:
        """Begin in the background with what the next `bake` does first; where there is none, nothing comes of it."""

    def bake(self, definition: Mapping[str, Any], *, targets: Sequence[str], on_line: LineSink) -> BakeResult:
        """Build the targets of a bake definition; each event line goes to `on_line` as it comes; StopBuild ends it."""

    def current_builder(self) -> str:
        """The name of the builder that `bake` uses."""

    def history(self, folders: Collection[str], dockerfiles: Collection[str] = ()) -> Iterator[PastBuild]:
        """
        The builds that the builder remembers, whoever made them, the newest first: those of contexts of these names,
        and those of Dockerfiles that are named so or lie in a folder that is.
        """

    def past_build(self, reference: str) -> PastBuildDetails:
        """More about one of them."""

    def lint(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        """BuildKit's own checks of every target: the `target` table of `--call=check,format=json`."""

    def ask_images(self, references: Collection[str]) -> None:
        """Begin in the background with what `images` is about to be asked."""

    def images(self, references: Collection[str] = ()) -> Mapping[str, ImageInfo]:
        """
        Local images, by tag as `docker images` shows it (docker.io and library/ dropped): those of some references, as
        far as they are there, or every one.
        """

    def export(self, references: Collection[str], read: Callable[[IO[bytes]], T]) -> T:
        """Hand the archive of local images, as `docker save` writes it, to `read`; AuditError where that fails."""

    def pull(self, reference: str) -> str:
        """Pull an image; "" when it is there now, else the reason in the engine's words."""

    def remove_images(self, tags: Collection[str]) -> None:
        """Remove these tags; one in use by a container is a StackError."""

    def remove_labelled(self, name: str, value: str, *, untagged_only: bool = False) -> None:
        """Remove every image with this label, or those of them that have no tag."""

    def run(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> CommandResult:
        """Run a command that builds, as a person would: to its end, both streams captured."""

    def containers(self, call: ComposeCall) -> tuple[Container, ...]:
        """The project's containers, stopped ones included."""

    def logs(self, call: ComposeCall, service: str) -> str:
        """Everything a service's containers have printed since they last started."""

    def compose(self, call: ComposeCall, words: Sequence[str]) -> int:
        """Run `docker compose WORDS` on the user's terminal and return its exit code."""

    def cache_usage(self) -> tuple[Mapping[str, Any], ...]:
        """The records of the builder's cache, as `docker buildx du` gives them."""

    def drop_cache(self, marker: str) -> None:
        """
        Drop the records of the build cache whose description has a text, and what was built on them; what an image
        shares stays. The text has to be one that nobody else's step can have.
        """

    def prune_cache(self, *, everything: bool, older_than: str) -> str:
        """Drop build cache and return what the engine says it freed. `older_than` is a duration such as 48h, or ""."""


def parse_version(text: str) -> tuple[int, ...]:
    """`0.29.1+ds1` to (0, 29, 1); () where no number is found."""
    numbers = []
    for part in text.strip().lstrip("v").split("."):
        digits = "".join(character for character in part.partition("-")[0].partition("+")[0] if character.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
