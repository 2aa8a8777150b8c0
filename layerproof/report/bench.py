"""How a benchmark looks: what it will do, its progress, its tables, and its document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from rich.console import Console, Group, RenderableType
from rich.status import Status
from rich.text import Text

from layerproof.bench.plan import NAIVE, OURS, Kind, Plan
from layerproof.bench.results import BenchReport, GoalResult, Measurement, Ratio, Size, ratios
from layerproof.bench.watcher import BenchWatcher
from layerproof.report.text import LAB_NOTE, seconds, size, table

KINDS: Mapping[str, str] = {
    "cold": "cold build",
    "noop": "no-op",
    "edit": "code edit",
    "manifest": "manifest edit",
}


def describe_plan(plan: Plan, notes: Sequence[str], before: BenchReport | None) -> str:
    """What will be done and, by the times of an earlier benchmark, roughly how long it takes."""
    counts = [f"{plan.count(kind)} of a {word}" for kind, word in _counted() if plan.count(kind)]
    lines = [
        f"measures {', '.join(counts)}; by {', '.join(plan.contestants)}, in turn",
        "builds copies under tags of its own, which are removed at the end; the working tree is not touched",
    ]
    known = _estimate_s(plan, before) if before else None
    lines.append(
        f"takes about {seconds(known)} by the last one"
        if known
        else f"takes about as long as {plan.count('cold') + plan.count('manifest') + 2} first builds of your services"
    )
    return "\n".join([*lines, *notes])


def _counted() -> list[tuple[Kind, str]]:
    return [("cold", "cold build"), ("noop", "no-op"), ("edit", "code edit"), ("manifest", "manifest edit")]


def _estimate_s(plan: Plan, before: BenchReport) -> float | None:
    """The medians of the last time, as often as planned; None where something was not measured then."""
    known = {(item.kind, item.service, item.contestant): item.median_s for item in before.measurements}
    jobs = ((plan.cold, plan.cold_rounds), (plan.slow, plan.cold_rounds), (plan.warm, plan.rounds))
    total = 0.0
    for group, times in jobs:
        for job in group:
            for name in job.contestants:
                if (job.kind, job.service, name) not in known:
                    return None
                total += known[job.kind, job.service, name] * times
    return total


def render_bench(report: BenchReport) -> RenderableType:
    """A table of times with their spread, the sizes, the goals, and what was left out."""
    rows = table("", "median", "spread", "ours takes", right=("median", "spread", "ours takes"))
    found = {(item.kind, item.service, item.other): item for item in ratios(report.measurements, report.sizes)}
    last = ""
    for item in ordered(report.measurements):
        what = f"{KINDS[item.kind]} of {item.service or 'everything'}"
        if what != last:
            rows.add_row(Text(what, style="bold"))
        last = what
        ratio = found.get((item.kind, item.service, item.contestant))
        name = Text(f"  {item.contestant}", style="green" if item.contestant == OURS else "")
        rows.add_row(name, seconds(item.median_s), spread(item), share(ratio) if ratio else "")
    lines: list[RenderableType] = [rows]
    if report.sizes:
        sizes = table("image", "inv build", "naive", "ours takes", right=("inv build", "naive", "ours takes"))
        for service in dict.fromkeys(item.service for item in report.sizes):
            ratio = found.get(("size", service, NAIVE))
            sizes.add_row(service, *(size(size_of(report, service, who)) for who in (OURS, NAIVE)), share(ratio))
        lines += [Text(""), sizes]
    lines += [Text("")] if report.goals else []
    lines += [render_goal(goal) for goal in report.goals]
    lines += [Text(f"- {note}", style="dim") for note in report.notes]
    lines.append(Text(_summary(report), style="bold green" if report.passed else "bold red"))
    if report.lab:
        lines.append(Text(LAB_NOTE, style="dim"))
    return Group(*lines)


def _summary(report: BenchReport) -> str:
    if not report.goals:
        return f"{len(report.measurements)} measurements in {seconds(report.wall_s)}"
    missed = sum(not goal.held for goal in report.goals)
    return f"{len(report.goals) - missed} goals held, {missed} missed; {seconds(report.wall_s)}"


def render_goal(goal: GoalResult) -> Text:
    """`✓ code edit of pose-service: times faster than naive: 61 (58 to 66), at least 40`."""
    mark, style = ("✓", "green") if goal.held else ("✗", "red")
    return Text.assemble((mark, style), f" {goal_line(goal)}")


def goal_line(goal: GoalResult) -> str:
    """The goal, what was measured with its spread, and the limit."""
    several = f" ({number(goal.low)} to {number(goal.high)})" if goal.low != goal.high else ""
    way = "at least" if goal.at_least else "at most"
    return f"{goal.goal}: {number(goal.value)}{several}, {way} {number(goal.limit)}"


def number(value: float) -> str:
    """`0.51`, `1.2`, `61`: three digits at most."""
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def share(ratio: Ratio | None) -> str:
    """`1/61` where ours is many times faster, `0.51` else."""
    if ratio is None:
        return ""
    return f"1/{1 / ratio.median:.0f}" if ratio.median < 0.1 else f"{ratio.median:.2f}"


def spread(item: Measurement) -> str:
    """`1.4 to 1.6 s`; "" for a single round."""
    low, high = seconds(min(item.times_s)), seconds(max(item.times_s))
    if len(item.times_s) == 1:
        return ""
    return f"{low.removesuffix(' s')} to {high}" if "min" not in low + high else f"{low} to {high}"


def size_of(report: BenchReport, service: str, contestant: str) -> int | None:
    """None where it was not measured."""
    found = (item.size_bytes for item in report.sizes if (item.service, item.contestant) == (service, contestant))
    return next(found, None)


def ordered(measurements: Sequence[Measurement]) -> list[Measurement]:
    """By kind, then service, then as they were measured; everything before its parts."""
    kinds, services = list(KINDS), list(dict.fromkeys(item.service for item in measurements))
    return sorted(
        measurements, key=lambda item: (kinds.index(item.kind), item.service != "", services.index(item.service))
    )


def bench_document(report: BenchReport) -> dict[str, Any]:
    """
    `{"schema", "lab", "passed", "date", "wall_s", "machine", "versions", "measurements": [{"kind":
    "cold|noop|edit|manifest", "service", "contestant", "times_s": [s], "median_s", "ran": [n]}], "sizes": [{"service",
    "contestant", "size_bytes"}], "ratios": [{"kind": "cold|noop|edit|manifest|size", "service", "other", "median",
    "low", "high"}], "goals": [{"goal", "value", "low", "high", "limit", "at_least", "held"}], "notes": [text]}`;
    `service` is "" for everything, `ran` has the number of steps that each build ran, and a ratio is ours by theirs,
    round by round. The same document is kept in `.layerproof/bench/`.
    """
    return {
        "schema": 1,
        "lab": report.lab,
        "passed": report.passed,
        "date": report.date,
        "wall_s": round(report.wall_s, 3),
        "machine": dict(report.machine),
        "versions": dict(report.versions),
        "measurements": [
            {
                "kind": item.kind,
                "service": item.service,
                "contestant": item.contestant,
                "times_s": [round(value, 3) for value in item.times_s],
                "median_s": round(item.median_s, 3),
                "ran": list(item.ran),
            }
            for item in report.measurements
        ],
        "sizes": [asdict(item) for item in report.sizes],
        "ratios": [asdict(item) for item in ratios(report.measurements, report.sizes)],
        "goals": [{**asdict(item), "held": item.held} for item in report.goals],
        "notes": list(report.notes),
    }


def parse_bench(document: Mapping[str, Any]) -> BenchReport:
    """A report from its document; KeyError, TypeError or ValueError where it is none."""
    if document["schema"] != 1:
        raise ValueError(f"schema {document['schema']} is not known")
    return BenchReport(
        date=str(document["date"]),
        machine=dict(document["machine"]),
        versions=dict(document["versions"]),
        lab=bool(document["lab"]),
        wall_s=float(document["wall_s"]),
        measurements=tuple(
            Measurement(
                item["kind"],
                item["service"],
                item["contestant"],
                tuple(map(float, item["times_s"])),
                tuple(item["ran"]),
            )
            for item in document["measurements"]
        ),
        sizes=tuple(Size(**item) for item in document["sizes"]),
        notes=tuple(document["notes"]),
        goals=tuple(
            GoalResult(**{key: value for key, value in item.items() if key != "held"}) for item in document["goals"]
        ),
    )


class LineBenchWatcher(BenchWatcher):
    """A line for each measurement; on a terminal also what runs now, which goes away."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._total = self._done = 0

    def started(self, total: int) -> None:
        self._total = total
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()

    def doing(self, what: str) -> None:
        if self._status is not None:
            self._status.update(Text(f"{self._done}/{self._total} {what}", style="dim", no_wrap=True))
        elif what.startswith("warm-up"):
            self._print(what)

    def measured(self, what: str, wall_s: float, ran: int) -> None:
        self._done += 1
        steps = f"{ran} steps ran" if ran else "no step ran"
        self._print(f"{self._done}/{self._total} {what}: {seconds(wall_s)}, {steps}")

    def finished(self) -> None:
        if self._status is not None:
            self._status.stop()

    def _print(self, text: str) -> None:
        self._console.print(Text(text), highlight=False, soft_wrap=True)
