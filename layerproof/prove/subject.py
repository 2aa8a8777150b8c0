"""One service as a proof sees it: its steps and their kinds, its source files, and those of the other services."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from layerproof.context import ignore_file_of, ignorer, parse_ignore
from layerproof.errors import ConfigError
from layerproof.flow import Flow, load_flow
from layerproof.graph import with_parents
from layerproof.kinds import Kinds, load_kinds
from layerproof.model import Image, Project
from layerproof.paths import is_folder
from layerproof.prove.source import home_of, is_same_file, is_same_source, manifest_folders, worst_source
from layerproof.settings import Config, ServiceConfig

Files = Mapping[Path, Collection[str]]
FilesOf = Callable[[Image], Files]


class Subject(Struct, frozen=True):
    """
    Attributes:
        parents: the project's images that it is built on, direct or not, in build order.
        flows: the flow of the image and of each parent, by image name.
        published: the tags of the images of the project that others are built on, but for those built on this one.
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


class _Analysis(Struct, frozen=True):
    """
    What is read from the Dockerfile and the files of one service; `paths` are the files that get past its ignore file,
    `own` the source files below its home, `manifests` the folders that its dependencies are installed from.
    `takes_source` says whether any step takes source, whoever's it is.
    """

    image: Image
    config: ServiceConfig
    files: Files
    paths: frozenset[str]
    flow: Flow
    kinds: Kinds
    home: Path | None
    own: tuple[str, ...]
    source: Path | None
    manifests: frozenset[Path]
    takes_source: bool

    def takes(self, path: str) -> bool:
        """Whether a file gets past its ignore file and into one of its steps."""
        return path in self.paths and any(node.takes(path) for node in self.flow.nodes.values())

    def is_one_application_with(self, other: _Analysis) -> bool:
        """Whether two services, as a server and its worker do, install from one and the same folder."""
        return len(self.manifests) == 1 and self.manifests == other.manifests


def load_subjects(
    images: Collection[Image], *, project: Project, config: Config, files_of: FilesOf
) -> Iterator[Subject]:
    """
    Derive what there is to know about each of some services.

    Args:
        files_of: the folders that an image can take files from, each with the files that get past its ignore file.

    Raises:
        ConfigError: a configured `probe-source` is no file of the build context, or an ignore file does not parse.
    """
    services = [image for image in project.images if image.service]
    analyses = {image.name: _analyse(image, project, config.service(image.service), files_of) for image in services}
    for image in images:
        yield _subject(analyses[image.name], analyses, project)


def _subject(found: _Analysis, analyses: Mapping[str, _Analysis], project: Project) -> Subject:
    *parents, image = with_parents(project.images, [found.image.name])
    flows = {parent.name: load_flow(parent) for parent in parents}
    siblings = {}
    # A service that it is built on is no sibling, and neither is one that shares the source of such a one.
    kin = [image, *parents]

    def takes(path: Path) -> bool:
        of_bases = (node for flow in flows.values() for node in flow.nodes.values())
        return found.takes(str(path)) or any(node.takes(path) for node in of_bases)

    for other in analyses.values():
        is_kin = other.image in kin or any(is_same_source(other.image, one) for one in kin)
        if not is_kin:
            path = _sibling_source(other, found, takes=takes)
            # Two stages of one Dockerfile, or two that install from one folder, may well be one application: nothing
            # has to tell them apart. And who takes no source has none of its own.
            is_one = is_same_file(other.image, image) or other.is_one_application_with(found)
            is_unclear = other.home in (None, found.home) and other.takes_source and not is_one
            if path is not None or is_unclear:
                siblings[other.image.name] = path
    bases = list(flows.values())
    worst = worst_source(found.flow, found.kinds, found.kinds.sources, home=found.home, bases=bases)
    return Subject(
        image=image,
        parents=tuple(parents),
        flows={**flows, image.name: found.flow},
        kinds=found.kinds,
        published=_bases_for(image, project),
        files=found.files,
        ignored={folder: _ignorer(folder, part) for part in (*parents, image) for folder in _folders(part)},
        home=found.home,
        source=_configured_source(image, found.config) or worst,
        siblings=siblings,
        config=found.config,
    )


