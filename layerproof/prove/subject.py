"""One service as a proof sees it: its steps and their kinds, its source files, and those of the other services."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from layerproof.config import Config, ServiceConfig
from layerproof.context import ignore_file_of, ignorer, parse_ignore
from layerproof.errors import ConfigError
from layerproof.flow import Flow, load_flow
from layerproof.graph import with_parents
from layerproof.kinds import Kinds, derive_kinds
from layerproof.manifests import has_dependencies, is_source
from layerproof.model import Image, Project, StepKind

Files = Mapping[Path, Collection[str]]
FilesOf = Callable[[Image], Files]

_CODE = (
    *(".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx", ".vue", ".svelte", ".html", ".css", ".scss"),
    *(
        ".go",
        ".rs",
        ".java",
        ".kt",
        ".scala",
        ".groovy",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cs",
        ".fs",
        ".vb",
        ".swift",
    ),
    *(".php", ".rb", ".ex", ".exs", ".erl", ".clj", ".hs", ".elm", ".lua", ".pl", ".r", ".jl", ".dart", ".zig", ".nim"),
    *(".cr", ".less", ".sh", ".sql", ".proto", ".graphql"),
)
_ENTRY_NAMES = ("main", "app", "index", "server", "program", "application")
_TEST_WORDS = frozenset(("test", "tests", "spec", "__tests__", "testing"))
_HOME_DEPTH = 4
_SEARCH_DEPTH = 3
# Folders whose code is nobody's source.
_NO_SOURCE = frozenset(("node_modules", ".git", ".venv", "venv", "vendor", "dist", "build", "target", "tests", "test"))


@dataclass(frozen=True)
class Subject:
    """
    Attributes:
        parents: the project's images that it is built on, direct or not, in build order.
        flows: the flow of the image and of each parent, by image name.
        published: the tags of all images of the project.
        files: the folders that the image takes files from, with those that get past its ignore files.
        ignored: for each folder that the image or a base takes files from, what its ignore file keeps out.
        home: the folder of its own source, where that can be told.
        source: the application file that a probe edits; None where the image takes no source at all.
        siblings: of each other service a source file; None where it cannot be told from this service's own.
    """

    image: Image
    parents: tuple[Image, ...]
    flows: Mapping[str, Flow]
    kinds: Kinds
    published: frozenset[str]
    files: Files
    ignored: Mapping[Path, Callable[[str], bool]]
    home: Path | None
    source: Path | None
    siblings: Mapping[str, Path | None]
    config: ServiceConfig

    @property
    def flow(self) -> Flow:
        """The flow of the image itself."""
        return self.flows[self.image.name]

    @property
    def images(self) -> tuple[Image, ...]:
        """Everything that a build of it builds, in build order."""
        return (*self.parents, self.image)

    def with_parent(self, changed: Image) -> Subject:
        """The same service where a base, and with it whatever is built from the same file, has another Dockerfile."""
        parents = tuple(
            replace(parent, dockerfile=changed.dockerfile)
            if parent.dockerfile.path == changed.dockerfile.path
            else parent
            for parent in self.parents
        )
        flows = {parent.name: load_flow(parent) for parent in parents}
        return replace(self, parents=parents, flows={**self.flows, **flows})

    def lets_in(self, path: Path) -> bool:
        """Whether a file, which need not exist yet, gets past the ignore file of a folder that it is below."""
        return any(
            path.is_relative_to(folder) and not ignored(path.relative_to(folder).as_posix())
            for folder, ignored in self.ignored.items()
        )


def load_subject(image: Image, *, project: Project, config: Config, files_of: FilesOf) -> Subject:
    """
    Derive what there is to know about one service.

    Args:
        files_of: the folders that an image can take files from, each with the files that get past its ignore file.

    Raises:
        ConfigError: the configured `probe-source` does not exist.
    """
    *parents, image = with_parents(project.images, [image.name])
    own = config.service(image.service)
    files = files_of(image)
    flow, kinds = _analysed(image, own, files)
    services = [other for other in project.images if other.service and other.name != image.name]
    siblings = {}
    for other in services:
        if not _is_same_source(other, image) and other not in parents:
            has_home, path = _sibling_source(other, image, project, config.service(other.service), files_of(other))
            if path is not None or not has_home:
                siblings[other.name] = path
    home = _home(image, project, kinds.sources)
    bases = [load_flow(parent) for parent in parents]
    flows = {**{parent.name: base for parent, base in zip(parents, bases, strict=True)}, image.name: flow}
    return Subject(
        image=image,
        parents=tuple(parents),
        flows=flows,
        kinds=kinds,
        published=frozenset(other.tag for other in project.images),
        files=files,
        ignored={folder: _ignorer(folder, image) for image in (*parents, image) for folder in _folders(image)},
        home=home,
        source=_configured_source(image, own) or _worst_source(flow, kinds, kinds.sources, home=home, bases=bases),
        siblings=siblings,
        config=own,
    )


def _folders(image: Image) -> tuple[Path, ...]:
    """The build context of an image, and its named contexts that are folders here."""
    return (image.context, *(Path(value) for value in image.contexts.values() if Path(value).is_dir()))


def _ignorer(folder: Path, image: Image) -> Callable[[str], bool]:
    dockerfile = image.dockerfile.path if folder == image.context else folder / "Dockerfile"
    file = ignore_file_of(dockerfile, folder)
    return ignorer(parse_ignore(file.read_text(encoding="utf-8")) if file else ())


def _analysed(image: Image, config: ServiceConfig, files: Files) -> tuple[Flow, Kinds]:
    flow = load_flow(image)
    folders = {image.context, *(source.folder for node in flow.nodes.values() for source in node.sources)}
    reached = {folder: files[folder] for folder in sorted(folders) if folder in files}

    def needs(ecosystem: str) -> bool:
        return _needs(ecosystem, reached)

    kinds = derive_kinds(
        flow,
        files=reached,
        needs=needs,
        dependency=config.dependency_steps,
        application=config.application_steps,
    )
    return flow, kinds


def _needs(ecosystem: str, files: Files) -> bool:
    """Whether a manifest of an ecosystem names anything to fetch; True where there is no manifest to ask."""
    names = {"go": "go.mod", "rust": "Cargo.toml", "swift": "Package.swift", "elixir": "mix.exs", "dotnet": "*.*proj"}
    if ecosystem not in names:
        return True
    found = [Path(folder, path) for folder, paths in files.items() for path in paths]
    manifests = [path for path in found if path.match(names[ecosystem]) and path.is_file()]
    texts = [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in manifests]
    return not texts or any(has_dependencies(name, text) for name, text in texts)


def _configured_source(image: Image, config: ServiceConfig) -> Path | None:
    if config.probe_source is None:
        return None
    path = image.context / config.probe_source
    if not path.is_file():
        raise ConfigError(
            f"{path}: there is no such file, which is the probe-source of service {image.service}",
            hint="probe-source is relative to the build context of the service.",
        )
    return path


def _worst_source(
    flow: Flow, kinds: Kinds, sources: Collection[str], *, home: Path | None, bases: Collection[Flow] = ()
) -> Path | None:
    """
    The file whose edit re-runs most: steps of bases and dependency steps above all. A defect that only some files meet
    is met by it.

    Among those alike one of the service's own is taken, an entry point near the top, and no test.
    """
    weights: dict[tuple[int, ...], tuple[int, int]] = {}

    def weight(path: str) -> tuple[int, int]:
        takers = tuple(line for line, node in flow.nodes.items() if node.takes(path))
        if takers not in weights:
            reached = {node.line for line in takers for node in flow.downstream(line)}
            dependencies = sum(kinds.of[line] is StepKind.DEPENDENCY for line in reached)
            weights[takers] = (-dependencies, -len(reached))
        return weights[takers]

    def in_bases(path: str) -> int:
        return sum(node.takes(path) for base in bases for node in base.nodes.values())

    def rank(path: str) -> tuple[object, ...]:
        dependencies, steps = weight(path)
        elsewhere = home is not None and not path.startswith(f"{home}/")
        return -in_bases(path), dependencies, elsewhere, steps, *_rank(path)

    taken = [path for path in sources if weight(path)[1] and not path.endswith("/")]
    code = [path for path in taken if path[path.rfind(".") :].lower() in _CODE and ".config." not in path]
    best = min(code or taken, key=rank, default=None)
    return Path(best) if best else None


def _rank(path: str) -> tuple[bool, bool, int, str]:
    words = re.split(r"[/.]", path.lower())
    return not _TEST_WORDS.isdisjoint(words), words[-2] not in _ENTRY_NAMES, len(words), path


def _is_same_source(one: Image, other: Image) -> bool:
    """Two services of one Dockerfile and one context (a server and its worker) are one application."""
    return (one.context, one.dockerfile.path, one.inline) == (other.context, other.dockerfile.path, False)


def _sibling_source(
    other: Image, image: Image, project: Project, config: ServiceConfig, files: Files
) -> tuple[bool, Path | None]:
    """Whether it can be told which source is another service's own; and a file of it, None where it has none."""
    configured = _configured_source(other, config)
    if configured:
        return True, configured
    flow, kinds = _analysed(other, config, files)
    home, here = _home(other, project, kinds.sources), _home(image, project, kinds.sources)
    if home is None:
        return False, None
    own = [path for path in kinds.sources if path.startswith(f"{home}/")]
    if here is not None and here != home and here.is_relative_to(home):
        own = [path for path in own if not path.startswith(f"{here}/")]
    # One that its image takes; where it takes none, any will do: it is not this service's.
    return True, _worst_source(flow, kinds, own, home=home) or (Path(min(own)) if own else None)


