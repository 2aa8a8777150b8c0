"""
Repos as the public writes them: `check` tells of each what is wrong with it, at its line, and nothing else.

Each file of `corpus/` is one repo: what it is, what is expected of it (`LP011 api/Dockerfile:7 -- why`; nothing where
it is well made), and its files, each below a line `=== PATH`. After the path stand in brackets: `usual` (an ignore
file that begins with the mandatory paths), `crlf`, `bom`, `latin-1`, `run` (executable), `300 KB` (so big, zeros at its
end). It needs the Docker CLI with its compose plugin, and no engine.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from layerproof.engine.docker import DockerEngine
from layerproof.workflow.check import check

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
USUAL = "".join(
    f"**/{name}\n" for name in ("node_modules", "__pycache__", ".git", ".gitignore", ".env", "*.log", "data/", "*.pkl")
)
# LP003 my app/Dockerfile:7 -- the source is copied first
_EXPECTED = re.compile(r"(?P<rule>LP\d{3}) (?P<path>.+):(?P<line>\d+) -- \S.*")
# === my app/Dockerfile [crlf, bom]
_FILE = re.compile(r"=== (?P<path>[^\[\n]+?)(?: \[(?P<marks>[^\]]*)\])?\n")

Row = tuple[str, str, int]


@dataclass(frozen=True)
class Repo:
    """One file of the corpus: what is expected, the content of each file by its path, and which of them can be run."""

    expected: tuple[Row, ...]
    files: dict[str, bytes]
    programs: frozenset[str]

    def write(self, root: Path) -> None:
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if name in self.programs:
                path.chmod(0o755)


def parse_repo(text: str) -> Repo:
    head, *parts = re.split(r"^(?==== )", text, flags=re.MULTILINE)
    lines = [line for line in head.splitlines() if line.startswith("LP")]
    found = [_EXPECTED.fullmatch(line) for line in lines]
    assert all(found), f"not RULE PATH:LINE -- why: {lines}"
    rows = sorted((item["rule"], item["path"], int(item["line"])) for item in found if item)
    files: dict[str, bytes] = {}
    programs = set()
    for part in parts:
        header = _FILE.match(part)
        assert header, part.partition("\n")[0]
        marks = set(re.split(r",\s*", header["marks"] or ""))
        files[header["path"]] = _content(part[header.end() :], marks)
        if "run" in marks:
            programs.add(header["path"])
    return Repo(tuple(rows), files, frozenset(programs))


def _content(text: str, marks: set[str]) -> bytes:
    text = (USUAL if "usual" in marks else "") + text
    text = text.replace("\n", "\r\n" if "crlf" in marks else "\n")
    content = text.encode("latin-1" if "latin-1" in marks else "utf-8")
    size = next((int(mark.split()[0]) << 10 for mark in marks if mark.endswith(" KB")), 0)
    return (b"\xef\xbb\xbf" if "bom" in marks else b"") + content.ljust(size, b"\0")


@pytest.fixture(scope="session")
def docker() -> DockerEngine:
    if shutil.which("docker") is None and not os.environ.get("CI"):
        pytest.skip("no Docker CLI: `docker compose config` reads the compose files")
    return DockerEngine()


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in CORPUS])
def test_every_defect_is_told_and_nothing_else(file: Path, docker: DockerEngine, tmp_path: Path) -> None:
    repo = parse_repo(file.read_text(encoding="utf-8"))
    repo.write(tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COMPOSE_", "LAYERPROOF_"))}
    findings = check(tmp_path, engine=docker, environment=environment, tools=["layerproof"]).findings
    told, expected = Counter((item.rule, item.path, item.line) for item in findings), Counter(repo.expected)
    messages = {(item.rule, item.path, item.line): item.message for item in findings}
    surplus = [f"+ {rule} {path}:{line} {messages[rule, path, line]}" for rule, path, line in sorted(told - expected)]
    missed = [f"- {rule} {path}:{line}" for rule, path, line in sorted(expected - told)]
    assert not surplus + missed, "\n".join(["", *surplus, *missed])
