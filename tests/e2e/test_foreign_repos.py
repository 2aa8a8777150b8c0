"""Repositories that are not ours: the wheel in an environment of its own, and every task on the real engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from layerproof.engine.docker import DockerEngine
from layerproof.workflow.build import PROJECT_LABEL

from .conftest import Installed, Repo
from .foreign_layouts import LAYOUTS, TOOLS, TOOLS_DOCKERFILE, Layout

PYTHONS = ("python:3.10-slim-bookworm", "python:3.11-slim-bookworm")


class Foreign:
    """One of the layouts on the disk, and the installed command in it."""

    def __init__(self, layout: Layout, root: Path, command: Path) -> None:
        self.layout, self.root, self.command = layout, root, command

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """`layerproof WORDS` where the layout says; another exit code fails the test."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}
        done = subprocess.run(
            [str(self.command), *self.layout.flags, *words],
            cwd=self.root / self.layout.here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode not in codes or "Traceback" in done.stderr:
            pytest.fail(f"{' '.join(words)} ended with code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *words: str, codes: tuple[int, ...] = (0,)) -> Any:
        """What it says with `--format json`."""
        return json.loads(self.run(*words, "--format", "json", codes=codes).stdout)

    def actions(self) -> dict[str, str]:
        """What a build does with each image."""
        return {image["image"]: image["action"] for image in self.json("build")["images"]}

    def initialise(self) -> None:
        """`layerproof init`: every layout goes through here first."""
        self.run("init", "--yes")


@pytest.fixture(scope="module")
def python(engine: DockerEngine, repo: Repo) -> Iterator[str]:
    """The Python image that is here; and the toolchains that only leave a file."""
    local = engine.images()
    found = next((tag for tag in PYTHONS if tag in local), None)
    assert found, "inv lab --auto has brought no Python image"
    subprocess.run(["docker", "build", "--quiet", "--tag", TOOLS, "-"], input=TOOLS_DOCKERFILE, text=True, check=True)
    yield found
    engine.remove_images([TOOLS])


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def foreign(
    request: pytest.FixtureRequest, python: str, installed: Installed, engine: DockerEngine, tmp_path: Path
) -> Iterator[Foreign]:
    layout: Layout = request.param
    root = tmp_path / f"lpf-{layout.name}"
    for name, text in layout.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("FROM PYTHON", f"FROM {python}"))
    made = Foreign(layout, root, installed.command)
    yield made
    engine.remove_labelled(PROJECT_LABEL, layout.project or root.name)


def test_it_is_built_proven_explained_checked_and_audited_without_an_edit(foreign: Foreign) -> None:
    foreign.initialise()
    assert foreign.actions() == dict.fromkeys(foreign.layout.images, "built")
    assert set(foreign.actions().values()) == {"unchanged"}
    proof = foreign.json("prove", *(word for name in foreign.layout.proven for word in ("--service", name)))
    failed = [verdict for verdict in proof["verdicts"] if not verdict["passed"]]
    assert failed == []
    assert {verdict["probe"] for verdict in proof["verdicts"] if verdict["outcome"] == "held"} >= {"noop", "touch"}
    explained = {item["image"] for item in foreign.json("why")["images"]}
    assert explained >= {verdict["image"] for verdict in proof["verdicts"]}
    checked = foreign.json("check", codes=(0, 1))
    there = [finding["path"] for finding in checked["findings"] if finding["rule"] != "LP005"]
    assert [path for path in there if not (foreign.root / path).is_file()] == []
    assert [finding for finding in checked["findings"] if finding["rule"] == "LP010"] == []
    audited = foreign.json("audit", codes=(0, 1))
    assert {item["image"] for item in audited["images"]}
    assert str(foreign.root) in foreign.run("report").stdout
    kept = [path for path in foreign.root.rglob(".layerproof") if path.is_dir()]
    assert kept == [foreign.root / ".layerproof"]
