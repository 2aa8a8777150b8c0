"""
Nothing is installed when a container starts: not by CMD, ENTRYPOINT or HEALTHCHECK.

An install at start makes every start slow and different, and fails where there is no network. The same holds for a
service that is compiled when it starts, and for `uv run`, which brings the environment up to date first. A script that
a here-document of COPY writes is read as well.

Bad:
    FROM ruby:3.3-slim
    WORKDIR /app
    CMD ["sh", "-c", "bundle install && ruby app.rb"]

Good:
    FROM ruby:3.3-slim
    WORKDIR /app
    COPY Gemfile Gemfile.lock ./
    RUN bundle install
    CMD ["ruby", "app.rb"]

Fix: Install and compile with RUN in a stage before; CMD and ENTRYPOINT only start the program.

Source: R9 (US-8: one source of dependencies).
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from layerproof.commands import find_commands, find_install
from layerproof.model import Instruction, Stage
from layerproof.policy import Breach, BuildSubject
from layerproof.policy.chains import last_instruction, stage_chain
from layerproof.policy.installs import is_development
from layerproof.shell import heredocs, simple_commands

# CMD ["npm", "start"]
_EXEC = re.compile(r"^\w+\s+(?:--\S+\s+)*\[")
# #!/bin/sh, #!/usr/bin/env bash
_SHELL = re.compile(r"#!.*\b(?:ba|da|a|z|k)?sh\b")
_NO_SYNC = frozenset(("--no-sync", "--offline", "--no-project"))
_NO_SYNC_VARIABLES = frozenset(("UV_NO_SYNC", "UV_OFFLINE"))
# go test, cargo t, gradle check: a container that tests may compile.
_TESTS = frozenset(("test", "t", "vet", "check", "lint"))
# mvn spring-boot:run, ./mvnw quarkus:dev
_MAVEN_RUN = re.compile(r"(?:^|:)(?:spring-boot:run|quarkus:dev|jetty:run|exec:java)$")


def check(subject: BuildSubject) -> Iterator[Breach]:
    """What holds in the target stage, its own or taken over from the stage it starts from."""
    chain = stage_chain(subject.image)
    told = set[int]()
    for instruction, text in (*_started(chain), *_started_scripts(chain)):
        why = _wrong_with(text, chain, service=subject.image.role == "service")
        if why and instruction.line not in told:
            told.add(instruction.line)
            yield instruction.line, f"{instruction.keyword} runs {why}"


def _wrong_with(text: str, chain: tuple[Stage, ...], *, service: bool) -> str:
    """The command that does not belong there and what it does; "" where there is none."""
    if found := find_install(text):
        return f"`{found}`: it installs whenever a container starts"
    if found := _syncing(text, chain):
        return f"`{found}` without --no-sync: it installs what is missing whenever a container starts"
    if service and not is_development(chain[0]) and (found := _compiling(text)):
        return f"`{found}`: it fetches and builds when the container starts"
    return ""


def _started(chain: tuple[Stage, ...]) -> Iterator[tuple[Instruction, str]]:
    """The shell text of what starts with a container and of its health check, and which instruction says it."""
    entry, health = last_instruction(chain, "ENTRYPOINT"), last_instruction(chain, "HEALTHCHECK")
    command = last_instruction(_until(chain, entry), "CMD")
    # The one word of an exec form waits for what CMD or `docker run` adds: ["yarn"]
    if entry and not (_is_exec(entry) and len(entry.values) == 1):
        yield entry, _text(entry.values)
    if command and (entry is None or _is_exec(entry)):
        yield command, _text(command.values)
        if entry and _is_exec(command):
            yield command, _text((*entry.values, *command.values))
    if health and health.values[:1] == ("CMD",):
        yield health, _text(health.values[1:])


def _started_scripts(chain: tuple[Stage, ...]) -> Iterator[tuple[Instruction, str]]:
    """The scripts that COPY writes from here-documents and that ENTRYPOINT or CMD name, and which instruction does."""
    scripts, workdir = _scripts(chain)
    entry = last_instruction(chain, "ENTRYPOINT")
    command = last_instruction(_until(chain, entry), "CMD") if entry is None or _is_exec(entry) else None
    for instruction in filter(None, (entry, command)):
        for word in " ".join(instruction.values).split():
            path = posixpath.normpath(posixpath.join(workdir, word))
            found = next((text for name, text in scripts.items() if name == path or _is_on_path(name, word)), "")
            if found and not (found.startswith("#!") and not _SHELL.match(found)):
                yield instruction, found


def _scripts(chain: tuple[Stage, ...]) -> tuple[dict[str, str], str]:
    """The here-documents that COPY writes, by absolute path, and the folder that a container starts in."""
    scripts: dict[str, str] = {}
    workdir = "/"
    for instruction in (item for stage in reversed(chain) for item in stage.instructions):
        target = posixpath.join(workdir, *instruction.values[-1:])
        if instruction.keyword == "WORKDIR":
            workdir = target
        if instruction.keyword == "COPY" and "<<" in instruction.text:
            for name, text in heredocs(instruction.text):
                scripts[posixpath.normpath(f"{target}{name}" if target.endswith("/") else target)] = text
    return scripts, workdir


def _is_on_path(path: str, word: str) -> bool:
    """Whether a bare word starts a program: entry.sh and /usr/local/bin/entry.sh."""
    return "/" not in word and posixpath.basename(path) == word and posixpath.dirname(path).endswith("bin")


def _until(chain: tuple[Stage, ...], entry: Instruction | None) -> tuple[Stage, ...]:
    """The stages whose CMD can hold: an ENTRYPOINT takes away what the stages before its own said."""
    for at, stage in enumerate(chain):
        if entry in stage.instructions:
            return chain[: at + 1]
    return chain


def _is_exec(instruction: Instruction) -> bool:
    return _EXEC.match(instruction.text) is not None


def _text(words: tuple[str, ...]) -> str:
    """One word is the shell form, or a program without operands."""
    return shlex.join(words) if len(words) > 1 else " ".join(words)


def _syncing(text: str, chain: tuple[Stage, ...]) -> str:
    """`uv run` where nothing keeps it from installing; "" where there is none."""
    named = {
        name for stage in chain for item in stage.instructions if item.keyword == "ENV" for name in item.values[::2]
    }
    for command in simple_commands(text):
        words = command.words
        if words[0].rsplit("/", 1)[-1] == "uv" and "run" in words and _NO_SYNC_VARIABLES.isdisjoint(named):
            end = words.index("run") + 1
            set_here = {item.partition("=")[0] for item in command.environment}
            if _NO_SYNC.isdisjoint(words) and _NO_SYNC_VARIABLES.isdisjoint(set_here):
                return " ".join(words[: end + 1])
    return ""


def _compiling(text: str) -> str:
    """The first command that compiles, tests aside."""
    shell = Instruction("RUN", (text,), (), text, 1, 1)
    for found in find_commands(shell):
        if found.kind == "build" and _TESTS.isdisjoint((found.text.split()[-1], *found.words[:1])):
            return found.text
    for command in simple_commands(text):
        goal = next((word for word in command.words[1:] if _MAVEN_RUN.search(word)), "")
        if goal and command.words[0].rsplit("/", 1)[-1] in ("mvn", "mvnw", "mvnd"):
            return f"{command.words[0]} {goal}"
    return ""
