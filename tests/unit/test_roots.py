"""Which folder a command works on, and which compose files the project there is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layerproof.compose_files import compose_candidates, find_compose_files
from layerproof.errors import ConfigError, NoComposeFileError
from layerproof.roots import find_root, naming_files


def make(root: Path, *files: str) -> None:
    """Files by their path; text behind a colon, a folder by a slash at its end."""
    for each in files:
        name, _, text = each.partition(": ")
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


TABLE = "pyproject.toml: [tool.layerproof]\nallow-mnt = false\n"


@pytest.mark.parametrize(
    ("files", "here", "expected"),
    [
        pytest.param(["compose.yaml", "api/src/"], "api/src", ".", id="the compose file upwards"),
        pytest.param(["compose.yaml", "web/compose.yaml", "web/src/"], "web/src", "web", id="the nearest one"),
        pytest.param([TABLE, "infra/compose.yaml"], "infra", ".", id="a configuration above the only compose file"),
        pytest.param(["layerproof.toml", "api/"], "api", ".", id="a configuration of its own"),
        pytest.param([".git/", "infra/compose.yaml", "api/"], "api", ".", id="a repository with one below"),
        pytest.param([".git/", "infra/compose.yaml"], "infra", ".", id="the same, from where it is"),
        pytest.param([".git/", "a/b/compose.yaml"], "a/b", ".", id="two folders down, from where it is"),
        pytest.param([".git/", "a/b/compose.yaml"], "a", ".", id="the same, from in between"),
        pytest.param([".git/", "a/b/compose.yaml", "a/c/"], "a/c", ".", id="the same, from beside it"),
        pytest.param([".git/", "a/b/compose.yaml", "c/compose.yaml"], "a/b", "a", id="one of two projects"),
        pytest.param([".git: gitdir: x", "infra/compose.yaml"], "infra", ".", id="a worktree, whose .git is a file"),
        pytest.param(["infra/compose.yaml"], "infra", "infra", id="no repository: the compose file itself"),
        pytest.param([".git/", "compose.yaml", "demo/compose.yaml"], "demo", "demo", id="a project in a project"),
        pytest.param(
            [".git/", TABLE, "compose.yaml", "demo/compose.yaml"],
            "demo",
            "demo",
            id="which the one above does not mean",
        ),
        pytest.param(
            [".git/", 'layerproof.toml: compose-file = "demo/compose.yaml"', "compose.yaml", "demo/compose.yaml"],
            "demo",
            ".",
            id="which the one above names",
        ),
        pytest.param([".git/", "a/compose.yaml", "b/compose.yaml"], "a", "a", id="one of several, started where it is"),
        pytest.param([".git/", ".env: COMPOSE_FILE=x/stack.yml", "x/stack.yml", "y/"], "y", ".", id="named in .env"),
        pytest.param([".git/", "api/Dockerfile"], "api", ".", id="no compose file at all: the top of the repository"),
        pytest.param(["api/Dockerfile"], "api", "api", id="neither: here"),
        pytest.param(
            ["pyproject.toml: [project]\nname = 'x'\n", "compose.yaml", "api/pyproject.toml: [project]\n"],
            "api",
            ".",
            id="a pyproject.toml of something else",
        ),
    ],
)
def test_the_root_is_found_from_a_sub_folder(tmp_path: Path, files: list[str], here: str, expected: str) -> None:
    make(tmp_path, *files)
    assert find_root(tmp_path / here) == (tmp_path / expected).resolve()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(["infra/docker-compose.yml"], ["infra/docker-compose.yml"], id="in a sub-folder"),
        pytest.param(
            ["deploy/compose.yaml", "deploy/compose.override.yaml", "deploy/compose.prod.yaml"],
            ["deploy/compose.yaml", "deploy/compose.override.yaml"],
            id="with its override, and without what is laid over it by name",
        ),
        pytest.param(["ops/docker/local/compose.yml"], ["ops/docker/local/compose.yml"], id="three folders down"),
        pytest.param(["docker-compose.prod.yml"], ["docker-compose.prod.yml"], id="under another name, the only one"),
        pytest.param(
            ["infra/compose.yaml", "tests/compose.yaml", "examples/a/compose.yaml", ".devcontainer/compose.yaml"],
            ["infra/compose.yaml"],
            id="beside those of tests, examples and tools",
        ),
    ],
)
def test_the_only_compose_file_below_the_root_is_the_one(tmp_path: Path, files: list[str], expected: list[str]) -> None:
    make(tmp_path, *files)
    found = find_compose_files(tmp_path, configured="", environment={})
    assert [os.path.relpath(path, tmp_path) for path in found] == expected


def test_several_candidates_are_named_and_none_is_guessed(tmp_path: Path) -> None:
    make(tmp_path, "deploy/compose.yaml", "infra/docker-compose.yml", "docker-compose.prod.yml")
    with pytest.raises(NoComposeFileError) as caught:
        find_compose_files(tmp_path, configured="", environment={})
    assert "docker-compose.prod.yml, deploy/compose.yaml, infra/docker-compose.yml" in caught.value.message
    assert "--file docker-compose.prod.yml" in caught.value.hint
    found = find_compose_files(tmp_path, configured="infra/docker-compose.yml", environment={})
    assert found == (tmp_path / "infra" / "docker-compose.yml",)


def test_what_is_named_wins_in_the_order_environment_configuration_dotenv(tmp_path: Path) -> None:
    make(tmp_path, "compose.yaml", "a.yml", "b.yml", "c.yml")
    named = {"COMPOSE_FILE": "a.yml:b.yml"}
    (tmp_path / ".env").write_text("COMPOSE_FILE=c.yml\n")
    for configured, environment, expected in (
        ("b.yml", named, ["a.yml", "b.yml"]),
        ("b.yml", {}, ["b.yml"]),
        ("", {}, ["c.yml"]),
    ):
        found = find_compose_files(tmp_path, configured=configured, environment=environment)
        assert [path.name for path in found] == expected


def test_given_files_are_named_relative_to_the_root(tmp_path: Path) -> None:
    make(tmp_path, "shop/infra/a.yml", "b.yml")
    given = naming_files({"X": "1"}, [tmp_path / "shop/infra/a.yml", tmp_path / "b.yml"], root=tmp_path / "shop")
    assert given == {"X": "1", "COMPOSE_FILE": "infra/a.yml:../b.yml", "COMPOSE_PATH_SEPARATOR": ":"}
    found = find_compose_files(tmp_path / "shop", configured="", environment=given)
    assert found == (tmp_path / "shop/infra/a.yml", tmp_path / "b.yml")


def test_a_folder_that_cannot_be_listed_holds_no_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "infra/compose.yaml", "locked/compose.yaml")
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert compose_candidates(tmp_path) == (tmp_path / "infra" / "compose.yaml",)


def test_an_empty_list_of_compose_files_names_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no compose file"):
        find_compose_files(tmp_path, configured="", environment={"COMPOSE_FILE": ":"})
