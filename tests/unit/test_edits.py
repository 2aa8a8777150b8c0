"""Edits mean nothing to a reader of the file, and all to a cache."""

from __future__ import annotations

import ast
import configparser
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import tomli
import yaml
from hypothesis import given
from hypothesis import strategies as st

from layerproof.manifests import _DRIVERS
from layerproof.prove.edits import appended, new_token, stays_valid


def after(name: str, text: str, token: str = "") -> str:
    edit = appended(Path("/shop") / name, token or "0123456789abcdef")
    assert edit.kind == "append"
    assert edit.path == Path("/shop") / name
    # As the workspace appends it: on a line of its own.
    return text + ("\n" if text and not text.endswith("\n") else "") + edit.data.decode()


def requirements(text: str) -> list[str]:
    """What pip reads: the lines without comments and blank ones."""
    return [line.split(" #")[0].strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {name: dict(section) for name, section in parser.items()}


def go_sum(text: str) -> list[list[str]]:
    """As cmd/go reads it: fields of lines, blank lines passed over."""
    return [line.split() for line in text.splitlines() if line.split()]


def python(text: str) -> str:
    return ast.dump(ast.parse(text))


def xml(text: str) -> str:
    return ElementTree.canonicalize(text)


READERS = [
    pytest.param("package.json", '{"name": "a"}', json.loads, id="JSON without a line end"),
    pytest.param("package-lock.json", '{"name": "a"}\n', json.loads, id="JSON with one"),
    pytest.param("composer.lock", '{"a": []}\n', json.loads, id="a lock in JSON"),
    pytest.param("Pipfile.lock", "{}\n", json.loads, id="a lock of pipenv"),
    pytest.param("Package.resolved", "{}", json.loads, id="a lock of swift"),
    pytest.param("app.webmanifest", "{}", json.loads, id="JSON by another name"),
    pytest.param("notebook.ipynb", '{"cells": []}', json.loads, id="a notebook"),
    pytest.param("pyproject.toml", '[project]\nname = "a"', tomli.loads, id="TOML without a line end"),
    pytest.param("pyproject.toml", '[project]\r\nname = "a"\r\n', tomli.loads, id="TOML with Windows line ends"),
    pytest.param("uv.lock", 'version = 1\n[[package]]\nname = "a"\n', tomli.loads, id="a lock of uv"),
    pytest.param("Cargo.lock", "version = 4\n", tomli.loads, id="a lock of cargo"),
    pytest.param("poetry.lock", '[metadata]\npython-versions = "*"\n', tomli.loads, id="a lock of poetry"),
    pytest.param("Pipfile", '[packages]\nflask = "*"\n', tomli.loads, id="TOML without an ending"),
    pytest.param("gradle/libs.versions.toml", '[versions]\na = "1"\n', tomli.loads, id="a catalogue of gradle"),
    pytest.param("pnpm-lock.yaml", "lockfileVersion: '9.0'\na:\n  b: 1\n", yaml.safe_load, id="YAML"),
    pytest.param(
        "environment.yml", "dependencies:\n  - pip:\n    - flask", yaml.safe_load, id="YAML that ends in a list"
    ),
    pytest.param("pubspec.lock", "packages:\n", yaml.safe_load, id="YAML that ends in nothing"),
    pytest.param("values.yaml", "a: |\n  text\n", yaml.safe_load, id="YAML that ends in a text"),
    pytest.param(
        "values.yaml", "a: |+\n  text\n", yaml.safe_load, id="YAML that ends in a text with all its line ends"
    ),
    pytest.param("app.py", "def f():\n    return 1", python, id="Python without a line end"),
    pytest.param("app.py", "if x:\n    pass\n    # end\n", python, id="Python that ends in a comment"),
    pytest.param("app.pyi", "x: int\n", python, id="stubs"),
    pytest.param("app.py", "", python, id="an empty file"),
    pytest.param("pom.xml", "<project><a>1</a></project>", xml, id="maven"),
    pytest.param("App.csproj", '<?xml version="1.0"?>\n<Project/>\n', xml, id="dotnet"),
    pytest.param("Directory.Packages.props", "<Project>\n</Project>", xml, id="packages of dotnet"),
    pytest.param("logo.svg", "<svg/>", xml, id="a picture"),
    pytest.param("requirements.txt", "flask==3.0", requirements, id="requirements"),
    pytest.param("requirements/base.txt", "flask==3.0 # why\n", requirements, id="requirements in their folder"),
    pytest.param("constraints.txt", "flask==3.0\n", requirements, id="constraints"),
    pytest.param("setup.cfg", "[metadata]\nname = a\ninstall_requires =\n  b\n  c", ini, id="INI that ends in a list"),
    pytest.param("go.sum", "x v1 h1:a=\nx v1/go.mod h1:b=\n", go_sum, id="sums of go"),
]


@pytest.mark.parametrize(("name", "text", "read"), READERS)
def test_an_edited_file_says_the_same_to_its_reader(name: str, text: str, read: Callable[[str], Any]) -> None:
    edited = after(name, text)
    assert edited != text
    assert read(edited) == read(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.lists(part), max_leaves=5))
