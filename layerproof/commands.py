"""Which commands of a shell text bring dependencies in, and which package manager they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from layerproof import package_managers as tables
from layerproof.model import Instruction
from layerproof.programs import package_manager, verb_at
from layerproof.shell import SimpleCommand, simple_commands

Kind = Literal["install", "project", "build", "system", "fetch"]


class Command(Struct, frozen=True):
    """
    One command that brings dependencies in.

    `kind` is `install` (the project's dependencies), `project` (the project itself, and of its dependencies what is
    missing), `build` (compiles, and fetches what is missing), `system` (packages of the distribution) or `fetch` (a
    download). `text` is its beginning as written, `words` what follows, `tool` the package manager ("pip" for uv pip).
    """

    kind: Kind
    tool: str
    text: str
    words: tuple[str, ...]

    @property
    def ecosystem(self) -> str:
        """`node`, `python`, ...; "" for system packages and downloads."""
        return tables.ECOSYSTEM_OF.get(self.tool, "") if self.kind not in ("system", "fetch") else ""

    @property
    def names_packages(self) -> bool:
        """Whether it says itself what to install (`npm i -g serve`, `pip install uv`): no manifest drives it."""
        verb = self.text.split()[-1]
        if self.kind != "install" or not tables.DRIVEN.get(self.tool, frozenset()).isdisjoint(self.words):
            return False
        if self.tool in tables.NAMING:
            return verb in tables.NAMING[self.tool] and "-f" not in self.words and "--file" not in self.words
        if self.tool == "pip":
            return not any(word.startswith(("-r", "--requirement")) for word in self.words) and verb == "install"
        # npm install NAME installs what the manifest names as well.
        return self.tool in tables.ECOSYSTEMS["node"] and not {"-g", "--global", "--location=global"}.isdisjoint(
            self.words
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the files that it is told to read its packages from: `-r dev.txt`, `--file=env.yaml`."""
        given = pairwise((*self.words, ""))
        files = [word.partition("=")[2] or after for word, after in given if word.partition("=")[0] in tables.READ_FROM]
        files += [word[2:] for word in self.words if word.startswith("-r") and self.tool == "pip"]
        if self.tool == "deno":
            files += [word.partition("=")[2] or word for word in self.words if tables.DENO_DEPENDENCIES.search(word)]
        return tuple(file.rsplit("/", 1)[-1] for file in files if file)


def find_commands(instruction: Instruction) -> tuple[Command, ...]:
    """The commands of a RUN that bring dependencies in, in order; () for every other instruction."""
    return tuple(_commands(shell_text(instruction))) if instruction.keyword == "RUN" else ()


def shell_text(instruction: Instruction) -> str:
    """The command of a RUN, exec form included; a here-document stands in the text only."""
    if "<<" in instruction.text:
        return instruction.text
    if re.search(r"^RUN\s+(?:--\S+\s+)*\[", instruction.text, re.IGNORECASE) and len(instruction.values) > 1:
        import shlex

        return shlex.join(instruction.values)
    return " ".join(instruction.values)


def find_install(command: str) -> str:
    """The first command in a shell text that installs dependencies, as written; "" where there is none."""
    kinds = ("install", "project", "system")
    return next((found.text for found in _commands(command) if found.kind in kinds), "")


def installs_from_manifest(command: str) -> bool:
    """Whether a shell text installs the project's own dependencies (system packages do not count)."""
    return any(found.kind in ("install", "project") for found in _commands(command))


def offline_tools(instruction: Instruction) -> frozenset[str]:
    """The package managers that a RUN has work with what steps before it fetched; vendored Go needs none of that."""
    offline, fetching = set[str](), set[str]()
    for command in simple_commands(shell_text(instruction)) if instruction.keyword == "RUN" else ():
        tool, _ = package_manager(command.words)
        flags = {*tables.OFFLINE.get(tool, ()), tables.OFFLINE_ANYWHERE}
        if flags.isdisjoint(command.words):
            fetching |= {tool} if _command(command) else set()
        elif tool != "go" and tool not in fetching:
            offline |= {tool, command.words[0]}
    return frozenset(offline)


