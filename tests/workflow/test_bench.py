"""A benchmark without Docker: turns, copies, what is checked, what is cleaned up."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from layerproof.bench.plan import BAKE, NAIVE, OURS, SEQUENCE, TOOLS
from layerproof.bench.results import BenchReport
from layerproof.engine import CommandResult, ComposeCall, PastBuild, PastBuildDetails
from layerproof.errors import BenchError, BuildError, ConfigError, UsageError
from layerproof.model import Project
from layerproof.testing import FakeEngine
from layerproof.workflow.bench import bench, plan_bench
from layerproof.workflow.bench_edit import Editable
from layerproof.workflow.bench_kept import keep, last_kept, load_kept, write_chart, write_page
from layerproof.workflow.load import load

from .conftest import document

RAN = (
    '{"vertexes":[{"digest":"sha256:%s","name":"[1/1] RUN x","inputs":["sha256:0"],"started":"2026-01-01T00:00:00Z",'
    '"completed":"2026-01-01T00:00:01Z"}]}'
)
LABEL = "dev.layerproof.project"


# As docker says it: the output of every step, then of the one that failed the end and its place, for each target.
STALLED = (
    "#5 0.1 npm error code ECONNRESET",
    "------",
    " > [deps 2/2] RUN npm ci:",
    "0.2 npm error A complete log of this run can be found in: /root/.npm/_logs",
    *(100 * ("--------------------", "   1 | >>> RUN npm ci")),
    "ERROR: failed to solve",
)


@dataclass
class Builder(FakeEngine):
    """Makes the images that a command names, and remembers a build with one step unless there was nothing to do."""

    fails: str = ""
    stalls: int = 0
    is_dead: bool = False
    texts: dict[str, str] = field(default_factory=dict)
    commands_run: list[tuple[str, ...]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def compose_config(self, call: ComposeCall) -> Mapping[str, Any]:
        text = call.files[0].read_text()
        found: Mapping[str, Any] = json.loads(text) if text.startswith("{") else self.document
        return found

    def run(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> CommandResult:
        if self.fails and self.fails in command:
            return CommandResult(1, ("it broke",))
        if self.stalls and "bake" in command:
            self.stalls -= 1
            return CommandResult(1, STALLED)
        self.commands_run.append(tuple(command))
        definition = json.loads((cwd / "bench.bake.json").read_text())["target"]
        if command[:2] == ("docker", "build"):
            folders, label = [Path(command[-1])], command[command.index("--label") + 1]
            tags = [command[command.index("--tag") + 1]]
        else:
            named = {target["tags"][0]: Path(target["context"]) for target in definition.values()}
            last = command[-1]
            tags = [tag for tag in named if not (cwd / last).is_dir() or f"-{last}:" in tag or "base" in tag]
            folders, label = [named[tag] for tag in tags], f"{LABEL}={environment['COMPOSE_PROJECT_NAME']}"
        for tag in tags:
            self.add_image(tag, labels=dict([label.split("=", 1)]))
        for folder in folders:
            self._remember(folder, label)
        return CommandResult(0, ())

    def _remember(self, folder: Path, label: str) -> None:
        state = json.dumps({str(path): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()})
        is_new = self.texts.get(f"{folder}{label}") != state
        self.texts[f"{folder}{label}"] = state
        if is_new and not self.is_dead:
            number = next(self._numbers)
            labels = dict([label.split("=", 1)])
            past = PastBuild(str(number), folder.name, "", 1e12, completed=True, labels=labels)
            lines = (RAN.replace("%s", f"{number:064x}"),)
            self.past = ((past, PastBuildDetails({}, lines)), *self.past)


@pytest.fixture
def builder(repo: Path) -> Builder:
    (repo / "bench" / "naive" / "api").mkdir(parents=True)
    (repo / "bench" / "naive" / "api" / "Dockerfile").write_text("FROM node:18-bookworm-slim\nCOPY . .\nRUN npm i\n")
    made = Builder(document=document(repo))
    made.add_image("node:18-bookworm-slim")
    made.add_image("shop-api")
    return made


@pytest.fixture
def shop(repo: Path, builder: Builder) -> Project:
    return load(repo, engine=builder, environment={})


def run(project: Project, builder: Builder, **asked: Any) -> BenchReport:
    return bench(project, plan_bench(project, **asked), engine=builder, environment={})


def test_everybody_is_measured_equally_often(shop: Project, builder: Builder) -> None:
    report = run(shop, builder, rounds=2)
    found = {(item.kind, item.service, item.contestant): item for item in report.measurements}
    assert {who for kind, service, who in found if (kind, service) == ("edit", "api")} == {*TOOLS, NAIVE}
    assert {who for kind, service, who in found if (kind, service) == ("edit", "web")} == set(TOOLS)
    assert {len(item.times_s) for item in report.measurements if item.kind in ("noop", "edit")} == {2}
    assert {len(item.times_s) for item in report.measurements if item.kind in ("cold", "manifest")} == {1}
    assert all(all(item.ran) for item in report.measurements if item.kind != "noop")
    assert not any(any(item.ran) for item in report.measurements if item.kind == "noop")
    assert {(size.service, size.contestant) for size in report.sizes} == {("api", OURS), ("api", NAIVE), ("web", OURS)}
    assert any("naive Dockerfiles: web" in note for note in report.notes)


def test_tags_of_the_user_are_not_built_and_those_of_the_benchmark_are_removed(shop: Project, builder: Builder) -> None:
    before = dict(builder.local)
    run(shop, builder, rounds=1)
    assert builder.local == before
    tags = {word for command in builder.commands_run for word in command if word.endswith((":latest", ":runtime"))}
    assert tags
    assert all(tag.startswith("layerproof-bench-") for tag in tags)


def test_the_tree_stays_as_it_was(repo: Path, shop: Project, builder: Builder) -> None:
    def tree() -> dict[str, str]:
        return {str(path): path.read_text() for path in sorted(repo.rglob("*")) if path.is_file()}

    before = tree()
    run(shop, builder, rounds=1)
    assert tree() == before
    assert not (repo / ".layerproof").exists()


def test_a_build_that_runs_no_step_after_an_edit_is_an_error(shop: Project, builder: Builder) -> None:
    builder.is_dead = True
    with pytest.raises(BenchError, match="ran no step"):
        run(shop, builder)
    assert not any(tag.startswith("layerproof-bench-") for tag in builder.local)


def test_a_contestant_that_fails_is_an_error_with_its_last_lines(shop: Project, builder: Builder) -> None:
    builder.fails = "bake"
    with pytest.raises(BuildError, match=r"docker buildx bake: .* ended with 1\n  \| it broke"):
        run(shop, builder)
    assert not any(tag.startswith("layerproof-bench-") for tag in builder.local)


def test_a_build_whose_download_failed_is_made_again_and_what_was_measured_is_kept(
    shop: Project, builder: Builder
) -> None:
    builder.stalls = 2
    report = run(shop, builder)
    assert builder.stalls == 0
    times = {(item.kind, item.service): item.times_s for item in report.measurements if "bake" in item.contestant}
    assert len(times["cold", ""]) == 1


def test_a_download_that_fails_each_time_ends_the_benchmark(shop: Project, builder: Builder) -> None:
    builder.stalls = 3
    with pytest.raises(BuildError) as caught:
        run(shop, builder)
    shown = caught.value.message.splitlines()[1:]
    assert (shown[1], len(shown)) == ("  |  > [deps 2/2] RUN npm ci:", 40)


def test_a_repo_whose_references_cannot_be_renamed_is_refused(repo: Path, builder: Builder) -> None:
    path = repo / "api" / "Dockerfile"
    path.write_text(
        "ARG TAG=node:latest\nARG WHICH=base\nFROM ${WHICH}-${TAG} AS deps\nCOPY package.json ./\nRUN npm ci\n"
    )
    project = load(repo, engine=builder, environment={})
    assert project.images[-1].parents or project.images[-2].parents
    with pytest.raises(ConfigError, match="would not be the same project"):
        run(project, builder)
    assert builder.commands_run == []


def test_a_manifest_of_a_naive_build_keeps_what_it_holds(tmp_path: Path) -> None:
    context, naive, source = tmp_path / "api", tmp_path / "copy", tmp_path / "naive"
    for folder, text in ((context, "flask==3.0\n"), (naive, "flask==2.0\n"), (source, "flask==2.0\n")):
        folder.mkdir()
        (folder / "requirements.txt").write_text(text)
    editable = Editable("manifest", context / "requirements.txt", context)
    editable.apply_to_naive(naive, source)
    text = (naive / "requirements.txt").read_text()
    assert text.startswith("flask==2.0\n# ")
    (source / "requirements.txt").unlink()
    editable.apply_to_naive(naive, source)
    assert (naive / "requirements.txt").read_text().startswith("flask==3.0\n# ")


def test_what_the_next_naive_edit_comes_back_to_stays(repo: Path, shop: Project, builder: Builder) -> None:
    def dropped() -> int:
        builder.asked.clear()
        run(shop, builder, rounds=2, cold_rounds=0, parts=("naive",), services=("api",))
        return sum(asked[0] == "drop_cache" for asked in builder.asked)

    at_the_end, edits = 1, 2
    assert dropped() == at_the_end + edits
    dockerfile = repo / "bench" / "naive" / "api" / "Dockerfile"
    dockerfile.write_text(f"{dockerfile.read_text()}FROM node:18-bookworm-slim\nCOPY --from=0 / /\n")
    assert dropped() == at_the_end


def test_what_cannot_be_built_one_by_one_is_left_out_and_said(repo: Path, builder: Builder) -> None:
    builder.document["services"]["api"]["build"]["ulimits"] = {"nproc": 1}  # type: ignore[index]
    project = load(repo, engine=builder, environment={})
    report = run(project, builder, rounds=1)
    assert SEQUENCE not in {item.contestant for item in report.measurements}
    assert any("ulimits" in note for note in report.notes)


def test_one_part_builds_nothing_of_the_other(shop: Project, builder: Builder) -> None:
    report = run(shop, builder, rounds=1, cold_rounds=0, parts=("naive",))
    assert {item.contestant for item in report.measurements} == {OURS, NAIVE}
    assert not any("bake" in command for command in builder.commands_run)
    assert BAKE not in {item.contestant for item in report.measurements}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"services": ("apo",)}, "no service that is built named 'apo'"),
        ({"parts": ("fast",)}, "no part named 'fast'"),
        ({"rounds": 0}, "at least one round"),
        ({"services": ("web",), "parts": ("naive",)}, "there is no bench/naive/NAME/Dockerfile"),
    ],
)
def test_what_cannot_be_measured_is_a_usage_error(shop: Project, builder: Builder, asked: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_bench(shop, **asked)
    assert builder.commands_run == []


def test_reports_are_kept_and_read_again(tmp_path: Path, shop: Project, builder: Builder) -> None:
    report = run(shop, builder, rounds=1)
    path = keep(tmp_path, report)
    assert path.parent == tmp_path / ".layerproof" / "bench"
    assert [item.ran for item in load_kept(path).measurements] == [item.ran for item in report.measurements]
    assert last_kept(tmp_path) == load_kept(path)
    write_chart(tmp_path / "chart.svg", report)
    assert (tmp_path / "chart.svg").read_text().startswith("<svg")


def test_a_damaged_report_is_told_and_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / ".layerproof" / "bench"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("[]")
    assert last_kept(tmp_path) is None
    with pytest.raises(ConfigError, match="no document of inv bench"):
        load_kept(folder / "1.json")


def test_a_page_without_markers_is_not_written(tmp_path: Path, shop: Project, builder: Builder) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine\n")
    with pytest.raises(ConfigError, match="it has no"):
        write_page(page, run(shop, builder, rounds=1))
    assert page.read_text() == "mine\n"