def test_any_json_document_stays_what_it_is(value: Any) -> None:
    for indent in (None, 2):
        assert json.loads(after("a.json", json.dumps(value, indent=indent), new_token())) == value


@given(st.uuids(), st.uuids(), st.sampled_from(["a.json", "app.py", "go.sum", "README", "data.bin", "yarn.lock"]))
def test_two_tokens_make_two_contents_and_one_token_makes_one(one: Any, other: Any, name: str) -> None:
    assert after(name, "x", one.hex) == after(name, "x", one.hex)
    assert (after(name, "x", one.hex) == after(name, "x", other.hex)) is (one == other)


def test_no_two_tokens_are_alike() -> None:
    assert len({new_token() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param("main.go", "// layerproof t", id="go"),
        pytest.param("go.mod", "// layerproof t", id="a module of go"),
        pytest.param("src/App.TSX", "// layerproof t", id="an ending in capitals"),
        pytest.param("style.css", "/* layerproof t */", id="CSS, which has no line comments"),
        pytest.param("index.html", "<!-- layerproof t -->", id="HTML"),
        pytest.param("Gemfile", "# layerproof t", id="a file without an ending"),
        pytest.param("yarn.lock", "# layerproof t", id="a lock of yarn"),
        pytest.param("query.sql", "-- layerproof t", id="SQL"),
        pytest.param("rebar.config", "% layerproof t", id="Erlang"),
        pytest.param("core.clj", "; layerproof t", id="Clojure"),
    ],
)
def test_a_comment_is_one_in_the_language_of_the_file(name: str, line: str) -> None:
    assert after(name, "x\n", "t").splitlines()[-1] == line


@pytest.mark.parametrize("name", ["notes.txt", "CMakeLists.txt", "model.bin", "LICENSE", ".env", "a.json"])
def test_a_file_of_no_known_language_gets_white_space_only(name: str) -> None:
    assert after(name, "", "t").strip() == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("package.json", True, id="JSON"),
        pytest.param("package-lock.json", True, id="npm's lock"),
        pytest.param("pnpm-lock.yaml", True, id="pnpm's lock"),
        pytest.param("requirements.txt", True, id="requirements"),
        pytest.param("go.sum", True, id="sums of go"),
        pytest.param("Cargo.lock", True, id="cargo's lock"),
        pytest.param("yarn.lock", False, id="yarn compares its lock byte by byte"),
        pytest.param("bun.lockb", False, id="a lock that is binary"),
        pytest.param("Gemfile.lock", False, id="bundler's lock has no comments"),
        pytest.param("gradle-wrapper.jar", False, id="an archive"),
        pytest.param("unheard.of", False, id="what nobody knows"),
    ],
)
def test_a_manifest_stays_valid_where_its_reader_is_known_to_accept_it(name: str, *, expected: bool) -> None:
    assert stays_valid(Path("/shop") / name) is expected


# Those whose language has no comment here: the build of a probe is stopped as soon as their install runs.
STOPPED = {"cpanfile", "DESCRIPTION", "x.rockspec", "Podfile", "x.opam", "cabal.project", "packages.config"}


def test_every_manifest_that_declares_dependencies_can_be_edited_and_read_again() -> None:
    names = {name.replace("y*ml", "yaml").replace("*", "x") for declaring, _ in _DRIVERS.values() for name in declaring}
    assert {name for name in names if not stays_valid(Path("/shop") / name)} == STOPPED
