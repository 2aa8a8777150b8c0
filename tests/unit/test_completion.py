"""What the shell is told where the cursor is."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

import layerproof
from layerproof.cli import program
from layerproof.completion import MORE_FORMATS, complete, completion_script
from layerproof.errors import UsageError
from layerproof.tasks import namespace
from layerproof.tasks.console import FORMATS


def completed(*words: str) -> list[str]:
    # Invoke takes the help out of the tasks that it makes contexts of.
    tasks = {str(item.name): item for item in copy.deepcopy(namespace).to_contexts()}
    return complete(words, core=program.shown_context(), tasks=tasks)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["bu"], ["build"], id="a task"),
        pytest.param(["pr"], ["prove", "prune"], id="one of two tasks"),
        pytest.param(["--ro"], ["--root"], id="a flag before a task"),
        pytest.param(["build", "--no"], ["--no-cache"], id="a flag of a task"),
        pytest.param(["cache", ""], ["--builder", "--format", "--help"], id="the flags of a task"),
        pytest.param(["check", "--format", ""], ["github", "json", "sarif", "text"], id="the values of a flag"),
        pytest.param(["graph", "-f", "b"], ["bake"], id="of its short form"),
        pytest.param(["graph", "--format=j"], ["--format=json"], id="behind a sign"),
        pytest.param(["graph", "--format", "=", "j"], ["json"], id="where bash has taken it apart"),
        pytest.param(["graph", "--format", "="], ["bake", "json", "text"], id="where nothing stands behind it yet"),
        pytest.param(["rules", "--rule", "LP00"], [f"LP00{n}" for n in range(10)], id="rules"),
        pytest.param(["prove", "--probe", "s"], ["sibling", "source"], id="probes"),
        pytest.param(["check", "--tool", "h"], ["hadolint"], id="tools"),
        pytest.param(["--help", "dem"], ["demo"], id="a task to explain"),
        pytest.param(["--root", "/nowhere", "build", "--service", ""], [], id="nothing, where there is no project"),
        pytest.param(["--file", ""], [], id="files, which the shell knows"),
    ],
)
def test_the_words_that_fit(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_profiles_are_those_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "layerproof.toml").write_text("[profiles.lab.args]\nA = '1'\n[profiles.cpu.args]\nA = '2'\n")
    assert completed("--root", str(tmp_path), "build", "--profile", "") == ["cpu", "lab"]


def test_a_broken_project_completes_nothing_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "layerproof.toml").write_text("profiles = 3\n")
    assert completed("--root", str(tmp_path), "build", "--profile", "") == []


def test_no_words_at_all_complete_the_tasks() -> None:
    assert "build" in completed()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_the_command(shell: str) -> None:
    assert "--complete --" in completion_script(shell)


def test_another_shell_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        completion_script("tcsh")
    assert caught.value.hint == "Known: bash, fish, zsh."


def test_the_formats_are_those_that_the_tasks_take() -> None:
    taken = {}
    for path in Path(layerproof.__file__).parent.joinpath("tasks").glob("*.py"):
        # with exit_on_error(format=format, known=("text", "json", "bake")):
        for known in re.findall(r"known=\(([^)]*)\)", path.read_text(encoding="utf-8")):
            taken[path.stem] = set(re.findall(r'"(\w+)"', known)) - set(FORMATS)
    assert taken == {
        "affected": {"matrix"},
        "build": {"bake"},
        "policy": {"github", "sarif"},
        "proof": {"junit", "markdown", "svg"},
    }
    assert {frozenset(more) for more in MORE_FORMATS.values()} == {frozenset(more) for more in taken.values()}
