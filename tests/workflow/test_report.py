"""What the report is made of: builds, waits, causes, what tasks kept, and what it does without them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from layerproof.builds import Build, BuiltImage
from layerproof.errors import BuildError
from layerproof.kept import keep, kept
from layerproof.model import Project, ProofReport, Step, StepState, Verdict
from layerproof.report.page import render_page
from layerproof.tasks import report as tasks
from layerproof.testing import FakeEngine
from layerproof.workflow import report as workflow
from layerproof.workflow.build import build
from layerproof.workflow.evidence import Gatherer
from layerproof.workflow.history import records_folder, remember
from layerproof.workflow.load import load
from layerproof.workflow.prove import keep_proof
from layerproof.workflow.report import collect
from tests.workflow.simulated import SimulatedEngine

ALL = ("base-node", "base-node-runtime", "api", "web")
STEP = Step("sha256:1", "api", "build", 1, 2, "RUN login s3cret", StepState.RAN, 1.0, 3)


def verdict(image: str, probe: str, reason: str = "src/main.js was edited") -> Verdict:
    return Verdict(image, probe, "held", reason, ran=(STEP,), wall_s=1.0)


def test_a_proof_is_kept_with_its_time_and_without_what_steps_show(project: Project) -> None:
    keep_proof(project, ProofReport((verdict("api", "noop"), verdict("web", "noop")), 2.0, lab=True), clock=lambda: 5.0)
    keep_proof(project, ProofReport((verdict("web", "source"),), 2.0, lab=True), clock=lambda: 7.0)
    document = kept(records_folder(project), "proof", rows="verdicts")
    assert document is not None
    rows = [(row["image"], row["probe"], row["at"]) for row in document["verdicts"]]
    assert rows == [("api", "noop", 5.0), ("web", "noop", 5.0), ("web", "source", 7.0)]
    assert (document["lab"], document["passed"]) == (True, True)
    assert "s3cret" not in str(document)


def test_a_secret_in_a_reason_is_masked(repo: Path, engine: FakeEngine) -> None:
    path = repo / "api" / "Dockerfile"
    path.write_text(path.read_text().replace("RUN npm ci", "ARG NPM_TOKEN=s3cret-value\nRUN npm ci"))
    project = load(repo, engine=engine, environment={})
    keep_proof(project, ProofReport((verdict("api", "noop", "`RUN login s3cret-value` ran again"),), 1.0, lab=False))
    document = kept(records_folder(project), "proof", rows="verdicts")
    assert document is not None
    assert document["verdicts"][0]["reason"] == "`RUN login (masked)` ran again"


def test_a_proof_that_cannot_be_kept_is_a_warning(project: Project) -> None:
    records_folder(project).mkdir(parents=True)
    (records_folder(project) / "kept").write_text("")
    (warning,) = keep_proof(project, ProofReport((verdict("api", "noop"),), 1.0, lab=False))
    assert "a report will not have it" in warning


@pytest.fixture
def simulated(repo: Path, engine: FakeEngine) -> SimulatedEngine:
    found = SimulatedEngine(document=engine.document)
    found.add_image("node:18-bookworm-slim")
    return found


def data(project: Project, engine: FakeEngine, **more: Any) -> dict[str, Any]:
    return collect(project, engine=engine, with_check=False, clock=lambda: 9.0, **more)


def steps(document: dict[str, Any], name: str, at: int = 0) -> dict[int, dict[str, Any]]:
    """The steps of an image in one of the builds, by line."""
    (image,) = (image for image in document["builds"][at]["images"] if image["image"] == name)
    return {step["line"]: step for step in image["steps"]}


def test_a_project_that_was_never_built_has_its_images_and_empty_sections(project: Project, engine: FakeEngine) -> None:
    document = data(project, engine)
    assert [image["image"] for image in document["images"]] == [image.name for image in project.images]
    assert (document["builds"], document["proof"], document["check"], document["audit"]) == ([], None, None, None)
    assert document["totals"] == {
        "images": 4, "builds": 0, "last_started": None, "last_wall_s": None, "ran": 0, "cached": 0,
    }  # fmt: skip
    assert "No build is on record" in render_page(document)


def test_each_step_has_the_text_that_its_dockerfile_had_then_and_its_cause(
    repo: Path, project: Project, simulated: SimulatedEngine
) -> None:
    build(project, engine=simulated, names=ALL)
    path = repo / "api" / "Dockerfile"
    path.write_text(path.read_text().replace("npm run build", "npm run other"))
    changed = load(repo, engine=simulated, environment={})
    build(changed, engine=simulated, names=ALL)
    document = data(changed, simulated)
    assert steps(document, "api", at=0)[6]["text"] == "RUN npm run other"
    assert steps(document, "api", at=1)[6]["text"] == "RUN npm run build"
    assert steps(document, "api", at=0)[6]["cause"]["detail"] == ["was `RUN npm run build`"]
    assert steps(document, "api", at=1)[6]["cause"]["cause"] == "first"
    assert steps(document, "api", at=0)[3]["state"] == "cached"
    assert document["totals"]["builds"] == 2


def test_causes_are_worked_out_for_the_newest_builds_only(
    repo: Path, project: Project, simulated: SimulatedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "EXPLAINED", 1)
    for number in range(3):
        (repo / "api" / "src" / "main.js").write_text(f"// {number}\n")
        build(project, engine=simulated, names=ALL)
    document = data(project, simulated)
    assert [item["explained"] for item in document["builds"]] == [True, False, False]
    assert steps(document, "api", at=1)[5]["cause"] is None
    assert len(data(project, simulated, builds=2)["builds"]) == 2


def test_a_step_has_waited_since_the_last_of_those_it_stands_on(project: Project, engine: FakeEngine) -> None:
    def step(name: str, line: int, at: float, took: float, state: StepState = StepState.RAN) -> Step:
        return Step("", name, "s", 1, 1, "", state, took, line, (), 100.0 + at)

    base = (step("base-node", 2, 1.0, 2.0),)
    # COPY after the base, RUN npm ci after that; COPY src, RUN build; the runtime stage copies from build.
    api = (
        step("api", 2, 3.5, 0.5),
        step("api", 3, 4.0, 4.0),
        step("api", 5, 9.0, 1.0),
        step("api", 6, 10.0, 2.0),
        step("api", 8, 13.0, 1.0),
    )
    web = (step("web", 2, 0.5, 0.0, StepState.CACHED),)
    evidence = Gatherer(project).gather(project.images, engine.images())[0]
    images = {"base-node": base, "base-node-runtime": (), "api": api, "web": web}
    built = {name: BuiltImage("built", steps=found) for name, found in images.items()}
    remember(project, Build(100.0, "default", "build", 14.0, built), evidence)
    document = data(project, engine)
    waited = {line: item["waited_s"] for line, item in steps(document, "api").items()}
    assert waited == {2: 0.5, 3: 0.0, 5: 1.0, 6: 0.0, 8: 1.0}
    assert steps(document, "base-node")[2]["waited_s"] == 1.0  # since the build began
    assert steps(document, "web")[2]["waited_s"] is None  # it came from the cache


def test_a_build_without_evidence_says_so(project: Project, engine: FakeEngine) -> None:
    images = {"api": BuiltImage("built", steps=(Step("", "api", "deps", 2, 3, "", StepState.RAN, 1.0, 3, (), 101.0),))}
    remember(project, Build(100.0, "default", "build", 2.0, images), {})
    (image,) = data(project, engine)["builds"][0]["images"]
    assert (image["steps"][0]["text"], image["steps"][0]["waited_s"], image["steps"][0]["cause"]) == ("", None, None)
    assert image["note"] == "a file was saved while it was built: what went in is not known"


def test_secrets_in_an_instruction_are_masked(repo: Path, simulated: SimulatedEngine) -> None:
    path = repo / "api" / "Dockerfile"
    path.write_text(path.read_text().replace("RUN npm ci", "ARG NPM_TOKEN=s3cret-value\nRUN login s3cret-value"))
    project = load(repo, engine=simulated, environment={})
    build(project, engine=simulated, names=["api"])
    document = data(project, simulated)
    assert steps(document, "api")[4]["text"] == "RUN login (masked)"
    assert "s3cret-value" not in render_page(document)


def test_a_build_that_failed_is_shown(project: Project, simulated: SimulatedEngine) -> None:
    simulated.broken = ("npm run build",)
    with pytest.raises(BuildError):
        build(project, engine=simulated, names=["api"])
    document = data(project, simulated)
    assert steps(document, "api")[6]["state"] == "failed"
    assert ", failed" in render_page(document)


def test_damaged_records_are_told_and_passed_over(project: Project, simulated: SimulatedEngine) -> None:
    build(project, engine=simulated, names=ALL)
    (record,) = (records_folder(project) / "builds").iterdir()
    (record.parent / f"{'9' * 20}.json").write_text("{")
    (records_folder(project) / "kept").mkdir()
    (records_folder(project) / "kept" / "proof.json").write_text("{")
    warnings: list[str] = []
    document = data(project, simulated, warn=warnings.append)
    assert (len(document["builds"]), document["proof"]) == (1, None)
    assert len(warnings) == 2
    assert all("passed over" in warning for warning in warnings)


def test_evidence_that_is_gone_leaves_the_steps_without_text(project: Project, simulated: SimulatedEngine) -> None:
    build(project, engine=simulated, names=ALL)
    for path in (records_folder(project) / "objects").iterdir():
        path.unlink()
    assert {step["text"] for step in steps(data(project, simulated), "api").values()} == {""}


def test_an_engine_that_is_away_leaves_what_is_on_record(project: Project, simulated: SimulatedEngine) -> None:
    build(project, engine=simulated, names=ALL)
    keep_proof(project, ProofReport((verdict("api", "noop"),), 1.0, lab=True))
    simulated.absent = True
    document = collect(project, engine=simulated)
    assert (document["lab"], len(document["builds"]), len(document["images"])) == (True, 1, 4)
    assert any("BuildKit" in reason for reason in document["check"]["unchecked"])


def test_findings_are_those_of_now_with_their_lines(repo: Path, engine: FakeEngine) -> None:
    path = repo / "api" / "Dockerfile"
    path.write_text(path.read_text().replace("COPY package.json ./", "COPY . ."))
    project = load(repo, engine=engine, environment={})
    found = collect(project, engine=engine)["check"]["findings"]
    assert ("api/Dockerfile", 2, "COPY . .") in {(item["path"], item["line"], item["source"]) for item in found}


def test_what_was_kept_of_an_image_that_is_gone_is_left_out(project: Project, engine: FakeEngine) -> None:
    rows = [{"image": "web", "passed": True}, {"image": "gone", "passed": False}, {"image": "api", "passed": True}]
    document = {"schema": 1, "passed": False, "images": rows}
    keep(records_folder(project), "audit", document, rows="images", by=("image",), at=1.0)
    audit = data(project, engine)["audit"]
    assert [row["image"] for row in audit["images"]] == ["api", "web"]
    assert audit["passed"] is True


@pytest.fixture
def context(repo: Path, simulated: SimulatedEngine, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(tasks, "connect", lambda: simulated)
    found = Context()
    found.config["layerproof"] = {"root": str(repo)}
    return found


def test_the_task_writes_the_page_and_says_where(
    repo: Path, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.report(context, check=False)
    path = repo / ".layerproof" / "report.html"
    assert capsys.readouterr().out.startswith(f"{path}  ")
    assert path.read_text().startswith("<!doctype html>")
    tasks.report(context, check=False, output=str(repo / "public" / "index.html"))
    assert (repo / "public" / "index.html").is_file()


def test_the_task_gives_its_data_as_json_and_writes_nothing(
    repo: Path, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks.report(context, check=False, format="json")
    assert json.loads(capsys.readouterr().out)["project"] == "shop"
    assert not (repo / ".layerproof" / "report.html").exists()


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param({"builds": 0}, id="no build at all"),
        pytest.param({"format": "pdf"}, id="a format that is not known"),
        pytest.param({"output": "/proc/nowhere/report.html"}, id="a folder that cannot be written"),
    ],
)
def test_wrong_flags_end_with_code_2(context: Context, flags: dict[str, Any]) -> None:
    with pytest.raises(Exit) as caught:
        tasks.report(context, check=False, **flags)
    assert caught.value.code == 2
