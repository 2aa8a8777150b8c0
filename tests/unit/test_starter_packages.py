"""What an install needs of the system: packages of Debian, Git, and folders beside the manifest."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from layerproof.starters import Wishes
from layerproof.starters.render import render_dockerfile
from tests.starter_samples import SAMPLES, found, pyproject


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


RUST = SAMPLES["rust"]


@pytest.mark.parametrize(
    ("table", "files", "stub"),
    [
        ('[[bench]]\nname = "b"\nharness = false\n', {"benches/b.rs": ""}, "benches/b.rs"),
        ('[[test]]\nname = "t"\n', {"tests/t/main.rs": ""}, "tests/t/main.rs"),
        ('[[example]]\nname = "e"\n', {}, "examples/e.rs"),
        ('[[bin]]\nname = "tool"\n', {"src/bin/tool.rs": ""}, "src/bin/tool.rs"),
        ('[[bin]]\nname = "rusty"\n', {}, "src/main.rs"),
        ('[[bench]]\nname = "b"\npath = "speed.rs"\n', {}, "speed.rs"),
    ],
)
def test_cargo_finds_every_target_of_the_manifest_when_it_compiles_dependencies(
    table: str, files: Mapping[str, str], stub: str
) -> None:
    starter = found({**RUST, **files, "Cargo.toml": f"{RUST['Cargo.toml']}{table}"})
    assert set(starter.values["stubs"]) == {"src/main.rs", stub}
    assert f"echo 'fn main() {{}}' > {stub} " in render_dockerfile(starter, "api", Wishes())


HELPER = '[dependencies]\nhelper = { path = "crates/helper" }\n'


def test_a_deep_manifest_never_raises() -> None:
    assert found({"Cargo.toml": f"{RUST['Cargo.toml']}[dependencies.{'.'.join('a' * 5000)}]\n"}).language == "rust"


def test_crates_in_the_folder_are_compiled_empty_among_the_dependencies() -> None:
    files = {
        **RUST,
        "Cargo.toml": f"{RUST['Cargo.toml']}{HELPER}",
        "crates/helper/Cargo.toml": '[package]\nname = "helper"\n[dependencies]\ncore.path = "../core"\n',
        "crates/helper/src/lib.rs": "",
        "crates/core/Cargo.toml": '[package]\nname = "core"\n[lib]\npath = "core.rs"\n'
        '[dev-dependencies]\ncore = { path = "." }\n',
    }
    starter = found(files)
    assert starter.values["stubs"] == ("src/main.rs", "crates/core/core.rs", "crates/helper/src/lib.rs")
    text = render_dockerfile(starter, "api", Wishes())
    assert "COPY Cargo.toml Cargo.lock ./\nCOPY crates/core/Cargo.toml ./crates/core/\n" in text
    assert "mkdir -p src crates/core crates/helper/src " in text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "crates/helper, whose Cargo.toml names no package"),
        ({"crates/helper/Cargo.toml": "["}, "crates/helper, whose Cargo.toml names no package"),
        ({"crates/helper/Cargo.toml": '[dependencies]\na = { path = "../../../a" }\n'}, "folder ../a, outside"),
    ],
)
def test_a_crate_that_is_not_in_the_folder_is_said(files: Mapping[str, str], said: str) -> None:
    assert said in found({**RUST, **files, "Cargo.toml": f"{RUST['Cargo.toml']}{HELPER}"}).blocked


def test_of_a_go_module_in_the_folder_only_the_manifest_is_there_before_the_source() -> None:
    files = {
        **SAMPLES["go"],
        "go.mod": "module a\nreplace example.com/lib => ./lib\n",
        "lib/go.mod": "module example.com/lib\n",
        "lib/lib.go": "package lib\n",
    }
    text = render_dockerfile(found(files), "api", Wishes())
    assert "COPY go.mod ./\nCOPY lib/go.mod ./lib/\nRUN" in text
