"""What an install needs of the system: packages of Debian, Git, and folders beside the manifest."""

from __future__ import annotations

import pytest

from layerproof.starters import Wishes
from layerproof.starters.render import render_dockerfile
from tests.starter_samples import found, pyproject


@pytest.mark.parametrize(
    ("line", "build", "run"),
    [
        ("psycopg2==2.9", ("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
        ("psycopg2-binary==2.9", (), ()),
        ("psycopg==3.2.1", (), ("libpq5",)),
        ("psycopg[pool]==3.2.1", (), ("libpq5",)),
        ("psycopg[binary,pool]==3.2.1", (), ()),
        ("psycopg==3.2.1\npsycopg-binary==3.2.1", (), ()),
        ("psycopg[c]==3.2.1", ("gcc", "libc6-dev", "libpq-dev"), ("libpq5",)),
    ],
)
def test_the_library_of_postgresql_is_there_where_no_wheel_holds_it(
    line: str, build: tuple[str, ...], run: tuple[str, ...]
) -> None:
    values = found({"requirements.txt": f"{line}\n", "main.py": ""}).values
    assert values["build_packages"] == build
    assert values["run_packages"] == run


PROJECT = pyproject("api", project='dependencies = ["mylib"]')
POETRY = "[tool.poetry]\nname = 'a'\n[tool.poetry.dependencies]\nmylib = {git = 'https://example.com/mylib.git'}\n"


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "mylib @ git+https://example.com/mylib\n"},
        {"pyproject.toml": PROJECT.replace('"mylib"', '"mylib @ git+https://example.com/mylib"')},
        {"pyproject.toml": f'{PROJECT}[tool.uv.sources]\nmylib = {{ git = "https://x.org/a" }}\n', "uv.lock": ""},
        {"pyproject.toml": PROJECT, "uv.lock": '[[package]]\nsource = { git = "https://x.org/a?rev=1#2" }\n'},
        {"pyproject.toml": POETRY, "poetry.lock": '[package.source]\ntype = "git"\n'},
    ],
    ids=["requirements.txt", "pyproject.toml", "uv's sources", "uv.lock", "Poetry"],
)
def test_git_is_there_where_a_dependency_comes_from_a_repository(files: dict[str, str]) -> None:
    starter = found({**files, "main.py": ""})
    assert starter.values["build_packages"] == ("git",)
    assert " git\n" in render_dockerfile(starter, "api", Wishes())
