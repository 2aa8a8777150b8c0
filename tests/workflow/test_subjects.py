"""What the rules look at, gathered from real folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerproof.policy import ContextSubject
from layerproof.testing import FakeEngine
from layerproof.workflow.load import configuration, load
from layerproof.workflow.places import ComposePlaces
from layerproof.workflow.subjects import Subjects

DOCKERFILE = "FROM node:20 AS test\nCOPY tests .\nFROM node:20\nCOPY src .\n"


def contexts_of(root: Path, builds: dict[str, dict[str, Any]], files: dict[str, str]) -> dict[str, ContextSubject]:
    """The contexts of a project by their folders, relative to its root."""
    services = {}
    for name, body in builds.items():
        folder = (root / body["context"]).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        named = {key: str(root / value) for key, value in body.get("additional_contexts", {}).items()}
        build = {"dockerfile": "Dockerfile", **body, "context": str(folder), "additional_contexts": named}
        services[name] = {"image": f"shop-{name}", "build": build}
        dockerfile = folder / build["dockerfile"]
        dockerfile.parent.mkdir(parents=True, exist_ok=True)
        dockerfile.write_text(DOCKERFILE)
    for path, text in {"compose.yml": "services: {}\n", **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    project = load(root, engine=FakeEngine(document={"name": "shop", "services": services}), environment={})
    subjects = Subjects(project, configuration(project), ComposePlaces(project.compose_files))
    found = [item for item in subjects.of("context") if isinstance(item, ContextSubject)]
    return {f"{item.folder.relative_to(root)} {item.ignore_file.name}": item for item in found}


API, WEB, WHOLE = {"context": "api"}, {"context": "web"}, {"context": "."}


@pytest.mark.parametrize(
    ("builds", "files", "strays"),
    [
        pytest.param({"a": API}, ["api/.dockerignore"], [], id="the one that holds"),
        pytest.param({"a": API}, [".dockerignore"], [".dockerignore"], id="one at the root, and none holds"),
        pytest.param({"a": API}, [".dockerignore", "api/.dockerignore"], [], id="one at the root, and another holds"),
        pytest.param({"a": API, "w": WHOLE}, [".dockerignore"], [], id="the root is a context too"),
        pytest.param(
            {"a": API}, [".dockerignore", "Dockerfile"], [], id="the root has a Dockerfile that Compose omits"
        ),
        pytest.param({"w": WHOLE}, [".dockerignore", "sub/.dockerignore"], ["sub/.dockerignore"], id="below"),
        pytest.param({"w": WHOLE, "a": API}, [".dockerignore", "api/.dockerignore"], [], id="of a context below"),
        pytest.param(
            {"w": {**WHOLE, "dockerfile": "docker/Dockerfile"}},
            [".dockerignore", "docker/.dockerignore"],
            ["docker/.dockerignore"],
            id="beside a Dockerfile that stands below the context",
        ),
        pytest.param(
            {"a": {**API, "dockerfile": "../docker/Dockerfile"}},
            ["api/.dockerignore", "docker/.dockerignore"],
            ["docker/.dockerignore"],
            id="beside a Dockerfile that stands outside the context",
        ),
        pytest.param(
            {"w": WHOLE},
            [".dockerignore", "tool/.dockerignore", "tool/Dockerfile"],
            [],
            id="beside a Dockerfile that Compose omits",
        ),
        pytest.param(
            {"w": WHOLE}, [".dockerignore", "demo/.dockerignore", "demo/docker-compose.yml"], [], id="another project's"
        ),
        pytest.param(
            {"a": API},
            ["api/.dockerignore", "api/Dockerfile.dockerignore"],
            ["api/.dockerignore"],
            id="one that another hides",
        ),
        pytest.param(
            {"a": API, "b": {**API, "dockerfile": "b.Dockerfile"}},
            ["api/.dockerignore", "api/b.Dockerfile.dockerignore"],
            [],
            id="one that holds for another Dockerfile of the folder",
        ),
        pytest.param(
            {"a": API},
            ["api/.dockerignore", "api/Dockerfile.dockerignore", "api/Dockerfile.dev"],
            [],
            id="one that holds for a Dockerfile that Compose omits",
        ),
        pytest.param(
            {"w": {**WHOLE, "dockerfile": "docker/api.Dockerfile"}},
            [".dockerignore", "api.Dockerfile.dockerignore"],
            ["api.Dockerfile.dockerignore"],
            id="one with the name of a Dockerfile that stands elsewhere",
        ),
        pytest.param(
            {"w": {**WHOLE, "additional_contexts": {"src": "shared"}}},
            [".dockerignore", "shared/.dockerignore"],
            [],
            id="the one of a named context",
        ),
    ],
)
def test_strays(tmp_path: Path, builds: dict[str, dict[str, Any]], files: list[str], strays: list[str]) -> None:
    if any("additional_contexts" in body for body in builds.values()):
        (tmp_path / "shared").mkdir()
    found = contexts_of(tmp_path, builds, dict.fromkeys(files, "**/*.log\n"))
    told = {str(stray.relative_to(tmp_path)) for subject in found.values() for stray in subject.strays}
    assert told == set(strays)


def test_a_context_knows_what_a_stage_takes_that_no_service_builds(tmp_path: Path) -> None:
    found = contexts_of(tmp_path, {"a": API}, {"api/src/a.js": "", "api/tests/b.js": "", "api/c.txt": ""})
    subject = found["api .dockerignore"]
    nodes = [node for flow in subject.flows for node in flow.nodes.values()]
    taken = {path for path in subject.files if any(node.takes(subject.folder / path) for node in nodes)}
    assert taken == {"src/a.js", "tests/b.js"}


def test_a_file_that_another_image_takes_by_name_is_taken(tmp_path: Path) -> None:
    files = {"web/Dockerfile": "FROM node:20\nCOPY --from=mine c.txt .\n", "api/c.txt": "", "api/d.txt": ""}
    found = contexts_of(tmp_path, {"a": API, "w": {**WEB, "additional_contexts": {"mine": "api"}}}, files)
    nodes = [node for flow in found["api .dockerignore"].flows for node in flow.nodes.values()]
    assert any(node.takes(tmp_path / "api/c.txt") for node in nodes)
    assert not any(node.takes(tmp_path / "api/d.txt") for node in nodes)