def _commands(text: str) -> Iterator[Command]:
    for command in simple_commands(text):
        found = _command(command)
        if found is not None:
            yield found


def _command(command: SimpleCommand) -> Command | None:
    tool, start = package_manager(command.words)
    find: Callable[..., Command | None] = _SPECIAL.get(tool, _by_verb)
    return find(command, tool, start)


def _by_verb(command: SimpleCommand, tool: str, start: int) -> Command | None:
    words = command.words
    if _is_offline(command, tool) or words[start:] in tables.ASKED or "--help" in words:
        return None
    at = verb_at(words, start, tool)
    verb, second = (*words[at : at + 1], "")[0], (*words[at + 1 : at + 2], "")[0]
    roles: tuple[tuple[Collection[str], Kind], ...] = (
        (tables.INSTALLS.get(tool, ()), "install"),
        (tables.PROJECTS.get(tool, ((), frozenset()))[0], "project"),
        (tables.BUILDS.get(tool, ()), "build"),
        (tables.SYSTEM.get(tool, ()), "system"),
        (tables.FETCHES.get(tool, ()), "fetch"),
    )
    for verbs, kind in roles:
        two = f"{verb} {second}" in verbs
        if verb in verbs or two:
            end = at + 2 if two else at + 1
            return _refined(Command(kind, tool, " ".join(words[:end]), words[end:]))
    return None


def _refined(command: Command) -> Command | None:
    """What the verb alone does not tell."""
    words = command.words
    kind: Kind | None = command.kind
    if command.kind == "project" and tables.PROJECTS[command.tool][1].intersection(words):
        kind = "install"
    if command.kind == "build" and not tables.DEPENDENCIES_ONLY.isdisjoint(words):
        kind = "install"
    if command.tool == "pip" and command.text.endswith(" install") and _is_local(words):
        kind = None if "--no-deps" in words else "project"
    if command.tool == "go" and command.text.endswith(" install") and any("@" in word for word in words):
        kind = "install"
    if command.tool == "cargo" and command.text.endswith(" install") and "--path" not in words:
        kind = "install"
    return Command(kind, command.tool, command.text, words) if kind else None


def _is_offline(command: SimpleCommand, tool: str) -> bool:
    words = command.words
    vendored = tool == "go" and (
        any("-mod=vendor" in item for item in command.environment) or _follows(words, "-mod", "vendor")
    )
    flags = {*tables.OFFLINE.get(tool, ()), tables.OFFLINE_ANYWHERE}
    return vendored or (tool not in tables.UNPACKS_AGAIN and not flags.isdisjoint(words))


def _follows(words: Sequence[str], flag: str, value: str) -> bool:
    return any(pair == (flag, value) for pair in pairwise(words))


def _maven(command: SimpleCommand, tool: str, start: int) -> Command | None:
    if _is_offline(command, tool):
        return None
    words = command.words
    for at, word in enumerate(words[start:], start):
        if tables.MAVEN_FETCH.search(word):
            return Command("install", tool, " ".join(words[: at + 1]), words[at + 1 :])
    for at, word in enumerate(words[start:], start):
        if word in tables.MAVEN_PHASES:
            return Command("build", tool, " ".join(words[: at + 1]), words[at + 1 :])
    return None