def _home(image: Image, project: Project, sources: Collection[str]) -> Path | None:
    """
    The folder of a service's own source: its context, where no other service has the same one; else the folder of its
    Dockerfile, or the folder that is called as it is, if there is source in it. None where nothing tells.
    """
    others = [other for other in project.images if other.service and other.name != image.name]
    if not any(other.context == image.context and not _is_same_source(other, image) for other in others):
        return image.context
    beside = image.dockerfile.path.parent
    if not image.inline and beside != image.context and any(path.startswith(f"{beside}/") for path in sources):
        return beside
    inside = [
        PurePosixPath(path).relative_to(image.context) for path in sources if path.startswith(f"{image.context}/")
    ]
    named = {
        folder
        for path in inside
        for folder in path.parents
        if folder.name == image.service and len(folder.parts) <= _HOME_DEPTH
    }
    return image.context / min(named, key=lambda folder: len(folder.parts)) if named else None


def context_files(subject: Subject) -> list[Path]:
    """The files that can reach the image: of its build context, and of the named contexts that are folders here."""
    nodes = subject.flow.nodes.values()
    folders = {subject.image.context, *(source.folder for node in nodes for source in node.sources)}
    return [Path(folder, path) for folder in sorted(folders) for path in subject.files.get(folder, ())]


def find_shut_out(subject: Subject) -> Path | None:
    """A source file that a step would take if the ignore file let it in; looked for in few folders, never in all."""
    nodes = [node for node in subject.flow.nodes.values() if node.sources]
    for depth in range(_SEARCH_DEPTH):
        for path in sorted(subject.image.context.glob("/".join(["*"] * (depth + 1)))):
            relative = path.relative_to(subject.image.context)
            is_code = path.suffix.lower() in _CODE and is_source(relative.as_posix()) and path.is_file()
            if is_code and _NO_SOURCE.isdisjoint(relative.parts) and any(node.takes(path) for node in nodes):
                return path
    return None
