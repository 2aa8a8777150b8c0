"""Which images scripts and CI workflows build, in which order, and where they keep the cache."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from layerproof.policy import PipelinesSubject, Place
from layerproof.policy.script_commands import Line, is_make_file, script_lines, shell_lines
from layerproof.yaml_text import YamlNode

# ${{ matrix.image }}
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
# {{defaultContext}}:web
_DEFAULT_CONTEXT = re.compile(r"^\{\{defaultContext\}\}:?")
_ENV = re.compile(r"\$\{\{env\.(\w+)\}\}")
# Options of docker, of docker build and of docker compose that take no value.
_SWITCHES = {
    *("--load", "--push", "--pull", "--no-cache", "--rm", "--force-rm", "--quiet", "-q", "--squash", "--compress"),
    *("--check", "--debug", "-D", "--print", "--build", "-d", "--detach", "--wait", "--force-recreate", "-V", "-v"),
    *(
        "--remove-orphans",
        "--no-deps",
        "--quiet-pull",
        "--with-dependencies",
        "--no-recreate",
        "--always-recreate-deps",
    ),
    *("--abort-on-container-exit", "--abort-on-container-failure", "--no-color", "--no-log-prefix", "--no-start"),
    *("--renew-anon-volumes", "--compatibility", "--dry-run", "--all-resources", "-y", "--yes", "--verbose", "--tls"),
}


class CacheTarget(Struct, frozen=True):
    """One entry of `cache-to` as it is written, expressions without their spaces; for bake, of which target."""

    text: str
    place: Place
    target: str = ""


class CiBuild(Struct, frozen=True):
    """
    One command or step that builds.

    Attributes:
        sequence: what runs one after the other; builds of different ones may run in any order.
        job: the file, and in a workflow the job.
        names: the services of `compose`, the targets of `bake`; none for all of them.
        variant: the platforms and build arguments, as written.
        varying: the names of the matrix that have several values.
        files: the compose or bake files that it names itself.
    """

    kind: Literal["build", "bake", "compose"]
    place: Place
    sequence: str
    job: str
    folder: str = ""
    context: str = ""
    file: str = ""
    target: str = ""
    variant: str = ""
    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    caches: tuple[CacheTarget, ...] = ()
    varying: frozenset[str] = field(default_factory=frozenset)


def find_builds(subject: PipelinesSubject) -> Iterator[CiBuild]:
    """Every build, file by file, in the order in which they stand there."""
    for path, workflow in sorted(subject.workflows.items()):
        yield from _of_workflow(path, workflow)
    for path, text in sorted(subject.scripts.items()):
        lines = [(line, Place(path, line.number)) for line in script_lines(path, text)]
        start = CiBuild("build", Place(path, 1), str(path), str(path))
        yield from _of_lines(lines, start, keeps_folder=not is_make_file(path))


def _of_workflow(path: Path, workflow: YamlNode) -> Iterator[CiBuild]:
    jobs = workflow.get("jobs")
    if jobs is None and workflow.get("runs") is None:
        yield from _of_gitlab(path, workflow)
        return
    for name, job in {**(jobs.items if jobs else {}), "runs": workflow.get("runs")}.items():
        if job is None:
            continue
        start = CiBuild("build", Place(path, job.line), f"{path}#{name}", f"{path}#{name}", varying=_varying(job))
        values = {**_environment(workflow), **_environment(job)}
        default = job.text("defaults", "run", "working-directory") or workflow.text(
            "defaults", "run", "working-directory"
        )
        steps = job.get("steps")
        for step in steps.items.values() if steps else ():
            known = {**values, **_environment(step)}
            if step.get("uses"):
                yield from _of_action(step, start, known)
            elif run := step.get("run"):
                folder = step.text("working-directory") or default
                yield from _of_text(run, replace(start, folder=_folder("", folder)), known)


def _of_gitlab(path: Path, workflow: YamlNode) -> Iterator[CiBuild]:
    for name, job in workflow.items.items():
        start = CiBuild("build", Place(path, job.line), f"{path}#{name}", f"{path}#{name}")
        values = {**_values_of(workflow.get("variables")), **_values_of(job.get("variables"))}
        for key in ("before_script", "script"):
            entries = job.get(key)
            for entry in (entries.items.values() or [entries]) if entries else ():
                yield from _of_text(entry, start, values)


def _varying(job: YamlNode) -> frozenset[str]:
    """The names of a matrix that may have several values; what is computed may."""
    matrix = job.get("strategy", "matrix")
    if matrix is None:
        return frozenset()
    if matrix.scalar:
        return frozenset({"*"})
    include = matrix.get("include")
    rows = list(include.items.values()) if include else []
    names = {name for name, node in matrix.items.items() if node.scalar or len(node.items) > 1}
    dynamic = {"*"} if include and include.scalar else set()
    given = {name for row in rows for name in row.items}
    added = {name for name in given if len(rows) > 1 or matrix.get(name)}
    return frozenset((names | added | dynamic) - {"include", "exclude"})


def _environment(node: YamlNode) -> dict[str, str]:
    return _values_of(node.get("env"))


def _values_of(node: YamlNode | None) -> dict[str, str]:
    return {name: tidy(value.scalar) for name, value in (node.items if node else {}).items() if value.scalar}


def tidy(text: str) -> str:
    """A text with the spaces in its expressions taken away, so that equal ones are equal."""
    return _EXPRESSION.sub(lambda found: "${{" + re.sub(r"\s+", "", found[1]) + "}}", text)


def _resolved(text: str, values: Mapping[str, str]) -> str:
    return _ENV.sub(lambda found: values.get(found[1], found[0]), tidy(text)).replace("${{github.workspace}}", ".")


def _of_action(step: YamlNode, start: CiBuild, values: Mapping[str, str]) -> Iterator[CiBuild]:
    uses = step.text("uses").partition("@")[0]
    given = step.get("with") or YamlNode(step.line)

    def text(name: str) -> str:
        return _resolved(given.text(name), values)

    caches = [(line, _resolved(entry, values)) for line, entry in _entries(given.get("cache-to"))]
    path = start.place.path
    if uses == "docker/build-push-action":
        yield replace(
            start,
            place=Place(path, step.line),
            context=_folder("", _DEFAULT_CONTEXT.sub("./", text("context")) or "."),
            file=text("file"),
            target=text("target"),
            variant=f"{text('platforms')} {text('build-args')}",
            tags=tuple(re.split(r"[\s,]+", text("tags").strip())) if text("tags").strip() else (),
            caches=tuple(CacheTarget(entry, Place(path, line)) for line, entry in caches),
        )
    if uses == "docker/bake-action":
        entries = [(line, _resolved(entry, values)) for line, entry in _entries(given.get("set"))]
        yield replace(
            start,
            kind="bake",
            place=Place(path, step.line),
            names=tuple(re.split(r"[\s,]+", text("targets").strip())) if text("targets").strip() else (),
            files=tuple(text("files").split()),
            caches=tuple(_settings([(entry, Place(path, line)) for line, entry in entries])),
        )


def _entries(node: YamlNode | None) -> Iterator[tuple[int, str]]:
    """The lines of an input that is a list, one entry a line, or of a list."""
    if node is None:
        return
    for item in node.items.values():
        yield item.line, (item.scalar or "").strip()
    for n, entry in enumerate((node.scalar or "").split("\n")):
        if entry.strip():
            yield node.line + (n + 1 if node.is_block else 0), entry.strip()


def _settings(entries: Sequence[tuple[str, Place]]) -> Iterator[CacheTarget]:
    """Of `TARGET.KEY=VALUE` those that say where the cache goes."""
    for entry, place in entries:
        key, _, value = entry.partition("=")
        target, _, name = key.rpartition(".")
        if name in ("cache-to", "cache-to+"):
            yield CacheTarget(value, place, target)


def _of_text(node: YamlNode, start: CiBuild, values: Mapping[str, str]) -> Iterator[CiBuild]:
    """The builds of a shell text in a workflow; expressions pass through the shell as one word."""
    expressions: list[str] = []

    def hide(found: re.Match[str]) -> str:
        expressions.append(_resolved(found.group(0), values))
        return f"__{len(expressions) - 1}__"

    text = _EXPRESSION.sub(hide, node.scalar or "")
    first = node.line if node.is_block else node.line - 1
    lines = []
    for line in shell_lines(text, values=dict(values)):
        number = first + (line.number if node.is_block else 1)
        shown = tuple(tuple(_restored(word, expressions) for word in words) for words in line.commands)
        lines.append((replace(line, number=number, commands=shown), Place(start.place.path, number)))
    yield from _of_lines(lines, start, keeps_folder=True)


def _restored(word: str, expressions: Sequence[str]) -> str:
    return re.sub(r"__(\d+)__", lambda found: expressions[int(found[1])], word)


def _of_lines(lines: Sequence[tuple[Line, Place]], start: CiBuild, *, keeps_folder: bool) -> Iterator[CiBuild]:
    folder = start.folder
    for line, place in lines:
        here = folder if keeps_folder else start.folder
        sequence = f"{start.sequence}#{line.block}" if line.block else start.sequence
        for words in line.commands:
            if words[0] in ("cd", "pushd") and len(words) > 1:
                here = _folder(here, words[1])
            elif found := _build_of(words, replace(start, place=place, folder=here, sequence=sequence)):
                yield found
        folder = here


def _folder(here: str, to: str) -> str:
    """A folder relative to where the file's commands start; "" where that is not known to be another one."""
    if to.startswith("/") or "$" in to.partition("${{")[0] or to == "-":
        return "" if to == "-" or not to.startswith("/") else to
    return posixpath.normpath(posixpath.join(here, to)) if to else here


