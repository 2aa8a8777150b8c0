"""
Nothing is installed in the stage that ships, nor in the one that builds where another one is for that.

An install in the stage that ships needs its package manager there, and one in the build stage runs beside the source.
Installed once, in a stage of its own, dependencies are copied wherever they are needed. Compilers and headers that the
system's package manager leaves in the image that ships are told as well; removed in the same RUN they are not.

Wheels and folders that are there, `npm prune`, the project itself in a build stage, and a tool that is only put on the
path (`npm install -g serve`) are no installs here. A stage that is called dev, test or debug does not ship.

Bad:
    FROM node:20-slim AS build
    COPY package.json package-lock.json ./
    RUN npm ci
    COPY src ./src
    RUN npm run build
    FROM node:20-slim AS runtime
    COPY package.json package-lock.json ./
    RUN npm ci --omit=dev
    COPY --from=build /dist ./dist

Good:
    FROM node:20-slim AS deps
    COPY package.json package-lock.json ./
    RUN npm ci
    FROM deps AS build
    COPY src ./src
    RUN npm run build && npm prune --omit=dev
    FROM node:20-slim AS runtime
    COPY --from=build /node_modules ./node_modules
    COPY --from=build /dist ./dist

Fix: Install in a stage before and copy the result; remove compilers in the RUN that needs them.

Source: R4 (US-4: a runtime stage with runtime dependencies and built output only).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.commands import Command, shell_text
from layerproof.dockerfile import reachable_stages
from layerproof.kinds import is_dependency_stage
from layerproof.model import Stage
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.chains import stage_chain
from layerproof.policy.installs import is_development, is_from_files, names_dependencies

# build, builder, app-build, compile
_BUILD_STAGE = re.compile(r"(?:^|[-_.])(?:build(?:er)?|compile)(?:[-_.]|$)", re.IGNORECASE)
# What a stage's name says of its part; what is left says which program it is for: web-deps and web-build
_PART = re.compile(r"dep|deps|dependencies|build|builder|compile|stage|dev|prod|production|install", re.IGNORECASE)
# --omit=dev, --prod, --only main, --without dev,test: packages that only development needs are left out
_PRODUCTION = re.compile(
    r"--(?:prod|production|omit[= ]dev|only[= ](?:prod(?:uction)?|main)|no-dev|without[= ]\S*dev\S*)(?![\w-])"
)
# build-essential, g++-12, libpq-dev, openssl-devel, python3-pip, openjdk-21-jdk
_TOOL = re.compile(
    r"build-essential|build-base|base-devel|(?:gcc|g\+\+|clang)(?:-?[\d.]+)?|gcc-c\+\+|make|cmake|ninja(?:-build)?|meson"
    r"|autoconf|automake|libtool|linux-headers|python3?-pip|py3-pip|npm|yarn|yarnpkg|maven|gradle|cargo|rustc?|go"
    r"|golang(?:-go|-[\d.]+)?|composer|default-jdk(?:-headless)?|openjdk-?\d+(?:-jdk(?:-headless)?)?"
)
_HEADERS = re.compile(r"[\w.+-]+-(?:dev|devel)")
# apt-get purge -y gcc, apk del .build-deps, dnf -y remove make
_REMOVAL = re.compile(
    r"(?<![\w-])(?:apk\s+(?:-\S+\s+)*del|(?:apt-get|apt|aptitude)\s+(?:-\S+\s+)*(?:purge|remove)"
    r"|(?:dnf|microdnf|yum|zypper)\s+(?:-\S+\s+)*(?:remove|erase|rm)|pacman\s+-R\w*|apt-mark\s+auto)\s"
)


def check(subject: BuildSubject) -> Iterator[Breach]:
    """Installs in the target stage and in build stages, and build tools that stay in what ships."""
    image = subject.image
    stages = reachable_stages(image.dockerfile, image.target, contexts=image.contexts)
    chain = stage_chain(image)
    ships = not is_development(chain[0])
    if ships and len(stages) > 1:
        for line, command in _commands(subject, chain[0]):
            if _installs(command, "install", "project"):
                yield (
                    line,
                    f"`{command.text}` installs in the stage that ships: do it in one before and copy the result",
                )
    for stage in stages:
        if stage != chain[0] and _BUILD_STAGE.search(stage.name or "") and not is_dependency_stage(stage):
            yield from _beside(subject, stage, tuple(item for item in stages if is_dependency_stage(item)))
    # docker-php-ext-install compiles against headers, in images that have their compilers anyway.
    headers = not any("docker-php-ext-" in item.text for stage in chain for item in stage.instructions)
    for stage in chain if ships else ():
        yield from _tools(subject, stage, headers=headers)


def _commands(subject: BuildSubject, stage: Stage) -> Iterator[tuple[int, Command]]:
    for instruction in stage.instructions:
        for command in subject.kinds.commands.get(instruction.line, ()):
            yield instruction.line, command


def _installs(command: Command, *kinds: str) -> bool:
    if command.kind not in kinds or is_from_files(command) or "--offline" in command.words:
        return False
    return not command.names_packages or names_dependencies(command)


def _beside(subject: BuildSubject, stage: Stage, others: tuple[Stage, ...]) -> Iterator[Breach]:
    """Installs of a build stage that a stage for dependencies does as well; a set without dev is another one."""
    for line, command in _commands(subject, stage):
        for other in others if _installs(command, "install") else ():
            stands_on = any(node.stage.index == other.index for node in subject.flow.upstream(line))
            same = (item for _, item in _commands(subject, other) if item.ecosystem == command.ecosystem)
            enough = any(_installs(item, "install", "project") and _covers(item, command) for item in same)
            if enough and (stands_on or _program(stage) == _program(other)):
                name = f"stage {other.name}, which is for that (line {other.line})"
                yield line, f"`{command.text}` installs in stage {stage.name} beside {name}"
                break


def _covers(one: Command, other: Command) -> bool:
    return not _is_production(one) or _is_production(other)


def _is_production(command: Command) -> bool:
    return _PRODUCTION.search(" ".join(command.words)) is not None


def _program(stage: Stage) -> frozenset[str]:
    return frozenset(part.lower() for part in re.split(r"[-_.]", stage.name or "") if not _PART.fullmatch(part))


def _tools(subject: BuildSubject, stage: Stage, *, headers: bool) -> Iterator[Breach]:
    for instruction in stage.instructions:
        found = [item for item in subject.kinds.commands.get(instruction.line, ()) if item.kind == "system"]
        text = shell_text(instruction) if found else ""
        tools = [name for item in found for name in _packages(item) if _is_tool(name, headers=headers)]
        if tools and not _REMOVAL.search(text):
            names = ", ".join(dict.fromkeys(tools[:4])) + (", ..." if len(tools) > 4 else "")
            yield instruction.line, f"`{found[0].text}` leaves tools for building in the image that ships: {names}"


def _packages(command: Command) -> Iterator[str]:
    """libpq-dev=15.6 and nodejs@edge without what follows the name."""
    return (re.split(r"[=<>~@:]", word)[0] for word in command.words if not word.startswith("-"))


def _is_tool(name: str, *, headers: bool) -> bool:
    return _TOOL.fullmatch(name) is not None or (headers and _HEADERS.fullmatch(name) is not None)
