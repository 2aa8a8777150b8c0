"""Results as GitHub's Markdown, for the summary of a job or a comment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layerproof.model import BuildReport, ProofReport, StepState, Verdict, count_steps
from layerproof.report.text import LAB_NOTE, seconds, size
from layerproof.report.why import cause_line

_MARKS = {"held": "✅", "failed": "❌", "unproven": "❓", "not applicable": "-"}
# What would end a cell or begin something else; a line break ends the table.
_ESCAPED = str.maketrans({**{mark: f"\\{mark}" for mark in "|*_`"}, "<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})


def proof_markdown(report: ProofReport) -> str:
    """The matrix of images and probes; below it what did not hold, and what to do."""
    if report.nothing_to_prove:
        return f"### Rebuild proof\n\n{_plain(report.nothing_to_prove)}\n"
    probes = list(dict.fromkeys(verdict.probe for verdict in report.verdicts))
    cells = {(verdict.image, verdict.probe): _cell(verdict) for verdict in report.verdicts}
    images = dict.fromkeys(verdict.image for verdict in report.verdicts)
    rows = [[f"`{image}`", *(cells.get((image, probe), "") for probe in probes)] for image in images]
    held = sum(verdict.passed for verdict in report.verdicts)
    said = "every probe holds" if report.passed else f"{len(report.verdicts) - held} do not hold"
    lines = [f"### {'✅' if report.passed else '❌'} Rebuild proof: {said}", "", *_table(["image", *probes], rows), ""]
    for verdict in report.verdicts:
        if not verdict.passed:
            lines.append(f"- {_MARKS[verdict.outcome]} **`{verdict.image}` {verdict.probe}**: {_plain(verdict.reason)}")
            lines += [f"  <br>Next: {_plain(verdict.hint)}"] if verdict.hint else []
    lines += ["", f"{len(report.verdicts)} probes in {seconds(report.wall_s)}{_lab(report.lab)}", ""]
    return "\n".join(lines)


def build_markdown(report: BuildReport) -> str:
    """One row an image: what was done, the steps that ran and those from the cache, time and size."""
    rows = []
    for result in report.images:
        built = result.action == "built"
        ran, cached = (str(count_steps(result, state)) for state in (StepState.RAN, StepState.CACHED))
        steps = [ran, cached, seconds(result.wall_s)] if built else ["", "", ""]
        rows.append([f"`{result.image}`", result.action, *steps, size(result.size_bytes)])
    lines = ["### Images", "", *_table(["image", "", "ran", "cached", "time", "size"], rows), ""]
    lines += [f"- **`{cause.image}`** installed again: {_plain(cause_line(cause))}" for cause in report.causes]
    lines += [f"- ⚠️ {_plain(warning)}" for warning in report.warnings]
    lines += ["", f"{len(report.images)} images in {seconds(report.wall_s)}{_lab(report.lab)}", ""]
    return "\n".join(lines)


def _cell(verdict: Verdict) -> str:
    """`✅ 1.7 s of 30 s`"""
    took = f" {seconds(verdict.wall_s)}" if verdict.wall_s else ""
    limit = f" of {verdict.budget_s:g} s" if verdict.budget_s is not None and verdict.wall_s else ""
    return f"{_MARKS[verdict.outcome]}{took}{limit}"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (names, ["---"] * len(names), *rows)]


def _plain(text: str) -> str:
    return text.translate(_ESCAPED)


def _lab(lab: bool) -> str:
    return f"; {LAB_NOTE}" if lab else ""
