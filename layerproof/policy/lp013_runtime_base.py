"""
What ships starts from an image that is made for running.

A compiler, a package manager and headers in the image that ships are size, time to pull, and tools for whoever gets in.
Wrong are the `latest` of a base that publishes a `runtime` too, an upstream image that carries a toolchain (golang,
maven, a JDK, node and python without slim), and the stage of the same file that installs or compiles.

A stage that is called dev, test or debug is not looked at. In a file with one stage that installs and ships, LP001
speaks alone.

Bad:
    FROM golang:1.22 AS build
    COPY . .
    RUN go build -o /app .
    FROM build AS runtime
    CMD ["/app"]

Good:
    FROM golang:1.22 AS build
    COPY . .
    RUN go build -o /app .
    FROM gcr.io/distroless/static-debian12:nonroot AS runtime
    COPY --from=build /app /app
    CMD ["/app"]

Fix: Start the last stage from a slim or runtime image and copy the result into it.

Source: R4 (US-4: a runtime stage with runtime dependencies and built output only).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.commands import shell_text
from layerproof.dockerfile import reachable_stages
from layerproof.model import Image, Stage
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.chains import stage_chain
from layerproof.policy.installs import is_development, is_for_project
from layerproof.references import normalize_reference, upstream_name
from layerproof.shell import simple_commands

_IMAGE_CONTEXT = "docker-image://"
_COMPILERS = frozenset(("gcc", "g++", "cc", "clang", "make", "cmake", "ninja", "javac", "tsc"))
# Upstream images with a toolchain: which of their tags have none. The php images keep their compilers on purpose.
_NONE = re.compile(r"(?!)")
_SLIM = re.compile(r"slim|alpine|windows|nanoserver")  # 20-bookworm-slim, 3.12-alpine
_JRE = re.compile(r"jre|headless")  # 21-jre-alpine, 17-al2023-headless
_TOOLCHAINS = {
    **dict.fromkeys(("golang", "rust", "maven", "gradle", "gcc", "buildpack-deps", "composer", "dart"), _NONE),
    **dict.fromkeys(("sbtscala/scala-sbt", "hseeberger/scala-sbt", "lukemathwalker/cargo-chef"), _NONE),
    **dict.fromkeys(("mcr.microsoft.com/dotnet/sdk", "mcr.microsoft.com/dotnet/framework/sdk"), _NONE),
    **dict.fromkeys(("node", "python", "pypy", "ruby", "perl", "elixir", "erlang", "swift", "haskell"), _SLIM),
    **dict.fromkeys(("openjdk", "eclipse-temurin", "amazoncorretto", "sapmachine", "ibm-semeru-runtimes"), _JRE),
}
# 12.4.1-cudnn-devel-ubuntu22.04
_DEVEL = re.compile(r"-devel(?:-|$)")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """At most one, at the FROM of the target stage: for the stages it stands on, else for the image below them."""
    chain = stage_chain(subject.image)
    if is_development(chain[0]):
        return
    reference = _reference(subject.image, chain[-1])
    through = f" (by way of {_called(chain[1])})" if len(chain) > 1 else ""
    if found := next(((stage, text) for stage in chain[1:] if (text := _makes(subject, stage))), None):
        yield (
            chain[0].line,
            f"starts from {_called(chain[1])}, and {_called(found[0])} runs `{found[1]}`: its tools ship",
        )
    elif runtime := _runtime_of(subject, reference):
        yield chain[0].line, f"starts from {reference}{through}, which is for building: {runtime} is for what ships"
    elif _has_toolchain(reference) and not _is_single(subject):
        yield chain[0].line, f"starts from {reference}{through}, which carries a whole toolchain"


def _called(stage: Stage) -> str:
    return f"stage {stage.name or stage.index}"


def _makes(subject: BuildSubject, stage: Stage) -> str:
    """The first command of a stage that installs for the project or compiles; "" for none."""
    for instruction in stage.instructions:
        commands = subject.kinds.commands.get(instruction.line, ())
        if found := next((item.text for item in commands if is_for_project(item)), ""):
            return found
        words = simple_commands(shell_text(instruction)) if instruction.keyword == "RUN" else ()
        if found := next((item.words[0] for item in words if item.words[0].rpartition("/")[2] in _COMPILERS), ""):
            return found
    return ""


def _reference(image: Image, stage: Stage) -> str:
    """The image that a stage starts from, a named context looked up; "" where that is a folder or an address."""
    context = image.contexts.get(stage.base)
    if context is None or context.startswith("target:"):
        return context or stage.base
    return context.removeprefix(_IMAGE_CONTEXT) if context.startswith(_IMAGE_CONTEXT) else ""


def _runtime_of(subject: BuildSubject, reference: str) -> str:
    """The `runtime` tag of a base of this project that is named by its other tag; "" where there is none."""
    images = [item for item in subject.project.images if item.role == "base"]
    named = reference.removeprefix("target:")
    tags = {item.tag for item in images}
    tag = next(
        (item.tag for item in images if item.name == named and named != reference), normalize_reference(reference)
    )
    runtime = f"{tag.rpartition(':')[0]}:runtime"
    return runtime if tag in tags and runtime in tags and tag != runtime else ""


def _has_toolchain(reference: str) -> bool:
    name, tag = upstream_name(reference)
    if _DEVEL.search(tag):
        return True
    without = _TOOLCHAINS.get(name)
    # A digest alone does not say which variant it is.
    return without is not None and (without is _NONE or bool(tag)) and without.search(tag) is None


def _is_single(subject: BuildSubject) -> bool:
    """Whether one stage installs and ships."""
    image = subject.image
    stages = reachable_stages(image.dockerfile, image.target, contexts=image.contexts)
    return len(stages) == 1 and any(is_for_project(item) for found in subject.kinds.commands.values() for item in found)