def _bases_for(image: Image, project: Project) -> frozenset[str]:
    """The tags of the images that others are built on, but for this one and for what is built on it."""
    needed = {name for other in project.images for name in other.parents}
    return frozenset(
        other.tag
        for other in project.images
        if (other.role == "base" or other.name in needed) and image not in with_parents(project.images, [other.name])
    )


def _analyse(image: Image, project: Project, config: ServiceConfig, files_of: FilesOf) -> _Analysis:
    files, flow = files_of(image), load_flow(image)
    folders = {image.context, *(source.folder for node in flow.nodes.values() for source in node.sources)}
    reached = {folder: files[folder] for folder in sorted(folders) if folder in files}
    kinds = load_kinds(flow, files=reached, config=config)
    paths = frozenset(f"{folder}/{path}" for folder, listed in reached.items() for path in listed)
    manifests = manifest_folders(flow, kinds=kinds, files=paths)
    takes_source = worst_source(flow, kinds, kinds.sources, home=None) is not None
    home = home_of(image, project.images, kinds.sources, manifests=manifests if takes_source else ())
    own = tuple(path for path in kinds.sources if home is not None and path.startswith(f"{home}/"))
    # One that its image takes; where it takes none, any will do for the probe of another service.
    source = _configured_source(image, config) or worst_source(flow, kinds, own, home=home)
    source = source or (Path(min(own)) if own else None)
    return _Analysis(image, config, files, paths, flow, kinds, home, own, source, manifests, takes_source)


def _sibling_source(other: _Analysis, found: _Analysis, *, takes: Callable[[Path], bool]) -> Path | None:
    """
    A source file of another service; None where it has none, or none that can be told from this one's.

    Args:
        takes: whether this one, or a base of it, takes a file.
    """
    here = found.home
    nested = here is not None and other.home is not None and here.is_relative_to(other.home)
    if other.home in (None, here):
        worst = worst_source(other.flow, other.kinds, other.kinds.sources, home=None)
        apart = worst if worst is not None and not takes(worst) else None
        return _configured_source(other.image, other.config) or apart
    if not nested or other.config.probe_source is not None:
        return other.source
    own = [path for path in other.own if not path.startswith(f"{here}/")]
    return worst_source(other.flow, other.kinds, own, home=other.home) or (Path(min(own)) if own else None)


def _folders(image: Image) -> tuple[Path, ...]:
    """The build context of an image, and its named contexts that are folders here."""
    return (image.context, *(Path(value) for value in image.contexts.values() if is_folder(Path(value))))


def _ignorer(folder: Path, image: Image) -> Callable[[str], bool]:
    dockerfile = image.dockerfile.path if folder == image.context else None
    file = ignore_file_of(dockerfile, folder)
    return ignorer(parse_ignore(file.read_text(encoding="utf-8")) if file else ())


def _configured_source(image: Image, config: ServiceConfig) -> Path | None:
    if config.probe_source is None:
        return None
    path = Path(os.path.normpath(image.context / config.probe_source))
    if not path.is_relative_to(image.context) or not path.is_file():
        raise ConfigError(
            f"{path}: there is no such file in the build context, and it is the probe-source of {image.service}",
            hint="probe-source is relative to the build context of the service.",
        )
    return path


def context_files(subject: Subject) -> list[Path]:
    """The files that can reach the image: of its build context, and of the named contexts that are folders here."""
    nodes = subject.flow.nodes.values()
    folders = {subject.image.context, *(source.folder for node in nodes for source in node.sources)}
    return [Path(folder, path) for folder in sorted(folders) for path in subject.files.get(folder, ())]
