"""What the report is made of: builds, waits, causes, what tasks kept, and what it does without them."""

from __future__ import annotations

from pathlib import Path

from layerproof.kept import kept
from layerproof.model import Project, ProofReport, Step, StepState, Verdict
from layerproof.testing import FakeEngine
from layerproof.workflow.history import records_folder
from layerproof.workflow.load import load
from layerproof.workflow.prove import keep_proof

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
