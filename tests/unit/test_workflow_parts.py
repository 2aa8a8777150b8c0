"""The pure parts of the workflows and of the engine's border."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from layerproof.dockerfile import parse_dockerfile
from layerproof.engine import parse_version
from layerproof.errors import ConfigError, UsageError
from layerproof.model import Image, Project
from layerproof.workflow.doctor import check_bridge, end_of_life
from layerproof.workflow.lab import match_recipe
from layerproof.workflow.load import check_names, refuse_windows_path, select_images
from layerproof.workflow.shell import write_exports
from layerproof.workflow.stack import find_error_lines, find_mismatch


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("0.29.1+ds1", (0, 29, 1), id="a distribution's suffix"),
        pytest.param("v2.40.3", (2, 40, 3), id="a leading v"),
        pytest.param("2.40.3-3", (2, 40, 3), id="a package's revision"),
        pytest.param("5.0", (5, 0), id="two numbers"),
        pytest.param(" 28.5.2\n", (28, 5, 2), id="blanks around it"),
        pytest.param("unknown", (), id="no number"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_a_version_is_read(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("value", "wanted", "reason"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, "", id="more than is wanted"),
        pytest.param({"a": {"b": "x"}}, {"a": {"b": "y"}}, 'answer.a.b is "x", not "y"', id="another value, deep down"),
        pytest.param({}, {"a": 1}, "answer has no 'a'", id="a key that is missing"),
        pytest.param([1], {"a": 1}, "answer is no object", id="a list for an object"),
        pytest.param(None, {"a": 1}, "answer is no object", id="no answer"),
        pytest.param({"l": [{"ok": True}, {"ok": True}]}, {"l": [{"ok": True}]}, "", id="all entries match"),
        pytest.param(
            {"l": [{"ok": True}, {"ok": False}]},
            {"l": [{"ok": True}]},
            "answer.l[1].ok is false, not true",
            id="one not",
        ),
        pytest.param({"l": []}, {"l": [{"ok": True}]}, "answer.l is empty", id="no entry at all"),
        pytest.param("ok", "ok", "", id="a plain value"),
    ],
)
def test_how_an_answer_lacks_what_is_wanted(value: Any, wanted: Any, reason: str) -> None:
    assert find_mismatch(value, wanted) == reason


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        pytest.param('{"level":"error","msg":"x"}', True, id="a level"),
        pytest.param("ERROR in worker", True, id="a word"),
        pytest.param("Traceback (most recent call last):", True, id="a traceback"),
        pytest.param("panic: nil map", True, id="a panic"),
        pytest.param("ValueError: bad", True, id="the name of an exception"),
        pytest.param('{"level":"info","error":null}', False, id="a field without an error"),
        pytest.param("done, 0 errors", False, id="no errors, counted"),
        pytest.param("finished without error", False, id="no error, in words"),
        pytest.param("terror", False, id="a word that only ends so"),
        pytest.param("listening on 3000", False, id="a plain line"),
        pytest.param("GET /errors.css 200", False, id="a path"),
    ],
)
def test_a_line_that_reports_an_error(line: str, is_error: bool) -> None:
    assert find_error_lines(f"start\n{line}\nend\n") == ([line] if is_error else [])


def test_lines_that_are_known_to_be_none_can_be_passed_over() -> None:
    assert find_error_lines("error: a\nerror: b\n", ignore=["a$"]) == ["error: b"]


@pytest.mark.parametrize(
    ("reference", "day", "ended"),
    [
        pytest.param("node:18-bookworm-slim", "2026-11-20", "2025-04-30", id="a major version"),
        pytest.param("docker.io/library/python:3.10.4-slim", "2026-11-20", "2026-10-31", id="a patch version"),
        pytest.param("python:3.1", "2026-11-20", "", id="3.1 is not 3.10"),
        pytest.param("node:24", "2026-11-20", "", id="one that is alive"),
        pytest.param("node:18", "2025-04-30", "", id="the last day"),
        pytest.param("mongo:7.0", "2027-09-01", "2027-08-31", id="a minor version"),
        pytest.param("mongo-express:1.0", "2030-01-01", "", id="another image that starts so"),
        pytest.param("node:latest", "2030-01-01", "", id="no number"),
        pytest.param("node", "2030-01-01", "", id="no tag"),
    ],
)
def test_the_end_of_life_of_an_image(reference: str, day: str, ended: str) -> None:
    assert end_of_life(reference, today=datetime.date.fromisoformat(day)) == ended


@pytest.mark.parametrize(
    ("kind", "is_told"),
    [
        pytest.param("1\n", True, id="made by hand"),
        pytest.param("3\n", False, id="made by Docker"),
        pytest.param(None, False, id="an engine without one"),
    ],
)
def test_a_bridge_that_changes_its_address_is_told(tmp_path: Path, kind: str | None, is_told: bool) -> None:
    bridge = tmp_path / "docker0"
    bridge.mkdir()
    if kind is not None:
        (bridge / "addr_assign_type").write_text(kind)
    told = [(check.name, check.state) for check in check_bridge(bridge)]
    assert told == ([("docker0", "warning")] if is_told else [])


def written(home: Path, user_shell: str) -> list[tuple[Path, bool]]:
    return list(write_exports(home, shell=user_shell))


EXPORTS = ("export DOCKER_BUILDKIT=1", "export COMPOSE_DOCKER_CLI_BUILD=1")


def test_the_exports_are_written_once_and_only_for_the_users_shell(tmp_path: Path) -> None:
    assert written(tmp_path, "/usr/bin/zsh") == [(tmp_path / ".zshrc", True)]
    text = (tmp_path / ".zshrc").read_text()
    assert [line for line in text.splitlines() if line.startswith("export")] == list(EXPORTS)
    assert written(tmp_path, "/usr/bin/zsh") == [(tmp_path / ".zshrc", False)]
    assert (tmp_path / ".zshrc").read_text() == text
    assert not (tmp_path / ".bashrc").exists()


def test_a_file_without_a_last_line_end_keeps_its_last_line(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("alias x=y")
    assert written(tmp_path, "/bin/bash") == [(tmp_path / ".bashrc", True)]
    lines = (tmp_path / ".bashrc").read_text().splitlines()
    assert lines[0] == "alias x=y"
    assert set(EXPORTS) <= set(lines)


def test_only_the_export_that_is_missing_is_added(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text(EXPORTS[0] + "\n")
    written(tmp_path, "/bin/bash")
    assert (tmp_path / ".bashrc").read_text().count(EXPORTS[0]) == 1
    assert EXPORTS[1] in (tmp_path / ".bashrc").read_text()


def test_another_shell_and_a_file_that_is_no_text_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither bash nor zsh"):
        written(tmp_path, "/usr/bin/fish")
    (tmp_path / ".bashrc").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be changed"):
        written(tmp_path, "/bin/bash")


RECIPES = (
    {"matches": r"node:(?P<NODE_MAJOR>\d+)-(?P<suite>[a-z]+)-slim", "folder": "node"},
    {"matches": r"mongo:7\.0", "folder": "mongo", "suite": "sid"},
)


@pytest.mark.parametrize(
    ("reference", "recipe", "suite", "args"),
    [
        pytest.param("node:18-bookworm-slim", "node", "bookworm", {"NODE_MAJOR": "18"}, id="suite and version"),
        pytest.param("mongo:7.0", "mongo", "sid", {}, id="the recipe's own suite"),
        pytest.param("mongo:7.0.1", None, "", {}, id="the whole reference has to match"),
        pytest.param("redis:7", None, "", {}, id="no recipe"),
    ],
)
def test_the_recipe_of_a_reference(reference: str, recipe: str | None, suite: str, args: dict[str, str]) -> None:
    found = match_recipe(reference, RECIPES, Path("lab"))
    assert (found.reference, found.suite, dict(found.args)) == (reference, suite, args)
    assert found.recipe == (Path("lab", recipe) if recipe else None)


@pytest.mark.parametrize("path", ["/mnt/c", "/mnt/c/Users/me", "/mnt/d/x"])
def test_a_windows_drive_is_refused_unless_it_is_allowed(path: str) -> None:
    with pytest.raises(ConfigError, match="Windows file system"):
        refuse_windows_path(Path(path), allowed=False)
    refuse_windows_path(Path(path), allowed=True)


@pytest.mark.parametrize("path", ["/mnt/data/x", "/home/me/mnt/c", "/mnt", "/mnt/C/x", "/mntc"])
def test_a_path_of_linux_is_not_refused(path: str) -> None:
    assert refuse_windows_path(Path(path), allowed=False) is None


def test_a_wrong_name_is_answered_with_the_nearest_known_one() -> None:
    check_names(["web"], ["web", "api"], kind="service")
    with pytest.raises(UsageError) as caught:
        check_names(["web", "bakend-api"], ["web", "backend-api"], kind="service")
    assert caught.value.message == "there is no service named 'bakend-api'"
    assert caught.value.hint == "did you mean backend-api? Known: backend-api, web."
    with pytest.raises(UsageError) as caught:
        check_names(["zzz"], ["web"], kind="service")
    assert caught.value.hint == "Known: web."


def test_images_are_selected_by_service_or_by_name() -> None:
    file = parse_dockerfile("FROM x\n", path=Path("Dockerfile"))
    base = Image("base-node", "base-node:latest", "base", Path("/b"), file, None)
    web = Image("web_v2", "web:latest", "service", Path("/w"), file, None, service="web.v2")
    project = Project(Path("/p"), "p", (), (), (base, web))
    assert select_images(project, []) == ("base-node", "web_v2")
    assert select_images(project, ["web.v2"]) == ("web_v2",)
    assert select_images(project, ["web_v2", "base-node"]) == ("web_v2", "base-node")
    with pytest.raises(UsageError, match="no service or image that is built named 'wbe'"):
        select_images(project, ["wbe"])
