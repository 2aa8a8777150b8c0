"""A benchmark for the docs: tables in Markdown, and a chart in SVG that follows the reader's light or dark theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from layerproof.bench.plan import NAIVE, OURS, SEQUENCE, TOOLS, Kind
from layerproof.bench.results import BenchReport, Measurement, ratios
from layerproof.report.bench import KINDS, goal_line, ordered, share, size_of, spread
from layerproof.report.text import LAB_NOTE, seconds, size

BEGIN, END = "<!-- bench -->", "<!-- end -->"
_WIDTH, _LEFT, _RIGHT, _ROW, _TITLE = 760, 190, 110, 22, 40
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { font-size: 11px; fill: #59636e }
  .ours { fill: #1a7f37 }
  .other { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .ours { fill: #3fb950 }
    .other { fill: #656c76 }
  }
"""

Bar = tuple[str, float, str]


def bench_svg(report: BenchReport) -> str:
    """Groups of bars: a code edit of each service and its cold build against naive, then everything by each tool."""
    groups = list(_groups(report))
    height = sum(_TITLE + _ROW * len(bars) for _, bars in groups) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Build times">',
        f"<style>{_STYLE}</style>",
    ]
    top = 0
    for title, bars in groups:
        parts += _group(title, bars, top)
        top += _TITLE + _ROW * len(bars)
    parts += [_text(10, top + 30, _footer(report), "note"), "</svg>"]
    return "\n".join(parts) + "\n"


def _groups(report: BenchReport) -> Iterator[tuple[str, list[Bar]]]:
    found = {(item.kind, item.service, item.contestant): item for item in report.measurements}
    pairs: tuple[tuple[Kind, str], ...] = (
        ("edit", "Code edit of {}"),
        ("cold", "Cold build of {}"),
    )
    for service in dict.fromkeys(item.service for item in report.measurements if item.contestant == NAIVE):
        for kind, title in pairs:
            items = [found[key] for who in (OURS, NAIVE) if (key := (kind, service, who)) in found]
            if len(items) > 1:
                yield title.format(service), [_bar(item) for item in items]
    for kind, title in (("cold", "Cold build of everything"), ("noop", "No-op of everything")):
        items = [found[key] for who in TOOLS if (key := (kind, "", who)) in found]
        if items:
            yield title, [_bar(item) for item in items]


def _bar(item: Measurement) -> Bar:
    name = "docker build, one by one" if item.contestant == SEQUENCE else item.contestant
    return name, item.median_s, seconds(item.median_s)


def _group(title: str, bars: Sequence[Bar], top: int) -> Iterator[str]:
    yield _text(10, top + 28, title, "title")
    longest = max(value for _, value, _ in bars) or 1.0
    for at, (name, value, shown) in enumerate(bars):
        y = top + _TITLE + at * _ROW
        width = max(2.0, (_WIDTH - _LEFT - _RIGHT) * value / longest)
        kind = "ours" if name == OURS else "other"
        yield _text(_LEFT - 10, y + 12, name, "", anchor="end")
        yield f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="15" rx="2"/>'
        yield _text(round(_LEFT + width + 6), y + 12, shown, "")


def _text(x: int, y: int, text: str, kind: str, *, anchor: str = "start") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{chosen} text-anchor="{anchor}">{escape(text)}</text>'


def _footer(report: BenchReport) -> str:
    lab = "; stand-in images of the lab" if report.lab else ""
    return f"medians; {report.date[:10]}; {_machine(report)}{lab}"


def _machine(report: BenchReport) -> str:
    machine = report.machine
    return f"{machine.get('cores', '?')} cores, {machine.get('memory', '?')}, {machine.get('system', '?')}"


def bench_markdown(report: BenchReport) -> str:
    """The tables of docs/bench.md, from one kept document."""
    versions = ", ".join(f"{name} {value}" for name, value in report.versions.items())
    lines = [f"Measured on {report.date[:10]}: {_machine(report)}; {versions}."]
    lines += ["", f"{LAB_NOTE[:1].upper()}{LAB_NOTE[1:]}."] if report.lab else []
    found = {(item.kind, item.service, item.other): item for item in ratios(report.measurements, report.sizes)}
    sides = {"Against naive Dockerfiles": True, "Against other ways to build the same Dockerfiles": False}
    for title, is_naive in sides.items():
        items = [item for item in ordered(report.measurements) if _belongs(item, report, is_naive)]
        if not items:
            continue
        lines += [
            "",
            f"### {title}",
            "",
            "| | built by | median | rounds | spread | ours takes |",
            "|---|---|--:|--:|---|--:|",
        ]
        for item in items:
            ratio = found.get((item.kind, item.service, item.contestant))
            what = f"{KINDS[item.kind]}, {item.service or 'everything'}"
            cells = (what, f"`{item.contestant}`", seconds(item.median_s), str(len(item.times_s)), spread(item))
            lines.append(f"| {' | '.join((*cells, share(ratio)))} |")
    services = list(dict.fromkeys(item.service for item in report.sizes if item.contestant == NAIVE))
    if services:
        lines += ["", "### Image sizes", "", "| image | ours | naive | ours takes |", "|---|--:|--:|--:|"]
        for name in services:
            sizes = " | ".join(size(size_of(report, name, who)) for who in (OURS, NAIVE))
            lines.append(f"| {name} | {sizes} | {share(found.get(('size', name, NAIVE)))} |")
    if report.goals:
        lines += ["", "### Goals", "", "| goal | |", "|---|---|"]
        lines += [f"| {goal_line(goal)} | {'held' if goal.held else '**missed**'} |" for goal in report.goals]
    lines += [""] + [f"- {note}" for note in report.notes] if report.notes else []
    return "\n".join(lines) + "\n"


def _belongs(item: Measurement, report: BenchReport, is_naive: bool) -> bool:
    """Ours stands in both tables, beside whom it is compared with."""
    if item.contestant != OURS:
        return (item.contestant == NAIVE) is is_naive
    others = [other for other in report.measurements if (other.kind, other.service) == (item.kind, item.service)]
    return any(other.contestant != OURS and (other.contestant == NAIVE) is is_naive for other in others)


def put_into_page(page: str, tables: str) -> str:
    """A page with the part between the two markers replaced; ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"it has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{tables}{END}{after}"
