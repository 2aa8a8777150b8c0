"""Which commands of a shell text bring dependencies in, and which package manager they belong to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from layerproof.model import Instruction

# pip install -r requirements.txt, uv sync, npm ci, apt-get -y install curl, go mod download, mvn dependency:go-offline
_INSTALL = re.compile(
    r"""(?:[\w./-]*/)?(?:
      (?:pip(?:\d(?:\.\d+)?)?|uv\s+pip|pipx|python\d?(?:\.\d+)?\s+-m\s+pip)
      \s+(?:[-\w=./:]+\s+)*?(?:install|sync|download|wheel)\b
    | uv\s+(?:-\S+\s+)*(?:sync|add|tool\s+install)\b
    | (?:poetry|pdm|pipenv|bundle|composer)\s+(?:-\S+\s+)*(?:install|sync|update|add|require)\b
    | (?:npm|pnpm|bun)\s+(?:OPTION\s+)*(?:ci|i|install|clean-install|install-clean|add|fetch)\b
    | yarn(?:\s+OPTION)*(?:\s+(?:install|add|workspaces\s+focus)\b|\s*$)
    | (?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper)\s+(?:-\S+\s+|\S+=\S+\s+)*install\b
    | apk\s+(?:-\S+\s+)*add\b
    | (?:conda|mamba|micromamba)\s+(?:install|create|env\s+(?:create|update))\b
    | gem\s+install\b
    | go\s+(?:mod\s+download|get)\b | go\s+install\s+(?:-\S+\s+)*\S+@\S+
    | cargo\s+(?:fetch|chef\s+cook)\b | cargo\s+install\b(?!.*\s--path\b)
    | (?:mvn|mvnw)\s+.*?\bdependency:(?:go-offline|resolve)\b
    | dotnet\s+restore\b | mix\s+deps\.get\b | (?:dart|flutter)\s+pub\s+get\b | swift\s+package\s+resolve\b
    )(?![-\w])""".replace("OPTION", r"(?:(?:-C|-F|--(?:prefix|cwd|dir|filter))\s+\S+|-\S+)"),
    re.VERBOSE,
)
# A system package manager: its packages do not come from a manifest of the project.
_SYSTEM = re.compile(r"(?:\S*/)?(?:apt|apt-get|aptitude|dnf|microdnf|yum|zypper|apk)\s")

_CONTINUATION = re.compile(r"\\\r?\n")
# `# npm install` at the start of a line or after a blank
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
# echo "now run npm install"
_SAID = re.compile(r"""\b(?:echo|printf)\s+(?:"[^"]*"|'[^']*'|[^;&|\n"'])*""")
_SEPARATOR = re.compile(r"&&|\|\||[;&|\n(){}`]")
# RUN --mount=type=cache,target=/root/.npm CI=1 sudo -E sh -c "
_BEFORE_COMMAND = re.compile(
    r"""\s*(?:(?:
      RUN|CMD|CMD-SHELL|ENTRYPOINT|exec|command|time|then|do|else|if|while|!|corepack|xargs|env|nice
    | sudo(?:\s+-\w+)* | (?:gosu|su-exec)\s+\S+ | \S*\bsh(?:\s+-\w+)*\s+-\w*c | --\w[\w-]*=\S+ | \w+=\S*
    )\s+["']?)*""",
    re.VERBOSE,
)

