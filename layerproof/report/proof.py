"""How a proof looks: a matrix of images and probes that fills while it runs, then what did not hold and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from layerproof.model import Outcome, ProofReport, StepState, Verdict
from layerproof.progress import BuildLog, is_from, step_of
from layerproof.prove.watcher import WARM_UP, ProofWatcher
from layerproof.report.live import REFRESH_PER_S
from layerproof.report.text import LAB_NOTE, seconds, short

MARKS = {"held": ("✓", "green"), "failed": ("✗", "red"), "unproven": ("?", "red"), "not applicable": ("-", "dim")}
_COUNTED = {"held": "held", "failed": "failed", "unproven": "could not be proven", "not applicable": "not applicable"}

Cells = Mapping[tuple[str, str], Verdict]


def render_proof(report: ProofReport) -> RenderableType:
    """The matrix; each probe that does not hold, with its reason and what to do; the count."""
    if report.nothing_to_prove:
        return Text(report.nothing_to_prove, "bold green")
    cells = {(verdict.image, verdict.probe): verdict for verdict in report.verdicts}
    images = list(dict.fromkeys(verdict.image for verdict in report.verdicts))
    probes = list(dict.fromkeys(verdict.probe for verdict in report.verdicts))
    lines: list[RenderableType] = [_matrix(images, probes, cells)]
    lines += _complaints(report)
    lines += [Text(f"- {line}", style="dim") for line in _skipped(report)]
    style = "bold green" if report.passed else "bold red"
    lines.append(Text(f"{proof_summary(report)}; {seconds(report.wall_s)}", style))
    if report.lab:
        lines.append(Text(LAB_NOTE, style="dim"))
    return Group(*lines)


def proof_summary(report: ProofReport) -> str:
    """`21 probes: 20 held, 1 failed`."""
    counts = {name: sum(item.outcome == name for item in report.verdicts) for name in _COUNTED}
    said = ", ".join(f"{counts[name]} {word}" for name, word in _COUNTED.items() if counts[name])
    return f"{len(report.verdicts)} probes: {said or 'nothing was proven'}"


def _complaints(report: ProofReport) -> list[RenderableType]:
    """`✗ backend-api source  deps 3/4 ...`, and under it what to do next; probes that say the same share a line."""
    probes: dict[tuple[str, Outcome, str, str], list[str]] = {}
    for verdict in report.verdicts:
        if not verdict.passed:
            key = (verdict.image, verdict.outcome, verdict.reason, verdict.hint)
            probes.setdefault(key, []).append(verdict.probe)
    lines: list[RenderableType] = []
    for (image, outcome, reason, hint), names in probes.items():
        mark, style = MARKS[outcome]
        lines.append(Text.assemble((mark, style), " ", (f"{image} {', '.join(names)}", "bold"), "  ", reason))
        lines += [Text(f"    next: {hint}", style="dim")] if hint else []
    return lines


def _skipped(report: ProofReport) -> list[str]:
    """`base, not applicable to web, api: it is built on no other image`, one line for each reason."""
    images: dict[tuple[str, str], list[str]] = {}
    for verdict in report.verdicts:
        if verdict.outcome == "not applicable":
            images.setdefault((verdict.reason, verdict.image), []).append(verdict.probe)
    groups: dict[tuple[str, str], list[str]] = {}
    for (reason, image), probes in images.items():
        groups.setdefault((reason, ", ".join(probes)), []).append(image)
    return [f"{probes}: not applicable to {', '.join(names)}: {reason}" for (reason, probes), names in groups.items()]


class LiveProofWatcher(ProofWatcher):
    """Draws the matrix as it fills, and the step that is being built; both go away at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._images: Sequence[str] = ()
        self._probes: Sequence[str] = ()
        self._cells: dict[tuple[str, str], Verdict] = {}
        self._at = ("", "")
        self._since = 0.0
        self._log = BuildLog()

    def started(self, images: Sequence[str], probes: Sequence[str]) -> None:
        self._images, self._probes = images, probes
        self._live = Live(
            console=self._console, transient=True, refresh_per_second=REFRESH_PER_S, get_renderable=self._render
        )
        self._live.start()

    def probing(self, image: str, probe: str) -> None:
        self._at, self._since, self._log = (image, probe), time.monotonic(), BuildLog()

    def line(self, log: BuildLog) -> None:
        self._log = log

    def judged(self, verdict: Verdict) -> None:
        self._cells[verdict.image, verdict.probe] = verdict

    def finished(self) -> None:
        if self._live is not None:
            self._live.stop()

    def _render(self) -> RenderableType:
        image, probe = self._at
        age = seconds(time.monotonic() - self._since)
        step = _running(self._log)
        doing = f" {image} {probe} {age}" + (f"  {step}" if step else "")
        rows = _matrix(self._images, self._probes, self._cells, at=self._at)
        return Group(rows, Spinner("dots", text=Text(doing, style="dim", no_wrap=True, overflow="ellipsis")))


class LineProofWatcher(ProofWatcher):
    """Prints a line for each verdict, and for each step that a build before the edits has to run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._image = ""
        self._warming = False
        self._said: set[str] = set()
        self._last = ("", "")

    def probing(self, image: str, probe: str) -> None:
        self._image, self._warming = image, probe == WARM_UP
        if self._warming:
            self._print(Text(f"{image}: building it before any edit"))

    def line(self, log: BuildLog) -> None:
        if not self._warming:
            return
        for vertex in log.vertices.values():
            step = step_of(vertex) if vertex.completed and vertex.digest not in self._said else None
            if step is not None and step.state is StepState.RAN and not is_from(step):
                self._said.add(vertex.digest)
                self._print(Text(f"{self._image}: {short(vertex.name, 100)}: ran, {seconds(step.duration_s)}"))

    def judged(self, verdict: Verdict) -> None:
        budget = f" of {verdict.budget_s:g} s" if verdict.budget_s is not None else ""
        took = f", {seconds(verdict.wall_s)}{budget}" if verdict.wall_s else ""
        same = self._last == (verdict.image, verdict.reason)
        reason = "for the same reason" if same else verdict.reason
        self._last = (verdict.image, verdict.reason)
        self._print(Text(f"{verdict.image} {verdict.probe}: {verdict.outcome}{took}: {reason}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)


def _matrix(
    images: Sequence[str], probes: Sequence[str], cells: Cells, *, at: tuple[str, str] = ("", "")
) -> RenderableType:
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    rows.add_column("image", overflow="fold")
    for probe in probes:
        rows.add_column(probe, no_wrap=True)
    for image in images:
        rows.add_row(Text(image), *(_cell(cells.get((image, probe)), running=at == (image, probe)) for probe in probes))
    return rows


def _cell(verdict: Verdict | None, *, running: bool) -> Text:
    """`✓ 1.7 s`, and under it the budget where time decides."""
    if verdict is None:
        return Text("…" if running else "", style="bold")
    mark, style = MARKS[verdict.outcome]
    cell = Text.assemble((mark, style), f" {seconds(verdict.wall_s)}" if verdict.wall_s else "")
    if verdict.budget_s is not None and verdict.wall_s:
        cell.append(f"\nof {verdict.budget_s:g} s", style="dim")
    return cell


def _running(log: BuildLog) -> str:
    """The name of the step that started last and has not ended."""
    for vertex in reversed(list(log.vertices.values())):  # the display reads while the build writes
        if vertex.started and not vertex.completed and step_of(vertex) is not None:
            return short(vertex.name, 60)
    return ""
