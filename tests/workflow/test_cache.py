"""A build cache elsewhere: every image has a place of its own, and what is unchanged is exported too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerproof import graph
from layerproof.engine import BakeResult
from layerproof.model import Image, Project
from layerproof.testing import FakeEngine
from layerproof.workflow.build import build
from layerproof.workflow.load import load

ALL = ("base-node", "base-node-runtime", "api", "web")
REF = "type=registry,ref=registry.example/cache"


def project_of(repo: Path, engine: FakeEngine, **cache: list[str]) -> Project:
    return load(repo, engine=engine, environment={}, cache={key.rstrip("_"): value for key, value in cache.items()})


def run(project: Project, engine: FakeEngine) -> dict[str, str]:
    report = build(project, engine=engine, names=ALL)
    return {result.image: result.action for result in report.images}


def by_name(project: Project) -> dict[str, Image]:
    return {image.name: image for image in project.images}


def test_each_image_bases_too_has_a_place_of_its_own(repo: Path, engine: FakeEngine) -> None:
    images = by_name(project_of(repo, engine, from_=[REF], to=[REF]))
    assert images["base-node"].options["cache-from"] == [f"{REF}:base-node"]
    assert images["api"].options["cache-to"] == [f"{REF}:api,mode=max"]
    places = [image.options["cache-to"][0] for image in images.values()]
    assert len(set(places)) == len(ALL)


def test_what_is_given_wins_over_what_is_configured_each_by_itself(repo: Path, engine: FakeEngine) -> None:
    (repo / "pyproject.toml").write_text(f'[tool.layerproof.cache]\nfrom = "{REF}"\nto = ["type=local,dest=cache"]\n')
    configured = by_name(project_of(repo, engine))["api"].options
    assert configured["cache-to"] == [f"type=local,dest={repo}/cache/api,mode=max"]
    given = by_name(project_of(repo, engine, to=["type=gha"]))["api"].options
    assert given == {"cache-from": [f"{REF}:api"], "cache-to": ["type=gha,scope=api,mode=max"]}
    assert "cache-to" not in by_name(project_of(repo, engine, to=[]))["api"].options


def test_an_unchanged_image_is_exported_all_the_same(repo: Path, engine: FakeEngine) -> None:
    run(project_of(repo, engine), engine)
    assert set(run(project_of(repo, engine), engine).values()) == {"unchanged"}
    assert set(run(project_of(repo, engine, to=[REF]), engine).values()) == {"built"}


def test_where_the_cache_is_kept_makes_no_image_stale(repo: Path, engine: FakeEngine) -> None:
    run(project_of(repo, engine, from_=[REF], to=[REF]), engine)
    assert set(run(project_of(repo, engine, from_=["type=gha"]), engine).values()) == {"unchanged"}


def test_a_proof_reads_a_cache_and_writes_none(repo: Path, engine: FakeEngine) -> None:
    images = project_of(repo, engine, from_=[REF], to=[REF]).images
    for target in graph.proof_definition(images)["target"].values():
        assert "cache-from" in target
        assert "cache-to" not in target


def test_buildkits_own_checks_touch_no_cache(repo: Path, engine: FakeEngine) -> None:
    images = project_of(repo, engine, from_=[REF], to=[REF]).images
    assert all(not {"cache-from", "cache-to"} & set(one) for one in graph.lint_definition(images)["target"].values())


def test_a_cache_that_is_not_there_yet_is_a_warning(repo: Path, engine: FakeEngine) -> None:
    vertex: dict[str, Any] = {
        "digest": "sha256:1",
        "name": "importing cache manifest from registry.example/cache:api",
        "started": "2026-01-01T00:00:00Z",
        "completed": "2026-01-01T00:00:00Z",
        "error": "registry.example/cache:api: not found",
    }
    engine.bakes.append(BakeResult(0, (json.dumps({"vertexes": [vertex]}) + "\n",)))
    report = build(project_of(repo, engine, from_=[REF]), engine=engine, names=["api"])
    assert [text for text in report.warnings if "registry.example/cache:api: not found" in text]


@pytest.mark.parametrize("name", ["api", "web"])
def test_one_service_exports_its_bases_too(repo: Path, engine: FakeEngine, name: str) -> None:
    project = project_of(repo, engine, to=[REF])
    build(project, engine=engine, names=[name])
    engine.asked.clear()
    build(project, engine=engine, names=[name])
    assert engine.asked == [("bake", ("base-node", "base-node-runtime", name))]
