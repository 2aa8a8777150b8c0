"""What each instruction of an image stands on: instructions before it, files, arguments. Read from the text alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from layerproof.context import ignorer
from layerproof.dockerfile import context_sources, copied_from, find_stage, reachable_stages
from layerproof.errors import ConfigError
from layerproof.model import Image, Instruction, Stage, Step
from layerproof.paths import is_folder
from layerproof.progress import ONLY_STAGE
from layerproof.scope import Scope, State, expanded

_LAYERS = ("RUN", "COPY", "ADD", "WORKDIR")
# RUN ["npm", "ci"], RUN --network=none ["npm", "ci"]
_EXEC_FORM = re.compile(r"\w+\s+(?:--\S+\s+)*\[")
# --mount=type=bind,from=deps,target=/x
_FROM_FIELD = re.compile(r",from=[^,]*|(?<==)from=[^,]*,?")
# --mount=type=cache,id=npm,target=/root/.npm,sharing=locked
_CACHE_FIELD = re.compile(r",(?:id|sharing)=[^,]*|(?<==)(?:id|sharing)=[^,]*,?")
# $NAME, ${NAME}, ${NAME:-default}
_VARIABLE = re.compile(r"\$\{?(\w+)")
# <<EOF, <<-EOF, <<'EOF': the quote before its word
_HERE = re.compile(r"<<-?(['\"]?)\w")


class Source(Struct, frozen=True):
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
        # --exclude goes by the path in the folder that is copied, also of one that a wildcard names; a file stays.
        within = relative if self.pattern == "." else "/".join(relative.split("/")[self.pattern.count("/") + 1 :])
        return inside and not (within and self.excluded and _matcher(self.excluded)(within))


class Node(Struct, frozen=True):
    """
    An instruction that makes a step.

    `before` is the line of the step it is laid over, None for the first one; `copied` are the lines of the steps whose
    results it copies files from, and `others` what it names from outside the file; `arguments` are the variables whose
    values decide whether it is cached. `state` is what it finds, and `words` are its operands with their variables.
    """

    stage: Stage
    instruction: Instruction
    before: int | None
    copied: tuple[int, ...]
    sources: tuple[Source, ...]
    arguments: frozenset[str]
    state: State
    words: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def line(self) -> int:
        """Where it starts; no two instructions share a line."""
        return self.instruction.line

    def takes(self, path: Path | str) -> bool:
        """Whether it takes a file of a folder here itself."""
        return any(source.holds(str(path)) for source in self.sources)


class Flow(Struct, frozen=True):
    """
    The steps that a build of an image needs, by line and in file order.

    `numbers` has the line of each step by the stage and the number that BuildKit shows it with; `end` is what the
    target stage leaves to whatever starts from the image.
    """

    nodes: Mapping[int, Node]
    numbers: Mapping[tuple[str, int], int]
    end: State

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


def load_flow(
    image: Image, *, inherited: Mapping[str, State] | None = None, named: Collection[str] | None = None
) -> Flow:
    """
    The flow of an image. What its Dockerfile takes from other images has no line here and is left out.

    Args:
        inherited: what images from outside the file leave to a stage that starts from them, by the name FROM has.
        named: which of the named contexts are folders; None for those that are folders on the disk now.

    Source: BuildKit frontend/dockerfile/dockerfile2llb (which instructions make a vertex, and what goes into its key).
    """
    file = image.dockerfile
    folders = _folders(image) if named is None else {name: Path(image.contexts[name]) for name in named}
    nodes: dict[int, Node] = {}
    numbers: dict[tuple[str, int], int] = {}
    ends: dict[int, State] = {}
    end = State(None, "scratch")
    for stage in reachable_stages(file, image.target, contexts=image.contexts):
        parent = _stage_before(image, stage, stage.base)
        outside = (inherited or {}).get(stage.base, State(None, stage.base))
        state = ends[parent.index] if parent and parent.index in ends else replace(outside, line=None, base=stage.base)
        # The arguments of another image end with it; its environment goes on.
        scope = Scope(state, {**(state.variables if parent else {}), **state.environment})
        # Of the FROMs only those of upstream images are steps.
        number = 1 if parent is None and stage.base in image.upstreams else 0
        for instruction in stage.instructions:
            scope.enter(instruction, defaults=file.global_args, given=image.args)
            if not _makes_a_step(instruction):
                continue
            number += 1
            numbers[_shown_name(image, stage), number] = instruction.line
            names = tuple(copied_from(instruction))
            earlier = {name: _stage_before(image, stage, name) for name in names}
            taken = [ends[found.index] for found in earlier.values() if found and found.index in ends]
            nodes[instruction.line] = Node(
                stage=stage,
                instruction=instruction,
                before=scope.line,
                copied=tuple(sorted({item.line for item in taken if item.line is not None})),
                sources=tuple(_sources(instruction, image.context, folders, scope.values)),
                arguments=_arguments(instruction, scope.values),
                state=scope.state(),
                words=_words(instruction, scope),
                others=(
                    *(name for name in names if earlier[name] is None and name not in folders),
                    # A stage that is an image and nothing more: FROM uv:0.4 AS uv
                    *(item.base for item in taken if item.line is None and item.base != "scratch"),
                ),
            )
            scope.line = instruction.line
        end = ends[stage.index] = scope.state()
    return Flow(nodes, numbers, end)


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
        yield Source(context, _pattern(expanded(word, scope)), excluded)
    for name in copied_from(instruction):
        if name in folders:
            yield from (
                Source(folders[name], _pattern(expanded(word, scope)), excluded)
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


def _words(instruction: Instruction, scope: Scope) -> tuple[str, ...]:
    """
    What BuildKit makes of an instruction's own text. The shell expands that of RUN; a stage's name is none of it, since
    the files that are copied count; a path that is not absolute is one below the working folder.
    """
    flags = tuple(flag for flag in instruction.flags if not flag.startswith("--from="))
    text = instruction.text
    body = (text.partition("\n")[2],) if "<<" in text and "\n" in text else ()
    if instruction.keyword == "RUN":
        # Which cache is mounted, and how it is shared, does not count.
        mounts = (_CACHE_FIELD.sub("", flag) if "type=cache" in flag else _FROM_FIELD.sub("", flag) for flag in flags)
        return ("exec" if _EXEC_FORM.match(text) else "shell", *mounts, *instruction.values, *body)
    if instruction.keyword == "WORKDIR":
        return (posixpath.normpath(scope.settings.get("WORKDIR", "/")),)
    values = [expanded(word, scope.values) for word in instruction.values]
    if values:
        # With --parents the place of /./ decides what of the path is kept.
        as_written = any(flag.partition("=")[0] == "--parents" for flag in flags)
        sources = (
            word if as_written or "://" in word or word.startswith("<<") else _pattern(word) for word in values[:-1]
        )
        to = posixpath.join(scope.settings.get("WORKDIR", "/"), values[-1])
        # A slash at the end makes it a folder.
        slash = "/" if values[-1].endswith("/") or values[-1] == "." else ""
        values = [*sources, posixpath.normpath(to).rstrip("/") + slash]
    # BuildKit expands the text of a here-document, too, but not where its word is quoted.
    named = _VARIABLE.findall("".join(body)) if _expands_body(text) else ()
    used = (f"{name}={scope.values.get(name, '')}" for name in named)
    return (*(expanded(flag, scope.values) for flag in flags), *values, *body, *used)


def _arguments(instruction: Instruction, scope: Mapping[str, str]) -> frozenset[str]:
    """A RUN sees every argument and variable above it; the other instructions only those they name."""
    if instruction.keyword == "RUN":
        return frozenset(scope)
    text = instruction.text if _expands_body(instruction.text) else instruction.text.partition("\n")[0]
    return frozenset(name for name in _VARIABLE.findall(text) if name in scope)


def _expands_body(text: str) -> bool:
    """Whether variables in the lines below the first one count: not in here-documents whose words are all quoted."""
    quotes = _HERE.findall(text.partition("\n")[0])
    return not quotes or "" in quotes
