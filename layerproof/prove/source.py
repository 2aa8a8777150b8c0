"""Which file of a service a probe edits, and which folder is the service's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from layerproof.flow import Flow
from layerproof.kinds import Kinds
from layerproof.manifests import declares, is_source
from layerproof.model import Image, StepKind

_CODE = re.compile(
    r"""\.(?: py | [cm]?[jt]sx? | vue | svelte | html | s?css | less | go | rs | java | kt | scala | groovy | cs | fs
        | vb | [ch] | cc | [ch]pp | swift | php | rb | exs? | erl | clj | hs | elm | lua | pl | r | jl | dart | zig
        | nim | cr | sh | sql | proto | graphql)""",
    re.IGNORECASE | re.VERBOSE,
)
_ENTRY_NAMES = ("main", "app", "index", "server", "program", "application")
_TEST_WORDS = frozenset(("test", "tests", "spec", "__tests__", "testing"))
_HOME_DEPTH = 4
_SEARCH_DEPTH = 3
# Folders whose code is nobody's source.
_NO_SOURCE = frozenset(("node_modules", ".git", ".venv", "venv", "vendor", "dist", "build", "target", "tests", "test"))


def worst_source(
    flow: Flow, kinds: Kinds, sources: Collection[str], *, home: Path | None, bases: Sequence[Flow] = ()
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
    code = [path for path in taken if is_code(path)]
    best = min(code or taken, key=rank, default=None)
    return Path(best) if best else None


def _rank(path: str) -> tuple[bool, bool, int, str]:
    words = re.split(r"[/.]", path.lower())
    return not _TEST_WORDS.isdisjoint(words), words[-2] not in _ENTRY_NAMES, len(words), path


def home_of(
    image: Image, images: Iterable[Image], sources: Collection[str], *, manifests: Collection[Path] = ()
) -> Path | None:
    """
    The folder of a service's own source: its context, where no other service has the same one; else the folder of its
    Dockerfile, the folder that is called as it is, or the one below the context that its dependencies are installed
    from, if there is source in it. None where nothing tells.

    Args:
        manifests: the folders that its dependencies are installed from.
    """
    others = [other for other in images if other.service and other.name != image.name]
    if not any(other.context == image.context and not is_same_source(other, image) for other in others):
        return image.context
    beside = image.dockerfile.path.parent
    is_below = beside != image.context and beside.is_relative_to(image.context)
    is_alone = not image.inline and not any(is_same_file(other, image) for other in others)
    if is_below and is_alone and any(path.startswith(f"{beside}/") for path in sources):
        return beside
    inside = [
        PurePosixPath(path).relative_to(image.context) for path in sources if path.startswith(f"{image.context}/")
    ]
    named = {
        folder
        for path in inside
        for folder in path.parents
        if folder.name in (image.service, image.target) and len(folder.parts) <= _HOME_DEPTH
    }
    if named:
        return image.context / min(named, key=lambda folder: len(folder.parts))
    folder = next(iter(manifests)) if len(manifests) == 1 else image.context
    is_below = folder != image.context and folder.is_relative_to(image.context)
    return folder if is_below and any(path.startswith(f"{folder}/") for path in sources) else None


def manifest_folders(flow: Flow, *, kinds: Kinds, files: Collection[str]) -> frozenset[Path]:
    """The folders of the manifests that reach an install; for a service mostly one."""
    folders = set[Path]()
    for line, commands in kinds.installs.items():
        before = flow.upstream(line)
        for command in (item for item in commands if item.ecosystem and not item.names_packages):
            found = (path for path in files if declares(command.tool, path))
            folders.update(Path(path).parent for path in found if any(node.takes(path) for node in before))
    return frozenset(folders)


def is_same_source(one: Image, other: Image) -> bool:
    """Two services of one Dockerfile, context and target (a server and its worker) are one application."""
    return is_same_file(one, other) and one.target == other.target


def is_same_file(one: Image, other: Image) -> bool:
    """Whether two services are built from one Dockerfile and one context, of the same stage or of another one."""
    return (one.context, one.dockerfile.path, one.inline) == (other.context, other.dockerfile.path, False)


def find_shut_out(context: Path, flow: Flow) -> Path | None:
    """A source file that a step would take if the ignore file let it in; looked for in few folders, never in all."""
    nodes = [node for node in flow.nodes.values() if node.sources]
    for depth in range(_SEARCH_DEPTH):
        for path in sorted(context.glob("/".join(["*"] * (depth + 1)))):
            relative = path.relative_to(context)
            found = is_code(path.name) and is_source(relative.as_posix()) and path.is_file()
            if found and _NO_SOURCE.isdisjoint(relative.parts) and any(node.takes(path) for node in nodes):
                return path
    return None


def is_code(path: str) -> bool:
    """Whether a file is written in a programming language, by the end of its name; configuration is not."""
    name = path.rpartition("/")[2]
    return ".config." not in name and _CODE.fullmatch(name[name.rfind(".") :]) is not None
