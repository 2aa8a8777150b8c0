"""
No argument that is different in every build is declared above an install.

A RUN sees every argument above it, used or not, and runs again when the value of one changes. With the commit or the
date among them, each build installs everything again. An argument below the install, or in a later stage, costs
nothing.

Bad:
    FROM node:20-slim AS build
    ARG GIT_SHA
    COPY package.json package-lock.json ./
    RUN npm ci
    COPY src ./src
    RUN npm run build

Good:
    FROM node:20-slim AS build
    COPY package.json package-lock.json ./
    RUN npm ci
    COPY src ./src
    ARG GIT_SHA
    RUN npm run build

Fix: Declare the argument below the last install, right above the step that uses it.

Source: R10 (an edit of the application leaves the dependency steps cached).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from layerproof.flow import Node
from layerproof.model import Instruction
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.chains import stage_chain
from layerproof.volatile import is_pin, is_volatile

# Beside what has another value in every build, what changes often, and either below a prefix that a bundler asks for:
# GIT_SHA, VITE_COMMIT_HASH, APP_REVISION, BUILD_DATE, GITHUB_RUN_ID, CACHEBUST; not LLVM_COMMIT, a pin
_ALSO = re.compile(
    r"(?:(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|REACT_APP|VUE_APP|GATSBY|APP|IMAGE|DOCKER|OCI|SERVICE|SENTRY"
    r"|DD)_)?(?:"
    r"(?:(?:GIT|VCS|SCM|HEAD|CI|CI_COMMIT|SOURCE|GITHUB|CIRCLE|BITBUCKET|DRONE|BUILDKITE|TRAVIS|BUILD)_)?"
    r"(?:COMMIT(?:_?(?:(?:SHORT_)?(?:SHA|HASH|ID)|REF(?:_NAME|_SLUG)?|BRANCH|DATE|TIMESTAMP))?|SHA1?|REVISION)"
    r"|(?:GIT|VCS|SCM|HEAD|GITHUB|CI_COMMIT)_(?:REF(?:_NAME|_SLUG)?|HASH|REV|BRANCH|DESCRIBE|SHORT_SHA)"
    r"|BUILD_?(?:DATE(?:TIME)?|TIME(?:STAMP)?|NUM(?:BER)?|ID|EPOCH|REF|HASH)"
    r"|(?:GITHUB_RUN|CI_PIPELINE|CI_JOB|CIRCLE_BUILD|CIRCLE_WORKFLOW)_(?:ID|IID|NUM|NUMBER)"
    r"|CACHE_?(?:BUST(?:ER|ING)?|BREAK(?:ER)?|DATE)|BUST_?CACHE|FORCE_?REBUILD|SOURCE_DATE_EPOCH|SOURCE_BRANCH|TIMESTAMP)",
    re.IGNORECASE,
)
# $NAME, ${NAME:-default}
_VARIABLE = re.compile(r"\$\{?(\w+)")
_INSTALLING = ("install", "project", "build", "system")


class _Declared(Struct, frozen=True):
    """A name that an ARG or ENV declares: whether its value is another one in every build, and by which names."""

    name: str
    instruction: Instruction
    volatile: bool
    uses: frozenset[str]


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Each such declaration that reaches an install, with the first one that it reaches."""
    told = set[int]()
    for line, commands in subject.kinds.installs.items():
        found = [item for item in commands if item.kind in _INSTALLING]
        node = subject.flow.nodes[line]
        for item in _above(subject, node) if found else ():
            wanted = any(command.kind == "build" for command in found) and _uses(node.instruction, item.name)
            if item.instruction.line in told or wanted or _is_pin(subject, item.name):
                continue
            told.add(item.instruction.line)
            yield (
                item.instruction.line,
                f"{item.name} is different in every build, so `{found[0].text}` in line {line} runs again in each",
            )


def _above(subject: BuildSubject, node: Node) -> Iterator[_Declared]:
    """The volatile names in force at a step; an ENV that only repeats an argument is no cause of its own."""
    seen = set[str]()
    chain = stage_chain(subject.image, node.stage)
    for stage in reversed(chain):
        for instruction in stage.instructions:
            if instruction.line >= node.line:
                break
            for item in _declared(instruction, frozenset(seen)):
                if item.volatile and item.name in node.arguments:
                    repeats = instruction.keyword == "ENV" and not item.uses.isdisjoint(seen)
                    seen.add(item.name)
                    if not repeats:
                        yield item


def _declared(instruction: Instruction, volatile: frozenset[str]) -> Iterator[_Declared]:
    if instruction.keyword == "ARG":
        for word in instruction.values:
            name, _, default = word.partition("=")
            is_volatile = _changes(name) and not is_pin(default.strip("\"'"))
            yield _Declared(name, instruction, is_volatile, frozenset())
    if instruction.keyword == "ENV":
        for name, value in zip(instruction.values[::2], instruction.values[1::2], strict=False):
            uses = frozenset(_VARIABLE.findall(value))
            by_name = _changes(name) and bool(uses)
            yield _Declared(name, instruction, by_name or not uses.isdisjoint(volatile), uses)


def _changes(name: str) -> bool:
    return is_volatile(name) or _ALSO.fullmatch(name) is not None


def _is_pin(subject: BuildSubject, name: str) -> bool:
    """Whether a download uses it: it then says what of another project is wanted."""
    for line, node in subject.flow.nodes.items():
        fetches = any(item.kind == "fetch" for item in subject.kinds.commands.get(line, ()))
        if (fetches or node.instruction.keyword == "ADD") and _uses(node.instruction, name):
            return True
    return False


def _uses(instruction: Instruction, name: str) -> bool:
    return name in _VARIABLE.findall(instruction.text)
