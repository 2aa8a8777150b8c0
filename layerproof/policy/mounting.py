"""
Put the cache mounts that a Dockerfile lacks into its text, where that is safe.

It is where the folder is known: the base image is known to start as root, no USER and no variable says otherwise, no
other line speaks of the folder, and no step of the same tool is offline: what it needs would not be in the layer. What
compiles reads its packages from the cache: there either every step that runs the tool gets the mount, or none.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from layerproof.commands import shell_text
from layerproof.dockerfile import copied_from, find_stage, parse_again
from layerproof.errors import ConfigError
from layerproof.model import Image, Instruction, Stage
from layerproof.policy import BuildSubject, target_stage
from layerproof.policy.cache_mounts import (
    CACHES,
    NO_CACHE,
    STORES,
    cache_targets,
    manager_of,
    offline_managers,
    without_cache,
)
from layerproof.policy.chains import stage_chain, upstream_of, whole_chain
from layerproof.policy.installs import downloads
from layerproof.references import upstream_name
from layerproof.shell import simple_commands

# npm --cache /x, pip --cache-dir /x, --packages /x, su node -c 'npm ci'
_ELSEWHERE = re.compile(r"(?<!no)-cache(?:-dir|-folder)?[ =]|--packages|(?<![\w-])(?:su|sudo|gosu|su-exec|chroot) ")
# npm cache clean --force, yarn cache clean, pip cache purge, go clean -modcache
_CLEANS = re.compile(r"cache\s+(?:clean|purge|clear|rm|remove)|clean\s+-\w*cache|clear-?cache|nuget\s+locals")
# Programs that read nothing of what a package manager has downloaded.
_HARMLESS = frozenset(
    """
    [ addgroup adduser apk apt apt-get cat cd chgrp chmod chown cp dnf echo false find git groupadd head id install java
    jar jdeps jlink ldd ln ls microdnf mkdir mv printf rm rustup sed set sha256sum strip tar test touch true unzip
    update-ca-certificates upx useradd usermod yum
    """.split()  # noqa: SIM905  # names read better than quoted lines
)
# bash build.sh
_SCRIPT = re.compile(r"(?<![\w.-])(?:ba|da|a|z|k)?sh\s+[^\s-]")
# run \
_RUN = re.compile(r"[ \t]*RUN(?=[ \t\\`])", re.IGNORECASE)
# syntax=docker/dockerfile:1.1, which knows no mounts
_TOO_OLD = re.compile(r"^#\s*syntax\s*=\s*\S*dockerfile:1\.[01](?:\.\d+)?\s*$", re.MULTILINE | re.IGNORECASE)
# In a JSON list, on a line of its own, alone on the last line, anywhere else.
_DROPPED = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r'"--no-cache-dir"\s*,\s*|\s*,\s*"--no-cache-dir"(?=\s*\])',
        r"^[ \t]*--no-cache-dir[ \t]*[\\`]\r?\n",
        r"[ \t]*[\\`]\r?\n[ \t]*--no-cache-dir(?=[ \t]*\r?\Z)",
        r"[ \t]--no-cache-dir(?=[\s\"';&|)]|\Z)",
    )
)


def mend(subject: BuildSubject, text: str) -> str:
    """The Dockerfile's text with the cache mounts that it lacks and that are safe to add; all else byte by byte."""
    plan = {} if _TOO_OLD.search(text) else _plan(subject)
    while True:
        result, left = _applied(subject, text, plan)
        # Where one step of a tool that compiles cannot be changed, none of its steps may be.
        stores = STORES.keys() & {manager for line in left for manager in plan[line]}
        if not stores:
            return result
        plan = {line: managers for line, managers in plan.items() if stores.isdisjoint(managers)}


def _applied(subject: BuildSubject, text: str, plan: dict[int, set[str]]) -> tuple[str, set[int]]:
    """The text with the mounts of a plan, and the lines of the plan that were left as they are."""
    steps = {item.line: (at, item) for at, item in enumerate(_instructions(subject.image.dockerfile.stages))}
    left = set()
    for line, managers in plan.items():
        at, step = steps[line]
        stage = _stage_at(subject.image, line)
        present = cache_targets(step)
        mounts = [
            f"--mount=type=cache,target={target}{CACHES[manager].options}"
            for manager in sorted(managers)
            for target in _targets(subject, stage, manager)
            if target not in present
        ]
        mended = _mounted(text, step, mounts, at=at, subject=subject, drop="pip" in managers) if mounts else ""
        left |= {line} if mended == text else set()
        text = mended or text
    return text, left


def _plan(subject: BuildSubject) -> dict[int, set[str]]:
    """The managers whose caches each step is to get, by line."""
    plan: dict[int, set[str]] = {}
    refused = set[int]()
    offline = offline_managers(_instructions(subject.image.dockerfile.stages))
    for line, commands in subject.kinds.installs.items():
        node = subject.flow.nodes[line]
        found = [item for item in commands if downloads(item)]
        managers = {manager_of(item) for item in found}
        if not found or cache_targets(node.instruction):
            continue
        # --no-cache-dir goes when pip gets its mount; whatever else turns a cache off was meant.
        works = all(without_cache(item, node) in ("", NO_CACHE * (manager_of(item) == "pip")) for item in found)
        fits = offline.isdisjoint(managers) and all(
            _fits(subject, node.stage, node.instruction, manager) for manager in managers
        )
        if works and fits and len(managers & STORES.keys()) < 2:
            plan[line] = managers
        else:
            refused.add(line)
    for manager in STORES:
        lines = {line for line, managers in plan.items() if manager in managers}
        steps = _steps(subject, manager) if lines else ()
        safe = steps is not None and refused.isdisjoint(steps)
        for line in (steps or ()) if safe else ():
            plan.setdefault(line, set()).add(manager)
        for line in () if safe else lines:
            del plan[line]
    return plan


def _targets(subject: BuildSubject, stage: Stage, manager: str) -> tuple[str, ...]:
    upstream = upstream_name(upstream_of(subject.image, subject.project.images, stage))[0]
    inside = manager == "composer" and upstream == "composer"
    return ("/tmp/cache",) if inside else CACHES[manager].targets  # noqa: S108  # where that image keeps it


def _fits(subject: BuildSubject, stage: Stage, instruction: Instruction, manager: str) -> bool:
    """Whether the folder of the table is the one that a step uses, and nothing else has to do with it."""
    cache = CACHES.get(manager)
    name, tag = upstream_name(upstream_of(subject.image, subject.project.images, stage))
    if cache is None or name not in cache.bases or re.search("windows|nanoserver", tag):
        return False
    above = [
        item for item in _inherited(subject, stage) if item.line < instruction.line or item not in stage.instructions
    ]
    user = next((item.values[-1] for item in above if item.keyword == "USER" and item.values), "root")
    said = [_body(item) for item in above if item.keyword in ("ENV", "ARG")]
    own = _body(instruction)
    moved = re.compile(rf"\b(?:{cache.variables}|HOME|XDG_CACHE_HOME)\b", re.IGNORECASE)
    file = subject.image.dockerfile
    spoken = (_body(item) for item in (*_instructions(file.stages), *above))
    return (
        user.partition(":")[0] in ("root", "0")
        and not any(moved.search(text) for text in (*said, own))
        and not (_ELSEWHERE.search(own) or _CLEANS.search(own))
        and not any(re.search(cache.mentions, text) for text in spoken)
        and _is_that_kind(subject, manager, above, own)
    )


def _is_that_kind(subject: BuildSubject, manager: str, above: list[Instruction], own: str) -> bool:
    """Yarn 1 caches elsewhere than its successors, and Poetry keeps virtual environments among what it caches."""
    texts = "\n".join((own, *(_body(item) for item in above)))
    if manager == "yarn":
        files = (path for paths in subject.files.values() for path in paths)
        return "--frozen-lockfile" in own and not any(".yarn" in path for path in files)
    if manager == "poetry":
        # poetry config virtualenvs.create false, ENV POETRY_VIRTUALENVS_IN_PROJECT=true
        apart = r"virtualenvs\.create\s+false|virtualenvs\.in-project\s+true"
        apart += r"|VIRTUALENVS_CREATE[ =]\W?(?:false|0)|VIRTUALENVS_IN_PROJECT[ =]\W?(?:true|1)"
        return re.search(apart, texts) is not None
    return True


def _steps(subject: BuildSubject, manager: str) -> set[int] | None:
    """
    Every step of the file that runs a tool whose packages have to be there when it compiles.

    None where one of them cannot have the mount, or where the packages may have to stay in an image: a stage that is
    built by name or starts something, a program that nobody knows, a copy of the folder.
    """
    cache, image = CACHES[manager], subject.image
    runs = {
        item.line: (stage, item)
        for stage in image.dockerfile.stages
        for item in stage.instructions
        if item.keyword == "RUN" and _programs(item) & set(cache.programs)
    }
    if not all(_fits(subject, stage, item, manager) for stage, item in runs.values()):
        return None
    users = {stage.index for stage, _ in runs.values()}
    for stage in image.dockerfile.stages:
        if any(item.index in users for item in stage_chain(image, stage)):
            others = [item for item in stage.instructions if item.line not in runs]
            if _is_result(subject, stage) or not all(_is_harmless(item) for item in others):
                return None
        for item in stage.instructions:
            if any(_may_copy(item, target) for target in cache.targets) and _copies_from(image, stage, item, users):
                return None
    return set(runs)


def _programs(instruction: Instruction) -> set[str]:
    return {command.words[0].rsplit("/", 1)[-1] for command in simple_commands(shell_text(instruction))}


def _is_harmless(instruction: Instruction) -> bool:
    if instruction.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK", "ONBUILD"):
        return False
    if instruction.keyword != "RUN":
        return True
    return _programs(instruction) <= _HARMLESS and not _SCRIPT.search(shell_text(instruction))


def _is_result(subject: BuildSubject, stage: Stage) -> bool:
    path = subject.image.dockerfile.path
    images = (subject.image, *(item for item in subject.project.images if item.dockerfile.path == path))
    return (
        any(target_stage(item).index == stage.index for item in images) or stage == subject.image.dockerfile.stages[-1]
    )


def _may_copy(instruction: Instruction, target: str) -> bool:
    """Whether an instruction takes a folder, what is in it or what it is in; a bind mount may take anything."""
    if instruction.keyword not in ("COPY", "ADD"):
        return True
    for word in instruction.values[:-1]:
        # /app/target/*.jar up to the star, /srv/$NAME up to the dollar sign
        plain = re.split(r"[*?$\[]", word)[0]
        source = posixpath.normpath(f"/{plain}")
        if f"{target}/".startswith(source if plain != word else f"{source.rstrip('/')}/") or source.startswith(target):
            return True
    return False


def _copies_from(image: Image, stage: Stage, instruction: Instruction, users: set[int]) -> bool:
    found = (find_stage(image.dockerfile, name, before=stage) for name in copied_from(instruction))
    return any(item.index in users for other in found if other for item in stage_chain(image, other))


def _inherited(subject: BuildSubject, stage: Stage) -> Iterator[Instruction]:
    """The instructions of a stage and of all it starts from, on into bases of this project, nearest first."""
    for _, found in whole_chain(subject.image, subject.project.images, stage):
        yield from reversed(found.instructions)


def _stage_at(image: Image, line: int) -> Stage:
    return [stage for stage in image.dockerfile.stages if stage.line < line][-1]


def _instructions(stages: tuple[Stage, ...]) -> Iterator[Instruction]:
    return (item for stage in stages for item in stage.instructions)


def _body(instruction: Instruction) -> str:
    """The text without the flags."""
    text = instruction.text
    for flag in instruction.flags:
        text = text.replace(flag, "")
    return text


def _mounted(text: str, step: Instruction, mounts: list[str], *, at: int, subject: BuildSubject, drop: bool) -> str:
    """A text with mounts put into its step `at`; unchanged where that is not what it was, or would become another."""
    lines, before = text.split("\n"), _parsed(subject, text)
    if at >= len(before) or before[at].text != step.text:
        return text
    first, last = before[at].line - 1, before[at].end_line
    block = "\n".join(lines[first:last])
    found = _RUN.match(block)
    if found is None:
        return text
    block = block[: found.end()] + "".join(f" {mount}" for mount in mounts) + block[found.end() :]
    for pattern in _DROPPED if drop else ():
        block = pattern.sub("", block)
    result = "\n".join((*lines[:first], block, *lines[last:]))
    after = _parsed(subject, result)
    same = len(after) == len(before) and all(
        n == at or (new.text, new.flags) == (old.text, old.flags)
        for n, (new, old) in enumerate(zip(after, before, strict=True))
    )
    return result if same and _is_mounted(before[at], after[at], mounts, drop=drop) else text


def _is_mounted(before: Instruction, after: Instruction, mounts: list[str], *, drop: bool) -> bool:
    left = [word for word in _words(before) if not (drop and word == NO_CACHE)]
    return (after.keyword, after.flags, _words(after)) == (before.keyword, (*mounts, *before.flags), left)


def _words(instruction: Instruction) -> list[str]:
    heredoc = _body(instruction) if "<<" in instruction.text else ""
    return [word.strip("\"'") for text in (*instruction.values, heredoc) for word in text.split()]


def _parsed(subject: BuildSubject, text: str) -> list[Instruction]:
    try:
        file = parse_again(subject.image.dockerfile, text, args=subject.image.args)
    except ConfigError:
        return []
    return list(_instructions(file.stages))