def _task_runner(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """gradle and sbt: whatever they are told to do, they resolve dependencies first."""
    tasks = [word for word in command.words[start:] if not word.startswith("-")]
    if not tasks or _is_offline(command, tool):
        return None
    return Command("build", tool, f"{command.words[0]} {tasks[0]}", command.words[start:])


def _mix(command: SimpleCommand, tool: str, start: int) -> Command | None:
    words = tuple(word.rstrip(",") for word in command.words)
    if words[start : start + 1] == ("do",) and "deps.get" in words:
        return Command("install", tool, "mix do deps.get", words[start:])
    return _by_verb(command, tool, start)


def _yarn(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """`yarn workspace web add x`: a verb behind the name of a workspace."""
    at = verb_at(command.words, start, tool)
    inner = command.words[at : at + 1] == ("workspace",)
    return None if inner and len(command.words) < at + 3 else _by_verb(command, tool, at + 2 if inner else start)


def _by_operand(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """Whose operands are packages: `docker-php-ext-install intl`, `cpanm --installdeps .`, `dpkg -i x.deb`."""
    words = command.words[start:]
    kind: Kind = "system" if tool in tables.SYSTEM_BY_OPERAND else "install"
    named = words if kind == "system" else tuple(word for word in words if not word.startswith("-"))
    if not named or words in tables.ASKED or not tables.ASKING.isdisjoint(words):
        return None
    return Command(kind, tool, command.words[0], words)


def _dpkg(command: SimpleCommand, tool: str, start: int) -> Command | None:
    flag = next((word for word in command.words[start:] if tables.DPKG_INSTALL.fullmatch(word)), "")
    return Command("system", tool, f"{command.words[0]} {flag}", command.words[start:]) if flag else None


def _r(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """R -q -e "install.packages('x')", Rscript -e 'renv::restore()'"""
    texts = [text for flag, text in pairwise(command.words[start:]) if flag in ("-e", "--eval")]
    names = [found["name"] for text in texts for found in tables.R_INSTALL.finditer(text)]
    # install.packages('renv'); renv::restore(): what is locked counts
    restoring = [name for name in names if name in tables.R_RESTORING]
    if not names:
        return None
    text = f"{tool} -e {(restoring or names)[0]}()"
    return Command("install", "renv" if restoring else "R", text, command.words[start:])


def _npx(command: SimpleCommand, tool: str, start: int) -> Command | None:
    words = command.words
    if words[start : start + 1] not in (("install",), ("install-deps",)):
        return None
    return Command("fetch", tool, " ".join(words[: start + 1]), words[start + 1 :])


def _pacman(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """Whose verbs are flags: `pacman -Syu --noconfirm git`; `-Sy` alone reads what there is."""
    words = command.words
    at = next((n for n, word in enumerate(words) if n >= start and tables.PACMAN_SYNC.fullmatch(word)), None)
    if at is None or not (words[at].endswith("u") or any(not word.startswith("-") for word in words[at + 1 :])):
        return None
    return Command("system", tool, f"{tool} {words[at]}", words[at + 1 :])


def _download(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """A download, unless it asks this container itself; an address in a variable is one too."""
    words = command.words[start:]
    hosts = [_host(word) for word in words if "://" in word]
    wanted = any(host not in tables.HERE for host in hosts) if hosts else any("$" in word for word in words)
    return Command("fetch", tool, command.words[0], words) if wanted else None


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_local(words: Sequence[str]) -> bool:
    """Whether all that pip installs is a folder here: `.`, `-e ./lib`, `.[dev]`; not `-r file`, not a wheel."""
    operands, at = [], 0
    while at < len(words):
        word = words[at]
        if word.startswith(("-r", "--requirement")):
            return False
        if word.startswith(("--editable=", "-e=")):
            operands.append(word.partition("=")[2])
        elif not word.startswith("-"):
            operands.append(word)
        at += 2 if word in tables.PIP_VALUED else 1
    folders = [operand.partition("[")[0] for operand in operands]
    return bool(folders) and all(
        (folder == "." or folder.startswith(("./", "../", "/"))) and not folder.endswith((".whl", ".gz", ".zip", "*"))
        for folder in folders
    )


_SPECIAL: Mapping[str, Callable[[SimpleCommand, str, int], Command | None]] = {
    **dict.fromkeys(("mvn", "mvnw", "mvnd"), _maven),
    **dict.fromkeys(("gradle", "gradlew", "sbt"), _task_runner),
    **dict.fromkeys(tables.DOWNLOADERS, _download),
    "mix": _mix,
    "npx": _npx,
    "pacman": _pacman,
    "yarn": _yarn,
    "dpkg": _dpkg,
    **dict.fromkeys(("R", "Rscript"), _r),
    **dict.fromkeys((*tables.SYSTEM_BY_OPERAND, *tables.INSTALL_BY_OPERAND), _by_operand),
}
