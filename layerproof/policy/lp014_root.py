"""
What ships does not run as root.

A program that runs as root can change everything in its container, and what breaks out of the container is root on the
machine. Which user an upstream image starts as is known for the usual ones; of any other one nothing is said. Web
servers, data stores and entrypoints that drop their rights themselves start as root by design.

Bad:
    FROM node:20-slim
    COPY dist ./dist
    CMD ["node", "dist/server.js"]

Good:
    FROM node:20-slim
    COPY dist ./dist
    USER node
    CMD ["node", "dist/server.js"]

Fix: Name a user of its own with USER in the last stage, below the last step that needs root.

Source: R5 (what runs is kept as small and as weak as possible).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from layerproof.model import Image, Instruction, Stage
from layerproof.policy import Breach, BuildSubject, target_stage
from layerproof.policy.chains import whole_chain
from layerproof.references import upstream_name
from layerproof.shell import simple_commands

# Upstream images that start as root and stay root.
_AS_ROOT = frozenset(
    """
    scratch alpine debian ubuntu busybox buildpack-deps bash fedora centos rockylinux almalinux amazonlinux oraclelinux
    archlinux photon node python pypy golang rust ruby jruby php composer openjdk eclipse-temurin amazoncorretto
    sapmachine ibm-semeru-runtimes maven gradle clojure elixir erlang haskell swift dart perl julia r-base gcc tomcat
    oven/bun denoland/deno nvidia/cuda pytorch/pytorch tensorflow/tensorflow continuumio/miniconda3 hexpm/elixir
    continuumio/anaconda3 condaforge/miniforge3 condaforge/mambaforge lukemathwalker/cargo-chef
    ghcr.io/astral-sh/uv nvcr.io/nvidia/pytorch
    """.split()  # noqa: SIM905  # names read better than quoted lines
)
_AS_ROOT_BELOW = ("mcr.microsoft.com/dotnet/", "gcr.io/distroless/", "mcr.microsoft.com/playwright")
# Their tags that do not: static:nonroot, aspnet:8.0-noble-chiseled; Windows has no root.
_ANOTHER_USER = re.compile(r"nonroot|chiseled|distroless|nanoserver|windows")
# php:8.3-fpm, php:8.3-apache: their own program drops its rights, what else they are made to start does not.
_OWN_SERVER = re.compile(r"fpm|apache")
# RUN apk add su-exec, COPY --from=tianon/gosu, ADD https://.../s6-overlay-noarch.tar.xz /tmp
_DROPS = re.compile(r"(?<![\w-])(gosu|su-exec|setpriv|runuser|chpst|s6-setuidgid|s6-overlay[\w.-]*)(?![\w-])")
# CMD ["nginx", "-g", "daemon off;"], ENTRYPOINT ["/init"]: programs that start others as another user
_SERVER = re.compile(
    r"docker-entrypoint|(?<![\w.-])(nginx|httpd|apache2[\w-]*|apachectl|php-fpm[\d.]*|haproxy|crond?|sshd|supervisord"
    r"|s6-svscan|sudo -u|su (-|\w)[^|;]* -c)(?![\w.-])|[\"' ]/init\b"
)
# $NAME, ${NAME}, ${NAME:-default}
_VARIABLE = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<name>\w+)(?::?-(?P<default>[^}$]*))?\})")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """The last USER where it says root, else the target stage where nobody says another user."""
    image = subject.image
    chain = list(whole_chain(image, subject.project.images))
    if _composed_user(subject) or _drops_rights(subject, chain):
        return
    for at, (owner, stage) in enumerate(chain):
        inherited = chain[at + 1][1].instructions if at + 1 < len(chain) else ()
        user = _last_user(stage.instructions, "USER") or _last_user(inherited, "ONBUILD")
        if user is None:
            continue
        name = _expanded(user.values[-1], chain[at:])
        if name.partition(":")[0] in ("root", "0"):
            here = owner is image and user in stage.instructions
            yield (
                user.line if here else target_stage(image).line,
                f"`{user.text}` is in force at the end{'' if here else f', from {owner.name}'}: it runs as root",
            )
        return
    base, started = chain[-1][1].base, _started(subject, chain)
    # Without a program it is an image of files that somebody takes out.
    if _starts_as_root(base, started) and (base != "scratch" or started):
        yield target_stage(image).line, f"nothing names a user after {base}: it runs as root"


def _last_user(instructions: tuple[Instruction, ...], keyword: str) -> Instruction | None:
    # ONBUILD USER node
    found = (item for item in reversed(instructions) if item.keyword == keyword and item.values)
    return next((item for item in found if re.match(r"(ONBUILD\s+)?USER\b", item.text, re.IGNORECASE)), None)


def _expanded(user: str, chain: list[tuple[Image, Stage]]) -> str:
    """A user with its variables; one that is not known stays as it is written."""
    values: dict[str, str] = {}
    variables = set[str]()

    def plain(word: str) -> str:
        return _VARIABLE.sub(
            lambda found: values.get(found["bare"] or found["name"]) or found["default"] or found[0], word.strip("\"'")
        )

    for image, stage in reversed(chain):
        for item in stage.instructions:
            if item.keyword == "ENV":
                pairs = zip(item.values[::2], item.values[1::2], strict=False)
                values.update({name: plain(value) for name, value in pairs})
                variables.update(item.values[::2])
            for word in item.values if item.keyword == "ARG" else ():
                name, _, default = word.partition("=")
                if name not in variables:  # ENV wins over ARG, also over a later one
                    values[name] = image.args.get(name, plain(default) or image.dockerfile.global_args.get(name, ""))
    return plain(user)


def _composed_user(subject: BuildSubject) -> bool:
    user = str(subject.service.raw.get("user") or "") if subject.service else ""
    return user.partition(":")[0] not in ("", "root", "0")


def _started(subject: BuildSubject, chain: list[tuple[Image, Stage]]) -> str:
    """What starts the container, the compose file before the Dockerfile; "" where the upstream image decides."""
    raw = subject.service.raw if subject.service else {}
    texts = []
    for key, keyword in (("entrypoint", "ENTRYPOINT"), ("command", "CMD")):
        words = raw.get(key) or ()
        text = words if isinstance(words, str) else shlex.join(words)
        if not text and not (key == "command" and raw.get("entrypoint")):
            stages = (reversed(stage.instructions) for _, stage in chain)
            text = next((item.text for items in stages for item in items if item.keyword == keyword), "")
        texts.append(text)
    return "\n".join(texts).strip()


def _drops_rights(subject: BuildSubject, chain: list[tuple[Image, Stage]]) -> bool:
    texts = (item.text for _, stage in chain for item in stage.instructions)
    started = _started(subject, chain)
    return any(_DROPS.search(text) for text in (*texts, started)) or _SERVER.search(started) is not None


def _starts_as_root(reference: str, started: str) -> bool:
    name, tag = upstream_name(reference)
    # Which of distroless a digest means is not known.
    known = name in _AS_ROOT or (name.startswith(_AS_ROOT_BELOW) and tag != "")
    if not known or _ANOTHER_USER.search(tag) or "/dotnet/framework" in name:
        return False
    return _OWN_SERVER.search(tag) is None or any(item.words[0] == "php" for item in simple_commands(started))