def _build_of(words: Sequence[str], start: CiBuild) -> CiBuild | None:
    program = words[0].rsplit("/", 1)[-1]
    if program not in ("docker", "docker-compose", "podman"):
        return None
    plain, options = _parsed(words[1:])
    verbs = (["compose"] if program == "docker-compose" else []) + plain
    while verbs[:1] and verbs[0] in ("buildx", "image", "builder"):
        verbs = verbs[1:]
    caches = tuple(CacheTarget(entry, start.place) for entry in options.get("--cache-to", ()))
    files = (*options.get("-f", ()), *options.get("--file", ()))
    if verbs[:1] in (["build"], ["b"]):
        context = verbs[-1] if len(verbs) > 1 else ""
        return replace(
            start,
            context=_folder(start.folder, context) if context and context != "-" else "",
            file=_folder(start.folder, files[-1]) if files else "",
            target=(options.get("--target") or ("",))[-1],
            tags=(*options.get("-t", ()), *options.get("--tag", ())),
            caches=caches,
        )
    if verbs[:1] == ["bake"]:
        settings = tuple(_settings([(entry, start.place) for entry in options.get("--set", ())]))
        return replace(start, kind="bake", names=tuple(verbs[1:]), files=files, caches=settings)
    is_up = verbs[:2] == ["compose", "up"] and "--build" in words
    if verbs[:2] == ["compose", "build"] or is_up:
        return replace(start, kind="compose", names=tuple(verbs[2:]), files=files)
    return None


def _parsed(words: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The words that are no options, and the values of those that have one."""
    plain: list[str] = []
    options: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, has_value, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            plain.append(word)
        elif has_value:
            options.setdefault(name, []).append(value)
        elif word not in _SWITCHES and rest:
            options.setdefault(name, []).append(rest.pop(0))
    return plain, options
