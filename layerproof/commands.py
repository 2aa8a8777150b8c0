"""Which commands of a shell text bring dependencies in, and which package manager they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from urllib.parse import urlsplit

from layerproof.model import Instruction
from layerproof.shell import SimpleCommand, simple_commands

Kind = Literal["install", "project", "build", "system", "fetch"]

_ECOSYSTEMS = {
    "node": ("npm", "npx", "pnpm", "yarn", "bun"),
    "python": ("pip", "uv", "poetry", "pdm", "pipenv", "pipx", "conda", "mamba", "micromamba"),
    "go": ("go",),
    "rust": ("cargo",),
    "jvm": ("mvn", "mvnw", "mvnd", "gradle", "gradlew", "sbt"),
    "dotnet": ("dotnet",),
    "php": ("composer",),
    "ruby": ("bundle", "gem"),
    "elixir": ("mix",),
    "swift": ("swift",),
    "dart": ("dart", "flutter"),
}
_ECOSYSTEM_OF = {tool: name for name, tools in _ECOSYSTEMS.items() for tool in tools}

# tool -> its verbs that install; a verb of two words has a blank
_INSTALLS: Mapping[str, tuple[str, ...]] = {
    "npm": ("ci", "i", "install", "clean-install", "install-clean", "add", "update", "up", "upgrade"),
    "pnpm": ("ci", "i", "install", "add", "fetch", "update", "up"),
    "bun": ("ci", "i", "install", "add", "update"),
    "yarn": ("", "install", "add", "up", "upgrade", "workspaces focus"),
    "pip": ("install", "sync", "download", "wheel"),
    "uv": ("add", "tool install", "python install"),
    "pipx": ("install", "inject"),
    "poetry": ("add", "update"),
    "pdm": ("add", "update"),
    "pipenv": ("install", "sync", "update"),
    "conda": ("install", "create", "env create", "env update"),
    "mamba": ("install", "create", "env create", "env update"),
    "micromamba": ("install", "create", "env create", "env update"),
    "composer": ("update", "require"),
    "bundle": ("", "install", "update"),
    "gem": ("install",),
    "go": ("mod download", "get"),
    "cargo": ("fetch", "chef cook"),
    "dotnet": ("restore", "tool install", "tool restore"),
    "swift": ("package resolve", "package update"),
    "dart": ("pub get",),
    "flutter": ("pub get",),
    "mix": ("deps.get",),
}
# tool -> those of them that are told what to install
_NAMING: Mapping[str, tuple[str, ...]] = {
    "pipx": ("install", "inject"),
    "gem": ("install",),
    "cargo": ("install",),
    "go": ("install", "get"),
    "uv": ("add", "install"),
    "poetry": ("add",),
    "pdm": ("add",),
    "composer": ("require",),
    "dotnet": ("install",),
    "conda": ("install", "create"),
    "mamba": ("install", "create"),
}
# tool -> its verbs that install the project itself and what it lacks, and the flags that leave the project out
_PROJECTS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "uv": (("sync",), frozenset(("--no-install-project", "--no-install-workspace"))),
    "poetry": (("install", "sync"), frozenset(("--no-root",))),
    "pdm": (("install", "sync"), frozenset(("--no-self",))),
    "composer": (("install",), frozenset(("--no-autoloader", "--no-scripts"))),
}
# tool -> its verbs that fetch and compile what is missing while they build
_BUILDS: Mapping[str, tuple[str, ...]] = {
    "go": ("build", "install", "test", "run", "vet"),
    "cargo": ("build", "b", "install", "test", "t", "run", "r", "check", "zigbuild"),
    "dotnet": ("build", "publish", "test", "run", "pack"),
    "swift": ("build", "test"),
    "mix": ("compile", "release"),
    "flutter": ("build",),
}
_MAVEN_PHASES = {"package", "install", "verify", "compile", "test", "deploy"}
# dependency:go-offline, dependency:resolve-plugins, org.apache.maven.plugins:maven-dependency-plugin:3.6.1:go-offline
_MAVEN_FETCH = re.compile(r"(?:^|:|-)dependency(?:-plugin)?(?::[\d.]+)?:(?:go-offline|resolve|get|copy-dep)")
_SYSTEM: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("install", "build-dep")),
    **dict.fromkeys(("dnf", "microdnf", "yum", "zypper"), ("install", "in", "groupinstall")),
    "apk": ("add",),
}
_FETCHES: Mapping[str, tuple[str, ...]] = {
    "git": ("clone", "submodule update", "lfs pull"),
    "playwright": ("install", "install-deps"),
    "hf": ("download",),
    "huggingface-cli": ("download",),
    "aws": ("s3 cp", "s3 sync"),
    "gsutil": ("cp", "rsync"),
    "gdown": ("",),
}
_DOWNLOADERS = ("curl", "wget", "aria2c")
_HERE = ("localhost", "127.0.0.1", "0.0.0.0", "::1")  # noqa: S104  # addresses that are asked, not listened on

# Options before the verb that have a value of their own.
_VALUED = {
    **dict.fromkeys(
        ("npm", "pnpm", "yarn", "bun"), ("-C", "-F", "-w", "--prefix", "--workspace", "--filter", "--dir", "--cwd")
    ),
    "uv": ("--directory", "--project", "--python", "-p", "--cache-dir", "--config-file", "--color"),
    "pip": ("--python", "--proxy", "--cache-dir", "--log", "--timeout", "--retries", "--cert"),
    "poetry": ("-C", "--directory", "-P", "--project"),
    "go": ("-C",),
    "cargo": ("-C", "--config", "--color", "-Z"),
    "composer": ("-d", "--working-dir"),
    **dict.fromkeys(("apt", "apt-get", "aptitude"), ("-o", "-t", "-c", "--target-release", "--option")),
    "apk": ("-X", "-p", "--repository", "--root"),
    "git": ("-C", "-c"),
}
_PIP_VALUED = (
    *("-r", "--requirement", "-c", "--constraint", "-t", "--target", "--prefix", "--root", "-i", "--index-url"),
    *("--extra-index-url", "-f", "--find-links", "--cache-dir", "--python", "--trusted-host", "--src", "--group"),
    *("--platform", "--python-version", "--implementation", "--abi", "--upgrade-strategy", "--progress-bar"),
)
# Nothing is fetched with these. npm is not here: it unpacks everything again, wherever it has it from.
_OFFLINE: Mapping[str, tuple[str, ...]] = {
    "cargo": ("--frozen",),
    "dotnet": ("--no-restore", "--no-build"),
    "bundle": ("--local",),
    **dict.fromkeys(("mvn", "mvnw", "mvnd"), ("-o",)),
    "go": ("-mod=vendor", "--mod=vendor"),
}


@dataclass(frozen=True)
class Command:
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
        return _ECOSYSTEM_OF.get(self.tool, "") if self.kind not in ("system", "fetch") else ""

    @property
    def names_packages(self) -> bool:
        """Whether it says itself what to install (`npm i -g serve`, `pip install uv`): no manifest drives it."""
        verb = self.text.split()[-1]
        if self.kind != "install":
            return False
        if self.tool in ("pipx", "gem", "cargo", "go", "uv", "poetry", "pdm", "composer", "dotnet", "conda", "mamba"):
            return verb in _NAMING.get(self.tool, ()) and "-f" not in self.words and "--file" not in self.words
        if self.tool == "pip":
            return not any(word.startswith(("-r", "--requirement")) for word in self.words) and verb == "install"
        operands = [word for word in self.words if not word.startswith("-")]
        return self.tool in _ECOSYSTEMS["node"] and bool(operands) and verb not in ("ci", "fetch", "focus")


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


def _commands(text: str) -> Iterator[Command]:
    for command in simple_commands(text):
        found = _command(command)
        if found is not None:
            yield found


def _command(command: SimpleCommand) -> Command | None:
    tool, start = _tool(command.words)
    find: Callable[..., Command | None] = _SPECIAL.get(tool, _by_verb)
    return find(command, tool, start)


def _tool(words: Sequence[str]) -> tuple[str, int]:
    """The package manager, and where its own words begin: `python3 -m pip`, `uv pip`, `npx --yes playwright`."""
    name = words[0].rsplit("/", 1)[-1]
    if re.fullmatch(r"pip\d?(?:\.\d+)?", name):
        return "pip", 1
    if re.fullmatch(r"python\d?(?:\.\d+)?", name) and "-m" in words[:-1]:
        at = words.index("-m") + 1
        return words[at], at + 1
    if name == "uv" and "pip" in words[1:]:
        at = _verb_at(words, 1, "uv")
        return ("pip", at + 1) if words[at : at + 1] == ("pip",) else ("uv", 1)
    if name in ("npx", "bunx") and "playwright" in words:
        return "npx", words.index("playwright") + 1
    return name, 1


def _verb_at(words: Sequence[str], start: int, tool: str) -> int:
    """Where the first word that is no option stands; the end where there is none."""
    at = start
    while at < len(words) and (words[at].startswith("-") or (tool == "cargo" and words[at].startswith("+"))):
        at += 2 if words[at] in _VALUED.get(tool, ()) else 1
    return at


def _by_verb(command: SimpleCommand, tool: str, start: int) -> Command | None:
    words = command.words
    if _is_offline(command, tool):
        return None
    at = _verb_at(words, start, tool)
    verb, second = (*words[at : at + 1], "")[0], (*words[at + 1 : at + 2], "")[0]
    for verbs, kind in (
        (_INSTALLS.get(tool, ()), "install"),
        (_PROJECTS.get(tool, ((), frozenset()))[0], "project"),
        (_BUILDS.get(tool, ()), "build"),
        (_SYSTEM.get(tool, ()), "system"),
        (_FETCHES.get(tool, ()), "fetch"),
    ):
        two = f"{verb} {second}" in verbs
        if verb in verbs or two:
            end = at + 2 if two else at + 1
            return _refined(Command(_as_kind(kind), tool, " ".join(words[:end]), words[end:]))
    return None


def _as_kind(text: str) -> Kind:
    kinds: Mapping[str, Kind] = {kind: kind for kind in ("install", "project", "build", "system", "fetch")}
    return kinds[text]


def _refined(command: Command) -> Command | None:
    """What the verb alone does not tell."""
    words = command.words
    kind: Kind | None = command.kind
    if command.kind == "project" and _PROJECTS[command.tool][1].intersection(words):
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
    flags = {*_OFFLINE.get(tool, ()), *(("--offline",) if tool != "npm" else ())}
    return vendored or not flags.isdisjoint(words)


def _follows(words: Sequence[str], flag: str, value: str) -> bool:
    return any(pair == (flag, value) for pair in pairwise(words))


def _maven(command: SimpleCommand, tool: str, start: int) -> Command | None:
    if _is_offline(command, tool):
        return None
    words = command.words
    for at, word in enumerate(words[start:], start):
        if _MAVEN_FETCH.search(word):
            return Command("install", tool, " ".join(words[: at + 1]), words[at + 1 :])
    for at, word in enumerate(words[start:], start):
        if word in _MAVEN_PHASES:
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


def _npx(command: SimpleCommand, tool: str, start: int) -> Command | None:
    words = command.words
    if words[start : start + 1] not in (("install",), ("install-deps",)):
        return None
    return Command("fetch", tool, " ".join(words[: start + 1]), words[start + 1 :])


def _download(command: SimpleCommand, tool: str, start: int) -> Command | None:
    """A download, unless it asks this container itself; an address in a variable is one too."""
    words = command.words[start:]
    hosts = [_host(word) for word in words if "://" in word]
    wanted = any(host not in _HERE for host in hosts) if hosts else any("$" in word for word in words)
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
        at += 2 if word in _PIP_VALUED else 1
    folders = [operand.partition("[")[0] for operand in operands]
    return bool(folders) and all(
        (folder == "." or folder.startswith(("./", "../", "/"))) and not folder.endswith((".whl", ".gz", ".zip", "*"))
        for folder in folders
    )


_SPECIAL: Mapping[str, Callable[[SimpleCommand, str, int], Command | None]] = {
    **dict.fromkeys(("mvn", "mvnw", "mvnd"), _maven),
    **dict.fromkeys(("gradle", "gradlew", "sbt"), _task_runner),
    **dict.fromkeys(_DOWNLOADERS, _download),
    "mix": _mix,
    "npx": _npx,
}
