"""What docker prints, as data; what buildx is told."""

from __future__ import annotations

import pytest

from layerproof.engine.baking import bake_environment
from layerproof.engine.documents import folder_of


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        pytest.param("api", "api", id="a context's own name"),
        pytest.param("services/api (runtime)", "api", id="its path in the repository, and a target"),
        pytest.param("api/Dockerfile.dev (runtime)", "api", id="a Dockerfile of another name"),
        pytest.param("docker/web.Dockerfile", "web.Dockerfile", id="a Dockerfile that lies elsewhere"),
        pytest.param("images", "images", id="one elsewhere of the usual name, by its folder"),
        pytest.param("api/api", "api", id="the innermost of two of the name"),
        pytest.param("docker/other.Dockerfile", "", id="another Dockerfile there"),
        pytest.param("an api", "", id="another folder"),
        pytest.param("images/inner", "", id="a folder below one of a Dockerfile"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_build_in_the_history_is_known_by_its_folder_or_its_dockerfile(name: str, folder: str) -> None:
    assert folder_of(name, {"api"}, {"Dockerfile", "Dockerfile.dev", "api", "images", "web.Dockerfile"}) == folder


@pytest.mark.parametrize(("given", "passed"), [(None, "false"), ("true", "true"), ("", "")])
def test_buildx_reads_nothing_of_git_unless_the_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, given: str | None, passed: str
) -> None:
    monkeypatch.delenv("BUILDX_GIT_INFO", raising=False)
    if given is not None:
        monkeypatch.setenv("BUILDX_GIT_INFO", given)
    assert bake_environment()["BUILDX_GIT_INFO"] == passed
    assert bake_environment()["BUILDX_METADATA_PROVENANCE"] == "max"
