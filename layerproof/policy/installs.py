"""What several rules ask of installs: where they stand, and whether anything is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layerproof.commands import Command
from layerproof.kinds import CONFIGURED
from layerproof.model import Instruction, Stage
from layerproof.package_managers import PIP_VALUED

# dev, app-dev, development, debug, test, e2e-tests
_DEVELOPMENT = re.compile(
    r"(?:^|[-_.])(?:dev|devel|development|debug|tests?|testing|ci|lint)(?:[-_.]|$)", re.IGNORECASE
)
# What pip installs so that something else installs.
_INSTALLERS = frozenset(("pip", "setuptools", "wheel", "uv", "poetry", "pdm", "pipenv", "pip-tools", "virtualenv"))
# Where what an install of system packages needs first lies: certificates, keys, lists of packages, settings.
_SYSTEM_FOLDERS = (
    *("/etc/", "/usr/local/etc/", "/usr/local/share/ca-certificates", "/usr/share/ca-certificates"),
    *("/usr/share/keyrings", "/root/."),
)
_ARCHIVES = (".whl", ".tar.gz", ".zip")
# gunicorn[gevent]==22.0.0, flask>=3
_AFTER_NAME = re.compile(r"[\[<>=!~;@ ]")


def is_development(stage: Stage) -> bool:
    """Whether a stage says by its name that nobody ships it."""
    return _DEVELOPMENT.search(stage.name or "") is not None


def is_system_setup(instruction: Instruction) -> bool:
    """What an install itself may need first: COPY corp.crt /usr/local/share/ca-certificates/"""
    target = "".join(instruction.values[-1:])
    return instruction.keyword in ("COPY", "ADD") and target.startswith(_SYSTEM_FOLDERS)


def is_for_project(command: Command) -> bool:
    """Whether a command brings in what the project's manifests name; a tool that is only put on the path does not."""
    return command.kind in ("install", "project", "build") and not command.names_packages


def downloads(command: Command) -> bool:
    """Whether a package manager fetches what the project's manifests name into a cache of its own."""
    if command.tool in (CONFIGURED, "ansible-galaxy") or "--offline" in command.words:
        return False
    return is_for_project(command) and not is_from_files(command)


def is_from_files(command: Command) -> bool:
    """Whether pip takes all it needs from files that are there: wheels, an archive, a folder of either."""
    if command.tool != "pip":
        return False
    words = command.words
    if "--no-index" in words or _finds_links(words):
        return True
    named = tuple(pip_operands(words))
    return command.names_packages and bool(named) and all(_is_path(word) for word in named)


def names_dependencies(command: Command) -> bool:
    """Whether a command names packages that a program needs: not an installer, not a tool put on the path."""
    verb = command.text.split()[-1]
    if command.tool == "pip":
        names = [_AFTER_NAME.split(word)[0].lower() for word in pip_operands(command.words) if not _is_path(word)]
        return any(name not in _INSTALLERS and "$" not in name for name in names)
    return command.tool in ("conda", "mamba", "composer") or (command.tool in ("uv", "poetry", "pdm") and verb == "add")


def pip_operands(words: tuple[str, ...]) -> Iterator[str]:
    """What pip is told to install, options and their values left out."""
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            yield words[at]
        at += 2 if words[at] in PIP_VALUED else 1


def _finds_links(words: tuple[str, ...]) -> bool:
    """--find-links=/wheels, -f dist: a folder, not an address."""
    text = " ".join(words)
    found = re.search(r"(?:^|\s)(?:--find-links|-f)[= ](\S+)", text)
    return found is not None and "://" not in found[1]


def _is_path(word: str) -> bool:
    return word.startswith((".", "/", "~")) or word.endswith(_ARCHIVES) or "*" in word
