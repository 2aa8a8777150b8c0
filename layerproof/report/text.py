"""Results as rich renderables that stay readable at 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from layerproof.engine import Container, ImageInfo
from layerproof.graph import pulled_services
from layerproof.model import (
    BuildReport,
    Check,
    Image,
    LabResult,
    Phase,
    Project,
    StepState,
    count_steps,
)
from layerproof.references import normalize_reference
from layerproof.report.why import cause_line

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_ACTIONS = {"built": "green", "unchanged": "dim", "failed": "red", "real": "green", "unknown": "yellow"}
LAB_NOTE = "lab: upstream images are stand-ins built on this machine, not the published ones"


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in the house style; columns named in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold")
    return made


def render_build(report: BuildReport) -> RenderableType:
    """One row an image: what was done, how many steps ran, its time and size; then the total."""
    rows = table("image", "", "ran", "cached", "time", "size", right=("ran", "cached", "time", "size"))
    for result in report.images:
        built = result.action == "built"
        rows.add_row(
            result.image,
            Text(result.action, style=_ACTIONS[result.action]),
            str(count_steps(result, StepState.RAN)) if built else "",
            str(count_steps(result, StepState.CACHED)) if built else "",
            seconds(result.wall_s) if built else "",
            size(result.size_bytes),
        )
    built_count = sum(result.action == "built" for result in report.images)
    summary = f"{built_count} built, {len(report.images) - built_count} unchanged in {seconds(report.wall_s)}"
    lines: list[RenderableType] = [rows, Text(summary, style="bold")]
    if spent := time_spent(report):
        lines.append(Text(spent, style="dim"))
    lines += [Text.assemble((cause.image, "bold"), f": {cause_line(cause)}") for cause in report.causes]
    lines += [Text(f"! {warning}", style="yellow") for warning in report.warnings]
    if report.lab:
        lines.append(Text(LAB_NOTE, style="dim"))
    return Group(*lines)


def time_spent(report: BuildReport) -> str:
    """
    `longest step: pose-service deps 2/4 RUN uv pip ... 12.3 s; contexts 0.2 s; export 1.1 s`, of what there was.

    Contexts and images of several services go side by side: their time is that in which any of them went.
    """
    ran = [step for result in report.images for step in result.steps if step.state is StepState.RAN]
    parts = []
    if ran:
        step = max(ran, key=lambda item: item.duration_s)
        where = f"{step.target} {step.stage} {step.number}/{step.total}"
        parts.append(f"longest step: {where} {short(step.instruction, 30)} {seconds(step.duration_s)}")
    for kind, name in (("transfer", "contexts"), ("export", "export")):
        if spans := [phase for phase in report.phases if phase.kind == kind]:
            parts.append(f"{name} {seconds(_covered_s(spans))}")
    return "; ".join(parts)


def _covered_s(phases: Iterable[Phase]) -> float:
    """The seconds that at least one of them covers."""
    total, until = 0.0, 0.0
    for phase in sorted(phases, key=lambda item: item.started):
        end = phase.started + phase.duration_s
        total += max(0.0, end - max(until, phase.started))
        until = max(until, end)
    return total


def render_checks(checks: Iterable[Check]) -> RenderableType:
    """One line a check."""
    return Group(*(render_check(check) for check in checks))


def render_check(check: Check) -> RenderableType:
    """`✓ name  detail`, and under it what to do next where it does not hold."""
    mark, style = _MARKS[check.state]
    line = Text.assemble((mark, style), " ", (check.name, "bold"), "  ", check.detail)
    return Group(line, Text(f"    next: {check.hint}", style="dim")) if check.hint else line


def render_graph(project: Project) -> RenderableType:
    """The images as trees: upstream images are the roots, what starts from them hangs below."""
    trees = []
    roots = sorted({name for image in project.images for name in image.upstreams} | {""})
    for root in roots:
        first = [
            image
            for image in project.images
            if (root in image.upstreams) or (not root and not image.upstreams and not image.parents)
        ]
        if first:
            tree = Tree(Text(root or "scratch", style="bold"))
            for image in first:
                _grow(tree, image, project.images)
            trees.append(tree)
    pulled = pulled_services(project)
    if pulled:
        tree = Tree(Text("pulled, not built", style="bold"))
        for service in pulled:
            tree.add(Text.assemble(service.image, (f"  service {service.name}", "dim")))
        trees.append(tree)
    return Group(*trees)


def _grow(tree: Tree, image: Image, images: Sequence[Image]) -> None:
    note = f"  service {image.service}" if image.service else f"  {image.role}"
    target = f", stage {image.target}" if image.target else ""
    branch = tree.add(Text.assemble(image.tag, (note + target, "dim")))
    for other in images:
        if image.name in other.parents:
            _grow(branch, other, images)


def render_images(project: Project, local: Mapping[str, ImageInfo], stale: Sequence[str]) -> RenderableType:
    """One row a tag that the project builds."""
    rows = table("image", "size", "created", "", right=("size",))
    for image in project.images:
        info = local.get(normalize_reference(image.tag))
        state = "missing" if info is None else ("stale" if image.name in stale else "up to date")
        style = {"missing": "red", "stale": "yellow", "up to date": "green"}[state]
        created = info.created[:16].replace("T", " ") if info else ""
        rows.add_row(image.tag, size(info.size_bytes if info else None), created, Text(state, style=style))
    return rows


def render_stack(containers: Sequence[Container], addresses: Mapping[str, str]) -> RenderableType:
    """One row a container: its state, and where it answers."""
    rows = table("service", "state", "address")
    for item in sorted(containers, key=lambda item: item.service):
        good = item.state == "running" and item.health in ("", "healthy")
        state = item.health or item.state if item.state == "running" else f"{item.state} ({item.exit_code})"
        where = addresses.get(item.service, "") if item.state == "running" else ""
        rows.add_row(item.service, Text(state, style="green" if good else "red"), where)
    return rows if containers else Text("no containers: inv up starts the stack")


def render_lab(results: Sequence[LabResult]) -> RenderableType:
    """One row an upstream image."""
    words = {
        "real": "real image, left alone",
        "unknown": "no recipe",
        "built": "stand-in built",
        "unchanged": "stand-in there",
    }
    rows = table("upstream image", "", "size", right=("size",))
    for result in results:
        rows.add_row(
            result.reference, Text(words[result.action], style=_ACTIONS[result.action]), size(result.size_bytes)
        )
    return Group(rows, Text(LAB_NOTE, style="dim"))


def render_cache(records: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The builder's cache by kind of record, the largest kind first."""
    kinds: dict[str, list[int]] = {}
    for record in records:
        kinds.setdefault(str(record.get("Type") or "other"), []).append(parse_size(str(record.get("Size") or "0B")))
    rows = table("cache", "records", "size", right=("records", "size"))
    for kind, sizes in sorted(kinds.items(), key=lambda item: -sum(item[1])):
        rows.add_row(kind, str(len(sizes)), size(sum(sizes)))
    total = sum(sum(sizes) for sizes in kinds.values())
    return Group(rows, Text(f"{len(records)} records, {size(total)}", style="bold"))


def parse_size(text: str) -> int:
    """`1.234GB` to bytes; units as Docker prints them, powers of 1000."""
    units = {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1}
    for unit, factor in units.items():
        if text.endswith(unit):
            return round(float(text.removesuffix(unit)) * factor)
    return 0


def size(size_bytes: int | None) -> str:
    """Bytes as Docker shows them (MB are 10^6); "" for None."""
    if size_bytes is None:
        return ""
    if size_bytes >= 10**9:
        return f"{size_bytes / 1e9:.2f} GB"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 10**6 else f"{size_bytes / 1e3:.0f} kB"


def seconds(value: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 100 else f"{int(value // 60)} min {int(value % 60):02d} s"


def short(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
