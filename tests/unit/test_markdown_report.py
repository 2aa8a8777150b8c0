"""Results as Markdown."""

from __future__ import annotations

from layerproof.model import BuildReport, ImageResult, ProofReport, Verdict
from layerproof.report.markdown import build_markdown, proof_markdown

HELD = Verdict("api", "noop", "held", "nothing was edited", wall_s=0.4, budget_s=15.0)
FAILED = Verdict(
    "api", "source", "failed", "`RUN npm ci` ran | <again>", "Copy the manifests.", wall_s=16.0, budget_s=10
)


def test_a_proof_is_a_table_of_images_and_probes() -> None:
    text = proof_markdown(ProofReport((HELD,), 1.0, lab=False))
    assert "every probe holds" in text
    assert "| image | noop |\n| --- | --- |\n| `api` | ✅ 0.4 s of 15 s |" in text


def test_what_does_not_hold_is_said_below_and_ends_no_cell() -> None:
    text = proof_markdown(ProofReport((HELD, FAILED), 17.0, lab=True))
    assert "1 do not hold" in text
    assert "- ❌ **`api` source**: \\`RUN npm ci\\` ran \\| &lt;again&gt;" in text
    assert "Next: Copy the manifests." in text
    assert "stand-ins" in text


def test_a_proof_of_nothing_says_why_and_passes() -> None:
    report = ProofReport((), 0.0, lab=False, nothing_to_prove="nothing has changed")
    assert report.passed
    assert "nothing has changed" in proof_markdown(report)


def test_a_build_is_a_table_of_its_images() -> None:
    results = (ImageResult("api", "built", 1.5, (), 1000, "x"), ImageResult("web", "unchanged", 0.0, (), None, None))
    text = build_markdown(BuildReport(results, 1.5, lab=False, warnings=("no cache of x",)))
    assert "| `api` | built | 0 | 0 | 1.5 s |" in text
    assert "| `web` | unchanged |  |  |  |" in text
    assert "no cache of x" in text
