"""What each instruction of an image stands on: instructions before it, files, arguments. Read from the text alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from layerproof.context import ignorer
from layerproof.dockerfile import context_sources, copied_from, find_stage, reachable_stages
from layerproof.errors import ConfigError
from layerproof.model import Image, Instruction, Stage, Step
from layerproof.paths import is_folder
from layerproof.progress import ONLY_STAGE

_LAYERS = ("RUN", "COPY", "ADD", "WORKDIR")
# $NAME, ${NAME}, ${NAME:-default}
_VARIABLE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Source:
    """Files that an instruction takes from a folder here; `pattern` is relative to it, "." for all of it."""

    folder: Path
    pattern: str
    excluded: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether it takes a file, given by its absolute path; ignore files are not looked at."""
        prefix = f"{self.folder}/"
        if not path.startswith(prefix):
            return False
        relative = path[len(prefix) :]
        inside = self.pattern == "." or _matcher((self.pattern,))(relative)
        return inside and not (self.excluded and _matcher(self.excluded)(relative))


@dataclass(frozen=True)
class Node:
    """
    An instruction that makes a step.

    `before` is the line of the step it is laid over, None for the first one; `copied` are the lines of the steps whose
    results it copies files from; `arguments` are the build arguments whose values decide whether it is cached.
    """

    stage: Stage
    instruction: Instruction
    before: int | None
    copied: tuple[int, ...]
    sources: tuple[Source, ...]
    arguments: frozenset[str]

    @property
    def line(self) -> int:
        """Where it starts; no two instructions share a line."""
        return self.instruction.line

    def takes(self, path: Path | str) -> bool:
        """Whether it takes a file of a folder here itself."""
        return any(source.holds(str(path)) for source in self.sources)


@dataclass(frozen=True)
class Flow:
    """
    The steps that a build of an image needs, by line and in file order.

    `numbers` has the line of each step by the stage and the number that BuildKit shows it with.
    """

    nodes: Mapping[int, Node]
    numbers: Mapping[tuple[str, int], int]

    def line_of(self, step: Step) -> int | None:
        """The line of a step that is known by its name only; None where it is no step of this image."""
        line = self.numbers.get((step.stage.lower(), step.number))
        if line is None:
            return None
        # BuildKit shows the text with its variables expanded, and of a here-document the first line.
        begin = " ".join(self.nodes[line].instruction.text.partition("\n")[0].partition("$")[0].split()).rstrip("\\ ")
        keyword, _, rest = begin.partition(" ")
        return line if " ".join(step.instruction.split()).startswith(f"{keyword.upper()} {rest}".rstrip()) else None

    def chain(self, line: int) -> Iterator[Node]:
        """The steps that one is laid over, nearest first: up its stage, then up the stage it starts from."""
        before = self.nodes[line].before
        while before is not None:
            yield self.nodes[before]
            before = self.nodes[before].before

    def upstream(self, line: int) -> tuple[Node, ...]:
        """Every step whose result reaches one, it included, by line: also through COPY --from."""
        seen, waiting = set[int](), [line]
        while waiting:
            at = waiting.pop()
            if at not in seen:
                seen.add(at)
                node = self.nodes[at]
                waiting += [*node.copied, *([node.before] if node.before is not None else [])]
        return tuple(self.nodes[at] for at in sorted(seen))

    def downstream(self, line: int) -> tuple[Node, ...]:
        """Every step that one reaches, it included, by line."""
        return tuple(node for node in self.nodes.values() if self.nodes[line] in self.upstream(node.line))


def load_flow(image: Image) -> Flow:
    """
    The flow of an image. What its Dockerfile takes from other images has no line here and is left out.

    Source: BuildKit frontend/dockerfile/dockerfile2llb (which instructions make a vertex, and what goes into its key).
    """
    file = image.dockerfile
    folders = _folders(image)
    nodes: dict[int, Node] = {}
    numbers: dict[tuple[str, int], int] = {}
    last: dict[int, int | None] = {}  # stage index -> the line of its last step
    scopes: dict[int, _Scope] = {}
    defaults = file.global_args
    for stage in reachable_stages(file, image.target, contexts=image.contexts):
        parent = _stage_before(image, stage, stage.base)
        line = last.get(parent.index) if parent else None
        scope = scopes[parent.index].copy() if parent and parent.index in scopes else _Scope({}, set())
        # Of the FROMs only those of upstream images are steps.
        number = 1 if parent is None and stage.base in image.upstreams else 0
        for instruction in stage.instructions:
            _enter(instruction, scope, defaults, image.args)
            if not _makes_a_step(instruction):
                continue
            number += 1
            numbers[_shown_name(image, stage), number] = instruction.line
            earlier = [_stage_before(image, stage, name) for name in copied_from(instruction)]
            copied = [last[found.index] for found in earlier if found is not None and found.index in last]
            nodes[instruction.line] = Node(
                stage=stage,
                instruction=instruction,
                before=line,
                copied=tuple(sorted(at for at in copied if at is not None)),
                sources=tuple(_sources(instruction, image.context, folders, scope.values)),
                arguments=_arguments(instruction, scope.values),
            )
            line = instruction.line
        last[stage.index], scopes[stage.index] = line, scope
    return Flow(nodes, numbers)


