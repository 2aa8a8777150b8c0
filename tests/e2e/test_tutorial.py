"""
The tutorial is run as it stands: its files are written, its commands run, and what they print compared.

`TUTORIAL=docs/tutorial.md pytest tests/e2e/test_tutorial.py` writes what they printed into the page instead.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from .conftest import COMMAND, ROOT, Repo

PAGE = ROOT / "docs" / "tutorial.md"
LIMIT_S = 180
IMAGES = ("tutorial-shop-api", "tutorial-shop-web")


@dataclass(frozen=True)
class Block:
    """
    A fenced block of the page: a file where the text above ends with its name and a colon, commands where it is
    `console`. `start` and `end` are its lines, without the fences.
    """

    file: str
    text: str
    start: int
    end: int


def blocks(page: str) -> Iterator[Block]:
    above = ""
    for token in MarkdownIt().parse(page):
        if token.type == "inline":
            above = token.content
        elif token.type == "fence" and token.map:
            # Make an empty folder and put these files in. `compose.yaml`:
            named = re.search(r"`([^`]+)`:$", above)
            assert named or token.info == "console", f"line {token.map[0]}: neither a file nor commands"
            file = "" if token.info == "console" else named[1] if named else ""
            yield Block(file, token.content, token.map[0] + 1, token.map[1] - 1)


@pytest.fixture
def instead() -> dict[str, str]:
    """
    What the page says, and what is here in its place: an upstream image that is at hand, a port that is free, and a
    folder in the images that no build had before, so that nothing comes from the cache of another run.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    folder = f"WORKDIR /{uuid.uuid4().hex}"
    return {"node:24-bookworm-slim": "node:18-bookworm-slim", "8080": port, "WORKDIR /app": folder}


@pytest.fixture
def shop(repo: Repo, tmp_path: Path) -> Iterator[Path]:
    """An empty folder; what was built from it is removed at the end."""
    yield tmp_path
    subprocess.run([COMMAND, "down"], cwd=tmp_path, capture_output=True, check=False)
    subprocess.run(["docker", "image", "rm", "--force", *IMAGES], capture_output=True, check=False)


def replaced(text: str, instead: Mapping[str, str]) -> str:
    for old, new in instead.items():
        text = text.replace(old, new)
    return text


def run(commands: list[str], folder: Path, instead: Mapping[str, str]) -> str:
    """What a terminal would show: each command after a `$`, and what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COMPOSE_", "LAYERPROOF_"))}
    environment = {**kept, "PATH": f"{COMMAND.parent}{os.pathsep}{kept['PATH']}"}
    shown = ""
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", replaced(command, instead)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if "layerproof" in command and "--fix" not in command else subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode in (0, 1), f"{command} ended with {done.returncode}\n{done.stdout}"
        shown += f"$ {command}\n{done.stdout}"
    back = {new: old for old, new in instead.items()}
    lines = (line.rstrip() for line in replaced(shown, back).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def alike(shown: str) -> list[str]:
    """
    What has to be the same each time: without times, sizes and their padding, what took longest, and whether upstream
    images are stand-ins.
    """
    # `api  built  1  3  1.4 s  152.5 MB`, `11:09:21`, `of 15 s`; what a rule of a table is drawn with
    words = re.sub(r"\d\d:\d\d:\d\d|\d+ min|\d+(\.\d+)? (s|[kMG]B)\b|─+", "~", shown)
    lines = (" ".join(line.split()) for line in words.splitlines())
    return [line for line in lines if not line.startswith(("longest step:", "contexts", "lab:"))]


def test_the_tutorial_does_what_it_says(shop: Path, instead: dict[str, str]) -> None:
    page = PAGE.read_text()
    lines = page.splitlines(keepends=True)
    shown: list[tuple[Block, str]] = []
    for block in blocks(page):
        if block.file:
            path = shop / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(replaced(block.text, instead))
        else:
            commands = [line.removeprefix("$ ") for line in block.text.splitlines() if line.startswith("$ ")]
            shown.append((block, run(commands, shop, instead)))
    if wanted := os.environ.get("TUTORIAL"):
        for block, text in reversed(shown):
            lines[block.start : block.end] = [text]
        (ROOT / wanted).write_text("".join(lines))
    else:
        for block, text in shown:
            assert alike(block.text) == alike(text), f"docs/tutorial.md:{block.start} shows something else"
