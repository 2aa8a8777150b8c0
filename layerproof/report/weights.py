"""Files that services need and no image carries: a table of what is there, and where to get what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from layerproof.model import WeightCheck, WeightsReport
from layerproof.report.text import size, table
from layerproof.weights import LOCK_NAME, HashWatcher, render_variables, shown_folder

NONE_NAMED = "no service names weights; docs/configuration.md says how one does"


def render_weights(reports: Sequence[WeightsReport], *, root: Path) -> RenderableType:
    """Service by service: the folder, whether it is needed now, the files, and how to come by what is wrong."""
    if not reports:
        return Text(NONE_NAMED)
    lines: list[RenderableType] = []
    for report in reports:
        lines += [Text(), *_service(report, root)] if lines else _service(report, root)
    return Group(*lines)


def _service(report: WeightsReport, root: Path) -> list[RenderableType]:
    bad = [check for check in report.checks if check.state != "ok"]
    wrong = "red" if report.needed else "yellow"
    rows = table("path", "state", "size", right=("size",))
    for check in report.checks:
        note = ", recorded now" if check.file.path in report.recorded else ""
        state = Text(check.state + note, style="green" if check.state == "ok" else wrong)
        rows.add_row(Text(check.file.path), state, size(check.size_bytes))
    there = "" if report.folder_exists else ", which does not exist yet"
    lines: list[RenderableType] = [
        Text.assemble((report.service, "bold"), f"  {_need(report)}"),
        Text(f"folder: {shown_folder(report.folder, root)}{there}"),
        rows,
        Text(),
    ]
    for check in bad:
        lines += _problem(check, wrong)
    if any(check.state == "missing" for check in bad):
        where = shown_folder(report.folder, root)
        lines.append(
            Text(f"next: put what is missing into {where}, each under its path, then: inv weights", style="dim")
        )
    count = f"{len(report.checks) - len(bad)} of {len(report.checks)} files are as they should be"
    lines.append(Text(count, style=f"bold {wrong if bad else 'green'}"))
    if report.recorded:
        lines.append(Text(f"recorded in {LOCK_NAME}: this copy is trusted, any other is refused", style="dim"))
    return lines


def _need(report: WeightsReport) -> str:
    """`needed for POSE_ENGINE=hmr2; now POSE_ENGINE=mediapipe: not needed`."""
    if not report.when:
        return "always needed"
    wanted = render_variables(report.when)
    if report.needed:
        return f"needed: {wanted}"
    now = ", ".join(
        f"{name}={report.environment[name]}" if name in report.environment else f"{name} is not set"
        for name in report.when
    )
    return f"needed for {wanted}; now {now}: not needed"


def _problem(check: WeightCheck, style: str) -> list[RenderableType]:
    """
    `data/x.pkl  the body model`, and under it what is wrong, where it comes from, its licence and what to do.

    The lines are wrapped by nothing but the console: in a pipe an address stays whole.
    """
    file = check.file
    lines: list[RenderableType] = [Text.assemble((file.path, "bold"), f"  {file.what}")]
    lines += [Text(f"    {check.state}: {check.detail}", style=style)] if check.detail else []
    lines += [Text(f"    missing: {size(file.size_bytes)}", style=style)] if _size_is_news(check) else []
    lines += [Text(f"    from: {file.source}"), Text(f"    licence: {file.licence}")]
    lines += [Text(f"    next: {check.hint}", style="dim")] if check.hint else []
    return lines


def _size_is_news(check: WeightCheck) -> bool:
    return check.state == "missing" and check.file.size_bytes is not None


class LiveHashWatcher(HashWatcher):
    """Draws a bar that goes away at the end."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def started(self, files: Sequence[Path], *, size_bytes: int) -> None:
        self._task = self._progress.add_task(_reading(files), total=size_bytes)
        self._progress.start()

    def read(self, size_bytes: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, size_bytes)

    def finished(self) -> None:
        self._progress.stop()


class LineHashWatcher(HashWatcher):
    """Says once what is read, for pipes and CI logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def started(self, files: Sequence[Path], *, size_bytes: int) -> None:
        self._console.print(f"{_reading(files)}, {size(size_bytes)}", highlight=False, soft_wrap=True)


def _reading(files: Sequence[Path]) -> str:
    return f"reading {len(files)} file{'s' if len(files) > 1 else ''}"
