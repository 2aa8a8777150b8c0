"""Edits of the real services on the real engine: the cause of every step that ran, named right."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from .conftest import COMMAND, Repo
from .why_edits import ROWS, Row, put


@pytest.fixture
def copy(built: Repo, tmp_path: Path) -> Iterator[Repo]:
    """A copy of the repo for one edit, with its profile and without a record."""
    root = tmp_path / "repo"
    shutil.copytree(built.root, root, symlinks=True, ignore=shutil.ignore_patterns("records", "node_modules", ".git"))
    yield replace(built, root=root)
    subprocess.run(["docker", "image", "rm", "--force", "layerproof-e2e-why:1"], capture_output=True, check=False)
    built.run("build")  # the tags stand for the unedited tree again


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_step_that_an_edit_re_runs_has_its_true_cause(row: Row, copy: Repo) -> None:
    row.setup(copy.root, uuid.uuid4().hex[:12])
    copy.build("--service", row.service)
    row.change(copy.root, uuid.uuid4().hex[:12])
    copy.build("--service", row.service, *row.words)
    said = json.loads(copy.run("why", "--service", row.service, "--format", "json").stdout)["images"][0]
    told = [(cause["step"], cause["cause"], "; ".join(cause["detail"])) for cause in said["causes"]]
    assert len(told) == len(row.causes), (said, row.causes)
    for (step, cause, detail), (begin, true_cause, part) in zip(told, row.causes, strict=True):
        assert f" {begin}" in step, (told, row.causes)
        assert (cause, part in detail) == (true_cause, True), (told, row.causes)


@pytest.mark.parametrize("dockerfile", ["backend/Dockerfile", "backend/Dockerfile.dev", "elsewhere/api.Dockerfile"])
@pytest.mark.parametrize("command", [["docker", "compose", "build"], [str(COMMAND), "build", "--service"]])
def test_a_build_is_explained_from_the_history_whoever_made_it(copy: Repo, command: list[str], dockerfile: str) -> None:
    unique = uuid.uuid4().hex[:12]
    (copy.root / dockerfile).parent.mkdir(exist_ok=True)
    (copy.root / "backend" / "Dockerfile").rename(copy.root / dockerfile)
    named = f"context: ./backend\n      dockerfile: {copy.root / dockerfile}\n"
    put("docker-compose.yml", "context: ./backend\n", named)(copy.root, unique)
    put(dockerfile, "RUN npm run build\n", "RUN npm run build && : one UNIQUE\n")(copy.root, unique)
    copy.call([*command, "backend-api"])
    put(dockerfile, "RUN npm run build && : one", "RUN npm run build && : two")(copy.root, unique)
    copy.call([*command, "backend-api"])
    said = json.loads(copy.run("why", "--history", "--service", "backend-api", "--format", "json").stdout)["images"][0]
    assert [(cause["line"], cause["cause"], cause["detail"]) for cause in said["causes"]][:1] == [
        (21, "instruction", [f"was `RUN npm run build && : one {unique}`"])
    ]


def test_a_build_says_why_it_installs_again_and_a_person_can_read_it_at_80_columns(copy: Repo) -> None:
    copy.build("--service", "backend-api")
    put("backend/package.json", '"description": "', f'"description": "{uuid.uuid4().hex}')(copy.root, "")
    built = copy.run("build", "--service", "backend-api")
    assert (
        "backend-api: deps 3/4 RUN npm ci ran again: `COPY package.json package-lock.json ./` on line 7" in built.stdout
    )
    command = f"stty cols 80; {shlex.quote(str(COMMAND))} why --service backend-api"
    shown = copy.call(["script", "--quiet", "--return", "--command", command, "/dev/null"]).stdout
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in shown.splitlines()]
    assert max(map(len, lines)) <= 80
    assert any("package.json changed" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--next", "--against", "HEAD"], "exclude each other"),
        (["--service", "nobody"], "there is no service or image that is built named 'nobody'"),
        (["--against", "no-such-commit"], "git"),
    ],
)
def test_what_cannot_be_answered_is_a_clear_error(built: Repo, words: list[str], message: str) -> None:
    done = built.run("why", *words, check=False)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
