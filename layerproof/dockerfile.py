"""Dockerfile text to stages and references: BuildKit's own parser (package `dockerfile`) and argument expansion."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import dockerfile
import expandvars

from layerproof.errors import ConfigError
from layerproof.model import Dockerfile, Instruction, Stage

_KEYWORDS = re.compile(
    "ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME"
    "|WORKDIR"
)
# node:18-slim, registry.example:5000/team/app@sha256:0123, deps; not `node:`, which an argument without a value gives
_REFERENCE = re.compile(r"\w([\w./:@-]*\w)?")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

MAX_SHOWN = 60
# RUN --mount=type=cache,target=/root/.npm --network=none npm ci, COPY --chown=1:1 --link a b; not COPY --from=x
_FLAGS = re.compile(r"^(\w+)\s+(?:--(?:mount|network|security|chown|chmod|link|parents|exclude)(?:=\S+)?\s+)+")
# ${VERSION%.*}, ${TAG#v}, ${NAME//-/_}
_TRIMMED = re.compile(r"\$\{(?P<name>\w+)(?P<how>##?|%%?|//?)(?P<rest>[^}]*)\}")


def parse_dockerfile(text: str, *, path: Path, args: Mapping[str, str] | None = None, platform: str = "") -> Dockerfile:
    """
    Parse a Dockerfile and expand the arguments in its FROM lines.

    Args:
        path: where the text came from, for messages.
        args: build arguments from outside; they win over the defaults in the file.
        platform: what is built for, as `linux/arm64/v8`; "" for this machine.

    Returns:
        The stages in file order; a file without a FROM is an error, as it is for BuildKit.

    Raises:
        ConfigError: the text does not parse, or a FROM is no image reference once its arguments are expanded.

    Source: BuildKit frontend/dockerfile/{parser,instructions,dockerfile2llb}.
    """
    given, declared = dict(args or {}), set[str]()
    # FROM sees the arguments declared above the first one, and the platform's; not those of the stages.
    scope = {name: given.get(name, value) for name, value in _platform_args(platform).items()}
    stages: list[Stage] = []
    for instruction in _instructions(text, path):
        if instruction.keyword == "ARG":
            declared.update(word.partition("=")[0] for word in instruction.values)
            if not stages:
                _enter_defaults(instruction, scope, given, path)
        if instruction.keyword == "FROM":
            stages.append(_stage(instruction, len(stages), scope, path))
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.index, last.name, last.base, last.line, (*last.instructions, instruction))
        elif instruction.keyword != "ARG":
            raise ConfigError(
                f"{path}:{instruction.line}: {instruction.keyword} before the first FROM",
                hint="Only ARG may stand before FROM.",
            )
    if not stages:
        raise ConfigError(f"{path}:1: no FROM instruction", hint="A Dockerfile needs at least one FROM.")
    return Dockerfile(path, text, tuple(stages), frozenset(declared), scope)


def load_dockerfile(path: Path, *, args: Mapping[str, str] | None = None, platform: str = "") -> Dockerfile:
    """Read and parse a file; see `parse_dockerfile`."""
    try:
        # As bytes: the line ends must stay, because BuildKit's provenance is matched by the exact text. Like BuildKit,
        # do not mind a comment in another encoding.
        text = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such Dockerfile", hint="Check build.dockerfile in the compose file."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="Make it a readable file.") from error
    return parse_dockerfile(text, path=path, args=args, platform=platform)


def parse_again(file: Dockerfile, text: str, *, args: Mapping[str, str]) -> Dockerfile:
    """Another text in the place of a Dockerfile, for the same platform."""
    return parse_dockerfile(text, path=file.path, args=args, platform=file.global_args["TARGETPLATFORM"])


def find_stage(file: Dockerfile, name: str | None, *, before: Stage | None = None) -> Stage | None:
    """
    The stage of that name or index; the last one for None. `before` leaves out itself and what follows it.

    As for BuildKit, case does not matter and the last of two stages with one name holds; `stage-<index>`, which is how
    BuildKit shows a stage without a name, is understood too.
    """
    if name is None:
        return file.stages[-1]
    return _find(file.stages[: before.index] if before else file.stages, name)


def reachable_stages(file: Dockerfile, target: str | None, *, contexts: Collection[str] = ()) -> tuple[Stage, ...]:
    """
    The stages that a build of `target` needs, in file order; empty when there is no such stage.

    Args:
        contexts: the names of the named contexts; a stage of such a name is not built, the context stands in for it.
    """
    first = find_stage(file, target)
    seen: dict[int, Stage] = {}
    waiting = [first] if first else []
    while waiting:
        stage = waiting.pop()
        if stage.index in seen:
            continue
        seen[stage.index] = stage
        for name in stage_references(stage):
            before = _find(file.stages[: stage.index], name)
            if before is not None and name not in contexts:
                waiting.append(before)
    return tuple(seen[index] for index in sorted(seen))


def external_references(file: Dockerfile, target: str | None, *, contexts: Collection[str] = ()) -> tuple[str, ...]:
    """
    The images and named contexts from outside the file that a build of `target` needs; sorted, without `scratch`.

    Args:
        contexts: as for `reachable_stages`; what only the stages that they stand in for need is left out.
    """
    found = set[str]()
    for stage in reachable_stages(file, target, contexts=contexts):
        earlier = file.stages[: stage.index]
        found.update(name for name in stage_references(stage) if _find(earlier, name) is None)
    return tuple(sorted(found - {"scratch"}))


def stage_references(stage: Stage) -> Iterator[str]:
    """Every stage or image that a stage names: FROM, COPY --from, ADD --from and RUN --mount=from=."""
    yield stage.base
    for instruction in stage.instructions:
        yield from copied_from(instruction)


def copied_from(instruction: Instruction) -> Iterator[str]:
    """Every stage, image or named context that one instruction takes files from."""
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name == "--from":
            yield value
        if name == "--mount":
            # type=bind,from=deps,target=/x
            yield from (part[len("from=") :] for part in value.split(",") if part.startswith("from="))


def context_sources(instruction: Instruction) -> tuple[str, ...]:
    """
    The paths that COPY, ADD or a bind mount of RUN takes from the build context, as written.

    Copies from another stage or image, here-documents and URLs are no part of the context.
    """
    if instruction.keyword in ("COPY", "ADD"):
        if any(flag.startswith("--from=") for flag in instruction.flags):
            return ()
        return tuple(
            word for word in instruction.values[:-1] if not word.startswith(("<<", "git@")) and "://" not in word
        )
    if instruction.keyword == "RUN":
        return tuple(source for flag in instruction.flags if (source := _bind_source(flag)))
    return ()


def short_instruction(text: str) -> str:
    """An instruction on one line, without mounts and modes; a here-document ends with its first line."""
    line = " ".join((text.partition("\n")[0] if "<<" in text else text).replace("\\\n", " ").split())
    words = _FLAGS.sub(r"\1 ", line)
    return words if len(words) <= MAX_SHOWN else words[: MAX_SHOWN - 1] + "…"


def _instructions(text: str, path: Path) -> Iterator[Instruction]:
    if "\0" in text:
        # The parser takes a C string, which ends here.
        line = text[: text.index("\0")].count("\n") + 1
        raise ConfigError(f"{path}:{line}: a NUL character", hint="Save the file as UTF-8.")
    try:
        commands = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        # "dockerfile parse error on line 3: unknown instruction"
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else 1
        raise ConfigError(f"{path}:{line}: {error}", hint="Mend the Dockerfile; it does not parse.") from error
    for command in commands:
        # The parser takes any word for an instruction, and none (a lone backslash); BuildKit does not.
        keyword = (command.cmd or "").upper()
        if not _KEYWORDS.fullmatch(keyword):
            raise ConfigError(
                f"{path}:{command.start_line}: unknown instruction {command.cmd or command.original}",
                hint="Mend the Dockerfile; BuildKit refuses it as well.",
            )
        yield Instruction(keyword, command.value, command.flags, command.original, command.start_line, command.end_line)


def _find(stages: Sequence[Stage], name: str) -> Stage | None:
    for stage in reversed(stages):
        if name.lower() in ((stage.name or "").lower(), f"stage-{stage.index}", str(stage.index)):
            return stage
    return None


def _stage(instruction: Instruction, index: int, scope: Mapping[str, str], path: Path) -> Stage:
    words = instruction.values
    name = words[2] if len(words) == 3 and words[1].upper() == "AS" else None
    if not words or len(words) not in (1, 3) or (len(words) == 3 and name is None):
        raise ConfigError(
            f"{path}:{instruction.line}: FROM takes one image and at most one AS name", hint="FROM image AS name"
        )
    base = _unquoted(words[0], scope, path, instruction.line)
    if not _REFERENCE.fullmatch(base):
        raise ConfigError(
            f"{path}:{instruction.line}: FROM {words[0]} is {base!r} once its arguments are expanded: no image",
            hint="Give the ARG a default above the first FROM, or a value in [tool.layerproof.args].",
        )
    return Stage(index, name, base, instruction.line)


def _enter_defaults(instruction: Instruction, scope: dict[str, str], given: Mapping[str, str], path: Path) -> None:
    """Enter the values of an ARG above the first FROM into `scope`: the given one, else its default."""
    for word in instruction.values:
        name, has_default, default = word.partition("=")
        if name in given:
            scope[name] = given[name]
        elif has_default:
            scope[name] = _unquoted(default, scope, path, instruction.line)


def _unquoted(word: str, scope: Mapping[str, str], path: Path, line: int) -> str:
    """A default without its quotes; nothing is expanded inside single ones."""
    if len(word) > 1 and word[0] == word[-1] == "'":
        return word[1:-1]
    return _expand(word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word, scope, path, line)


def _expand(word: str, scope: Mapping[str, str], path: Path, line: int) -> str:
    try:
        return str(expandvars.expand(trimmed(word, scope), environ=scope))
    except expandvars.ExpandvarsException as error:
        raise ConfigError(f"{path}:{line}: cannot expand {word!r}: {error}", hint="Check the ARG.") from error


def trimmed(word: str, scope: Mapping[str, str]) -> str:
    """A word with `${name#prefix}`, `${name%suffix}` and `${name/old/new}` expanded, which expandvars does not know."""
    return _TRIMMED.sub(lambda found: _trim(scope.get(found["name"], ""), found["how"], found["rest"]), word)


def _trim(value: str, how: str, rest: str) -> str:
    """`${name#pattern}` and its kin, as BuildKit's shell lexer has them; `*` and `?` are wildcards."""
    if how in ("/", "//"):
        pattern, _, new = rest.partition("/")
        return re.sub(_wildcard(pattern, greedy=True), lambda _: new, value, count=1 if how == "/" else 0)
    expression = _wildcard(rest, greedy=len(how) == 2)
    if how[0] == "#":
        return re.sub(rf"^(?:{expression})", "", value, count=1)
    # The shortest suffix starts at the last place that matches to the end, the longest at the first.
    places = range(len(value) + 1) if how == "%%" else range(len(value), -1, -1)
    start = next((place for place in places if re.fullmatch(expression, value[place:])), len(value))
    return value[:start]


def _wildcard(pattern: str, *, greedy: bool) -> str:
    tokens = {"*": ".*" if greedy else ".*?", "?": "."}
    return "".join(tokens.get(character) or re.escape(character) for character in pattern)


def this_platform() -> str:
    """`linux/amd64`: what a build on this machine is for unless something else is said."""
    machine = os.uname().machine
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def _platform_args(platform: str) -> dict[str, str]:
    """The arguments that BuildKit predefines for FROM lines."""
    found = {}
    for side, name in (("BUILD", this_platform()), ("TARGET", platform or this_platform())):
        system, arch, variant = (*name.split("/"), "", "")[:3]
        found.update({f"{side}PLATFORM": name, f"{side}OS": system, f"{side}ARCH": arch, f"{side}VARIANT": variant})
    return found


def _bind_source(flag: str) -> str:
    # --mount=type=bind,source=package.json,target=package.json
    name, _, value = flag.partition("=")
    fields = dict(part.partition("=")[::2] for part in value.split(","))
    if name != "--mount" or fields.get("type", "bind") != "bind" or "from" in fields:
        return ""
    return fields.get("source") or fields.get("src") or "."