@dataclass
class _Scope:
    """What a stage's instructions see: values by name, and which of the names are environment variables."""

    values: dict[str, str]
    variables: set[str]

    def copy(self) -> _Scope:
        return _Scope(dict(self.values), set(self.variables))


def _makes_a_step(instruction: Instruction) -> bool:
    """Instructions that change metadata only make none, and the root folder need not be made."""
    is_root = instruction.keyword == "WORKDIR" and not "".join(instruction.values).strip("/")
    return instruction.keyword in _LAYERS and not is_root


def _shown_name(image: Image, stage: Stage) -> str:
    """How BuildKit shows a stage: without its name where it is the only one."""
    only = len(image.dockerfile.stages) == 1
    return ONLY_STAGE if only else (stage.name or f"stage-{stage.index}").lower()


def _folders(image: Image) -> dict[str, Path]:
    """The named contexts that are folders here."""
    return {name: Path(value) for name, value in image.contexts.items() if is_folder(Path(value))}


def _stage_before(image: Image, stage: Stage, name: str) -> Stage | None:
    """The earlier stage of that name, unless a named context stands in for it."""
    if name in image.contexts:
        return None
    return find_stage(image.dockerfile, name, before=stage)


def _sources(
    instruction: Instruction, context: Path, folders: Mapping[str, Path], scope: Mapping[str, str]
) -> Iterator[Source]:
    excluded = tuple(flag.partition("=")[2] for flag in instruction.flags if flag.startswith("--exclude="))
    for word in context_sources(instruction):
        yield Source(context, _pattern(_expanded(word, scope)), excluded)
    for name in copied_from(instruction):
        if name in folders:
            yield from (
                Source(folders[name], _pattern(_expanded(word, scope)), excluded)
                for word in _taken_from(instruction, name)
            )


def _taken_from(instruction: Instruction, name: str) -> Iterator[str]:
    """What an instruction takes from another context: the operands of COPY, the source of a mount."""
    if instruction.keyword in ("COPY", "ADD"):
        yield from instruction.values[:-1]
    for flag in instruction.flags:
        fields = dict(part.partition("=")[::2] for part in flag.removeprefix("--mount=").split(","))
        if flag.startswith("--mount=") and fields.get("from") == name:
            yield fields.get("source") or fields.get("src") or "."


def _pattern(word: str) -> str:
    """A source as a path below its folder: `./src/` is `src`, `/` is all of it."""
    return posixpath.normpath(f"/{word}").lstrip("/") or "."


@lru_cache(maxsize=1000)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a pattern of COPY, which may have wildcards, names a path or a folder above it."""
    if not any(character in pattern for pattern in patterns for character in "*?[!\\"):
        folders = tuple(f"{pattern}/" for pattern in patterns)
        return lambda path: path in patterns or path.startswith(folders)
    try:
        return ignorer(patterns)
    except ConfigError:
        return lambda _: False  # BuildKit refuses such a pattern; the build says so


def _enter(instruction: Instruction, scope: _Scope, defaults: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Enter what ARG and ENV define; an argument without any value is entered as it is declared, empty."""
    if instruction.keyword == "ARG":
        for word in instruction.values:
            name, has_default, default = word.partition("=")
            fallback = _expanded(default.strip("\"'"), scope.values) if has_default else defaults.get(name, "")
            if name not in scope.variables:  # ENV wins over ARG, also over a later one
                scope.values[name] = given.get(name, fallback)
    if instruction.keyword == "ENV":
        pairs = zip(instruction.values[::2], instruction.values[1::2], strict=False)
        entered = {name: _expanded(value.strip("\"'"), scope.values) for name, value in pairs}
        scope.values.update(entered)
        scope.variables.update(entered)


def _arguments(instruction: Instruction, scope: Mapping[str, str]) -> frozenset[str]:
    """A RUN sees every argument and variable above it; the other instructions only those they name."""
    if instruction.keyword == "RUN":
        return frozenset(scope)
    return frozenset(name for name in _VARIABLE.findall(instruction.text) if name in scope)


def _expanded(word: str, scope: Mapping[str, str]) -> str:
    """A path with its variables; one that cannot be expanded stands for anything."""
    if "$" not in word:
        return word
    import expandvars

    try:
        return str(expandvars.expand(word, environ=dict(scope), nounset=False))
    except expandvars.ExpandvarsException:
        return "*"