# Tools that fetch and compile what is missing while they build: go build, mvn -q package, ./gradlew bootJar
_BUILD = re.compile(
    r"""(?:[\w./-]*/)?(?:
      go\s+(?:build|install|test|run|vet)
    | cargo\s+(?:\+\S+\s+)?(?:build|install|test|run|check|zigbuild|b|r)
    | (?:mvn|mvnw|mvnd)\s+(?:.*\s)?(?:package|install|verify|compile|test|deploy)
    | (?:gradle|gradlew)\s+\S.*
    | dotnet\s+(?:build|publish|test|run|pack)
    | swift\s+build | mix\s+(?:compile|release) | sbt\s+\S.* | flutter\s+build
    )(?![-\w])""",
    re.VERBOSE,
)
_OFFLINE = {"--offline", "--no-restore", "-mod=vendor"}
# curl -fsSL https://host/file, git clone https://host/repo; not a health check of the container itself
_FETCH = re.compile(
    r"""(?:[\w./-]*/)?(?:
      (?:curl|wget|aria2c)\b(?=.*://)(?!.*://(?:localhost|127\.))
    | git\s+clone\b | (?:npx\s+)?playwright\s+install\b | (?:huggingface-cli|hf)\s+download\b
    | aws\s+s3\s+(?:cp|sync)\b | (?:gsutil|gdown)\b
    )""",
    re.VERBOSE,
)
# Where the word alone does not say it: what installs the project itself unless a flag says "dependencies only".
_DEPENDENCIES_ONLY = {
    "uv": {"--no-install-project", "--no-install-workspace"},
    "poetry": {"--no-root"},
    "pdm": {"--no-self"},
    "composer": {"--no-autoloader", "--no-scripts"},
}
_ECOSYSTEMS = {
    "node": ("npm", "npx", "pnpm", "yarn", "bun", "playwright"),
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

Kind = Literal["install", "project", "build", "system", "fetch"]


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


def find_commands(instruction: Instruction) -> tuple[Command, ...]:
    """The commands of a RUN that bring dependencies in, in order; () for every other instruction."""
    return tuple(_commands(shell_text(instruction))) if instruction.keyword == "RUN" else ()


def shell_text(instruction: Instruction) -> str:
    """The command of a RUN, exec form included; a here-document stands in the text only."""
    return instruction.text if "<<" in instruction.text else " ".join(instruction.values)


def find_install(command: str) -> str:
    """The first command in a shell text that installs dependencies, as written; "" where there is none."""
    return next(_installs(command), "")


def installs_from_manifest(command: str) -> bool:
    """Whether a shell text installs the project's own dependencies (system packages do not count)."""
    return any(not _SYSTEM.match(found) for found in _installs(command))


def _installs(text: str) -> Iterator[str]:
    for begin, segment in _segments(text):
        if found := _INSTALL.match(segment, begin):
            yield " ".join(found[0].split())


def _segments(text: str) -> Iterator[tuple[int, str]]:
    """Only what stands where a command can stand counts: not a comment, not an argument, not what echo says."""
    text = _SAID.sub("", _COMMENT.sub("", _CONTINUATION.sub(" ", text)))
    for command in _SEPARATOR.split(text):
        start = _BEFORE_COMMAND.match(command)
        yield (start.end() if start else 0), command.rstrip(" \t\r\"'")


def _commands(text: str) -> Iterator[Command]:
    for begin, segment in _segments(text):
        for pattern in (_INSTALL, _BUILD, _FETCH):
            if found := pattern.match(segment, begin):
                words = _words(segment[found.end() :] if pattern is not _FETCH else segment[begin:])
                tool = _tool(found[0])
                if kind := _kind(pattern, tool, found[0], words):
                    yield Command(kind, tool, " ".join(found[0].split()), words)
                break


def _kind(pattern: re.Pattern[str], tool: str, text: str, words: tuple[str, ...]) -> Kind | None:
    """None for a command that looks like it brings dependencies in, and says itself that it does not."""
    if pattern is _FETCH:
        return "fetch"
    if pattern is _BUILD:
        offline = _OFFLINE | ({"-o"} if tool.startswith("mvn") else set())
        return None if offline.intersection((*words, *text.split())) else "build"
    if _SYSTEM.match(text):
        return "system"
    if tool in _DEPENDENCIES_ONLY and text.split()[-1] in ("install", "sync"):
        return "install" if _DEPENDENCIES_ONLY[tool].intersection(words) else "project"
    if tool == "pip" and _is_local(words):
        return None if "--no-deps" in words else "project"
    return "install"


def _tool(text: str) -> str:
    words = text.split()
    name = words[0].rsplit("/", 1)[-1]
    is_pip = name.startswith("pip") and name != "pipenv" and name != "pipx"
    return "pip" if is_pip or (name.startswith(("python", "uv")) and "pip" in words) else name


def _is_local(words: tuple[str, ...]) -> bool:
    """Whether all that pip installs is a folder here: `.`, `-e ./lib`, `.[dev]`; not `-r file`, not a wheel."""
    if any(word.startswith(("-r", "--requirement")) for word in words):
        return False
    operands = [word.partition("[")[0] for word in words if not word.startswith("-")]
    is_folder = [
        (word == "." or word.startswith(("./", "../", "/"))) and not word.endswith((".whl", ".gz", ".zip", "*"))
        for word in operands
    ]
    return bool(operands) and all(is_folder)


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:  # an open quote: the rest of an `sh -c "..."`
        return tuple(text.replace('"', " ").replace("'", " ").split())
