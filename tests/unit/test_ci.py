"""The workflows, the action and the examples of docs/ci.md: what they call exists, and what they use is pinned."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.parser import Parser

from layerproof.tasks import namespace

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/layerproof/action.yml"
WORKFLOW = ROOT / ".github/workflows/ci.yml"
GITLAB = ROOT / "docs/ci/gitlab-ci.yml"
PAGE = ROOT / "docs/ci.md"
COMMAND = re.compile(r'(?:\$\()?(?:"\$LAYERPROOF"|\blayerproof|\binv) (?=[a-z])([^|;>)&]*)')
# words+=(--cache-to "$entry")
ARRAY = re.compile(r"words\+?=\(([^)]*)\)")
# uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def scripts(node: Any) -> Iterator[str]:
    """Every script in a document: `run` of GitHub, `script` and `before_script` of GitLab."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script", "before_script"):
                yield "\n".join(value) if isinstance(value, list) else str(value)
            else:
                yield from scripts(value)
    if isinstance(node, list):
        for item in node:
            yield from scripts(item)


def commands(script: str) -> Iterator[list[str]]:
    """The words of each call of layerproof."""
    words = " ".join(ARRAY.findall(script))
    for line in script.replace("\\\n", " ").splitlines():
        for found in COMMAND.findall(line.partition(" #")[0].replace('"${words[@]}"', words)):
            yield shlex.split(found)


def all_commands() -> list[tuple[str, list[str]]]:
    found = []
    for path in (ACTION, WORKFLOW, GITLAB):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        found += [(path.name, words) for script in scripts(document) for words in commands(script)]
    fences = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    blocks = [text for language, text in fences if language in ("", "bash", "yaml")]
    return found + [(PAGE.name, words) for block in blocks for words in commands(block)]


@pytest.mark.parametrize(("name", "words"), all_commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_command_and_its_flags_exist(name: str, words: list[str]) -> None:
    parsed = Parser(contexts=copy.deepcopy(namespace).to_contexts()).parse_argv(words)
    assert [context.name for context in parsed] == [words[0]]


def test_commands_were_found_in_each_file() -> None:
    found = [(name, words[0]) for name, words in all_commands()]
    for command in ("check", "build", "prove", "audit"):
        assert ("action.yml", command) in found
        assert ("gitlab-ci.yml", command) in found
    assert ("ci.yml", "up") in found


@pytest.mark.parametrize("path", [ACTION, WORKFLOW, PAGE], ids=lambda path: path.name)
def test_other_actions_are_pinned_to_a_commit_with_its_version_beside_it(path: Path) -> None:
    used = re.findall(r"uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    others = [name for name in used if not name.startswith(("./", "OWNER/"))]
    assert others
    assert [name for name in others if not PINNED.match(name)] == []


def test_one_action_has_one_version_everywhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ACTION, WORKFLOW, PAGE))
    used = {tuple(found) for found in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40})", text)}
    assert len({name for name, _ in used}) == len(used)


def test_the_page_lists_every_input_and_output_of_the_action() -> None:
    action, page = yaml.safe_load(ACTION.read_text(encoding="utf-8")), PAGE.read_text(encoding="utf-8")
    assert [name for name in (*action["inputs"], *action["outputs"]) if f"`{name}`" not in page] == []


def test_every_job_has_a_limit_and_says_what_it_may_do() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    assert all({"timeout-minutes", "permissions"} <= set(job) for job in workflow["jobs"].values())


def test_every_nox_session_that_the_workflow_names_exists() -> None:
    text = WORKFLOW.read_text(encoding="utf-8")
    named = {word for words in re.findall(r"nox --session ([a-z0-9 ]+)", text) for word in words.split()}
    defined = set(re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8")))
    assert named <= defined
    assert {"lint", "validate", "tests", "e2e"} <= named
