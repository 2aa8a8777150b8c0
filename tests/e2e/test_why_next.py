"""What `why --next` foretells, and the real build after it: the same steps. LAYERPROOF_SEQUENCES sets how many."""

from __future__ import annotations

import os
import random
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerproof.builds import load_builds
from layerproof.engine.docker import DockerEngine
from layerproof.model import Explanation, StepState
from layerproof.workflow.against import why_against
from layerproof.workflow.build import build
from layerproof.workflow.history import records_folder
from layerproof.workflow.load import load
from layerproof.workflow.why import why_last, why_next

from .conftest import Repo
from .edited_shop import edit, write_shop

SEQUENCES = int(os.environ.get("LAYERPROOF_SEQUENCES", "12"))
MAX_EDITS = 4
# A step that nothing explains. Nothing here is pruned or fetched.
UNEXPLAINED = ("unknown", "record-gone", "first")


@pytest.fixture
def shop(repo: Repo, tmp_path: Path) -> Iterator[Path]:
    name = f"layerproof-edits-{uuid.uuid4().hex[:8]}"
    write_shop(tmp_path, name=name)
    yield tmp_path
    tags = [f"{name}-api", f"{name}-web", "base-shop:latest", "base-shop:runtime"]
    subprocess.run(["docker", "image", "rm", "--force", *tags], capture_output=True, check=False)


def test_what_the_next_build_will_run_is_what_it_runs(shop: Path, engine: DockerEngine) -> None:
    ran_in_all = maybe_in_all = 0
    _build(shop, engine)
    for seed in range(SEQUENCES):
        chance = random.Random(seed)  # noqa: S311  # a test that can be repeated, no secret
        said = [edit(shop, chance) for _ in range(chance.randint(1, MAX_EDITS))]
        project = load(shop, engine=engine, environment={})
        foretold = why_next(project, engine=engine, builder="default")
        ran, explained = _build(shop, engine)
        for item in foretold:
            sure = {cause.line for cause in item.causes if cause.is_certain}
            maybe = {cause.line for cause in item.causes} - sure
            where = f"sequence {seed}, {item.image}, after {said}"
            assert sure <= ran[item.image], f"{where}: {sorted(sure - ran[item.image])} did not run"
            assert ran[item.image] <= sure | maybe, f"{where}: {sorted(ran[item.image] - sure - maybe)} ran"
            ran_in_all += len(ran[item.image])
            maybe_in_all += len(maybe)
        for explanation in explained:
            causes = {cause.line: cause.cause for cause in explanation.causes}
            where = f"sequence {seed}, {explanation.image}, after {said}"
            assert set(causes) == ran[explanation.image], where
            assert not set(causes.values()).intersection(UNEXPLAINED), f"{where}: {explanation}"
    assert ran_in_all > SEQUENCES, "edits that re-run nothing show nothing"
    assert maybe_in_all < ran_in_all, "who says maybe to everything says nothing"


def test_against_a_commit_all_that_runs_is_told_and_neither_tree_nor_index_is_touched(
    shop: Path, engine: DockerEngine
) -> None:
    (shop / ".gitignore").write_text(".layerproof/\n.saved/\n")
    git(shop, "init", "--quiet")
    git(shop, "add", "--all")
    git(shop, "commit", "--quiet", "--message", "one")
    _build(shop, engine)
    told = 0
    for seed in range(min(SEQUENCES, 30)):
        git(shop, "checkout", "--quiet", "--force", ".")
        git(shop, "clean", "--quiet", "-d", "--force")
        _build(shop, engine)
        chance = random.Random(f"against {seed}")  # noqa: S311  # a test that can be repeated, no secret
        said = [edit(shop, chance) for _ in range(MAX_EDITS)]
        before = git(shop, "status", "--porcelain")
        project = load(shop, engine=engine, environment={})
        found = why_against(project, "HEAD", engine=engine, environment={})
        assert git(shop, "status", "--porcelain") == before
        ran, _ = _build(shop, engine)
        for item in found:
            lines = {cause.line for cause in item.causes}
            assert ran[item.image] <= lines, f"{seed}, {item.image}, after {said}: {ran[item.image] - lines} ran"
            told += len(lines)
    assert told


def git(folder: Path, *words: str) -> str:
    names = {f"GIT_{who}_{what}": "x@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-c", "core.fileMode=true", *words]
    environment = {**os.environ, **names, "GIT_CONFIG_GLOBAL": "/dev/null"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def _build(root: Path, engine: DockerEngine) -> tuple[dict[str, set[int]], tuple[Explanation, ...]]:
    """The lines that ran, by image, and what is said of them."""
    project = load(root, engine=engine, environment={})
    ran: dict[str, set[int]] = {image.name: set() for image in project.images}
    report = build(project, engine=engine, names=[image.name for image in project.images])
    if all(result.action == "unchanged" for result in report.images):
        return ran, ()
    last = next(load_builds(records_folder(project)))
    for name, image in last.images.items():
        ran[name] = {step.line or 0 for step in image.steps if step.state is StepState.RAN}
    return ran, why_last(project)
