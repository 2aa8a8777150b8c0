"""Each rule tells the defect that it is for, in this very repo; and nothing is told of the repo as it is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerproof.engine.docker import DockerEngine
from layerproof.model import Finding
from layerproof.policy import load_rules
from layerproof.workflow.check import check
from tests.e2e.policy_mutants import MUTANTS, Mutant

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git tracks or would track, in a folder with a space in its name."""
    root = tmp_path_factory.mktemp("mutants") / "the repo"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPO, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in (name for name in names if name and (REPO / name).is_file()):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / name, root / name, follow_symlinks=False)
    (root / ".git").mkdir()
    return root


@pytest.fixture
def mutated(copy: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, Mutant]]:
    mutant: Mutant = request.param
    before = {path: (copy / path).read_text() for path, old, _ in mutant.edits if old is not None}
    try:
        for path, old, new in mutant.edits:
            text = (copy / path).read_text() if old is not None else ""
            assert not old or text.count(old) >= 1, f"{path} has no {old!r} any more: mend the mutant"
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(text.replace(old, new, 1) if old else text + new)
            (copy / path).chmod(0o755 if new.startswith("#!") else 0o644)
        yield copy, mutant
    finally:
        for path, old, _ in mutant.edits:
            (copy / path).unlink() if old is None else (copy / path).write_text(before[path])


def found_in(root: Path) -> tuple[Finding, ...]:
    return check(root, engine=DockerEngine(), tools=["layerproof"]).findings


def test_the_repo_as_it_is_has_no_finding(copy: Path) -> None:
    assert found_in(copy) == ()


@pytest.mark.parametrize("mutated", MUTANTS, ids=lambda mutant: mutant.name, indirect=True)
def test_a_defect_is_told_by_its_rule_at_its_line(mutated: tuple[Path, Mutant]) -> None:
    root, mutant = mutated
    target = root / (".dockerignore" if not (root / mutant.path).exists() else mutant.path)
    text = target.read_text()
    line = text[: text.index(mutant.at)].count("\n") + 1 if mutant.at else 1
    found = found_in(root)
    places = {(finding.rule, finding.path) for finding in found}
    assert (mutant.rule, mutant.path) in places or mutant.rule == "LP018", found
    if mutant.rule != "LP018":
        assert line in {item.line for item in found if item.rule == mutant.rule and item.path == mutant.path}, found
    assert {finding.rule for finding in found} <= {mutant.rule, *mutant.also}, found


def test_every_rule_has_a_mutant() -> None:
    assert {rule.id for rule in load_rules()} == {mutant.rule for mutant in MUTANTS}
    assert len(MUTANTS) >= 45
