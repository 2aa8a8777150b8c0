"""The lab: what it derives, what it leaves alone, what it removes."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.errors import ConfigError
from layerproof.model import Project
from layerproof.testing import FakeEngine
from layerproof.workflow.lab import (
    LAB_LABEL,
    build_lab,
    is_lab,
    is_unreachable,
    missing_upstreams,
    note_profile,
    remove_lab,
    upstream_references,
    with_lab,
)
from layerproof.workflow.load import load


def test_the_upstream_images_are_read_from_the_dockerfiles_and_the_compose_file(project: Project) -> None:
    assert upstream_references(project) == ("mongo:7.0", "node:18-bookworm-slim")


def test_missing_is_what_is_not_here_and_has_a_recipe(repo: Path, project: Project, engine: FakeEngine) -> None:
    assert missing_upstreams(project, engine=engine) == ()
    (repo / "lab").mkdir()
    (repo / "lab" / "lab.toml").write_text('[[recipe]]\nfolder = "mongo"\nmatches = "mongo:7.0"\nsuite = "sid"\n')
    assert missing_upstreams(project, engine=engine) == ("mongo:7.0",)


def test_a_real_image_is_left_alone_and_a_reference_without_recipe_is_named(
    project: Project, engine: FakeEngine
) -> None:
    results = build_lab(project, engine=engine, say=print)
    assert {result.reference: result.action for result in results} == {
        "node:18-bookworm-slim": "real",
        "mongo:7.0": "unknown",
    }
    assert engine.asked == []


def test_a_recipe_that_lacks_a_key_is_a_clear_error(repo: Path, project: Project, engine: FakeEngine) -> None:
    (repo / "lab").mkdir()
    (repo / "lab" / "lab.toml").write_text('[[recipe]]\nfolder = "mongo"\n')
    with pytest.raises(ConfigError, match="recipe 1 needs"):
        missing_upstreams(project, engine=engine)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        pytest.param('Get "https://registry/v2/": dial tcp: lookup registry: no such host', True, id="no name"),
        pytest.param("net/http: TLS handshake timeout", True, id="a time-out"),
        pytest.param("pull access denied for shop/api, repository does not exist", False, id="a refusal"),
        pytest.param("no space left on device", False, id="a full disk"),
        pytest.param("", False, id="success"),
    ],
)
def test_only_a_registry_that_does_not_answer_calls_for_the_lab(reason: str, expected: bool) -> None:
    assert is_unreachable(reason) is expected


def test_removing_the_lab_leaves_real_images_and_what_was_built_on_stand_ins(repo: Path, engine: FakeEngine) -> None:
    engine.add_image("mongo:7.0", labels={LAB_LABEL: "mongo:7.0"})
    engine.add_image("shop-api", labels={LAB_LABEL: "node:18-bookworm-slim"})
    note_profile(repo, "lab")
    assert remove_lab(repo, engine=engine) == ("mongo:7.0",)
    assert set(engine.images()) == {"node:18-bookworm-slim", "shop-api:latest"}
    assert load(repo, engine=engine, environment={}).profile is None


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param("", "lab", id="nothing beside it"),
        pytest.param("hmr2,cpu", "lab,hmr2,cpu", id="others come on top"),
        pytest.param("hmr2, lab", "lab,hmr2", id="named already"),
    ],
)
def test_the_lab_is_the_lowest_of_the_profiles(chosen: str, expected: str) -> None:
    assert with_lab(chosen) == expected
    assert is_lab(expected)


@pytest.mark.parametrize("profile", [None, "", "hmr2", "laboratory"])
def test_other_profiles_are_not_the_lab(profile: str | None) -> None:
    assert not is_lab(profile)


def test_the_recipes_may_lie_outside_of_the_project(repo: Path, project: Project, engine: FakeEngine) -> None:
    lab = repo.parent / "our lab"
    lab.mkdir()
    (lab / "lab.toml").write_text('[[recipe]]\nfolder = "mongo"\nmatches = "mongo:7.0"\nsuite = "sid"\n')
    (repo / "pyproject.toml").write_text('[tool.layerproof]\nlab = "../our lab"\n')
    assert missing_upstreams(project, engine=engine) == ("mongo:7.0",)


def test_a_project_whose_recipes_were_left_behind_has_none(repo: Path, project: Project, engine: FakeEngine) -> None:
    (repo / "pyproject.toml").write_text('[tool.layerproof]\nlab = "../../lab"\n')
    assert missing_upstreams(project, engine=engine) == ()
    assert {result.action for result in build_lab(project, engine=engine, say=print)} == {"real", "unknown"}
