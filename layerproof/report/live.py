"""How a running build looks: one row an image for a terminal, one line a finished step for a pipe."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from layerproof.model import Step, StepState
from layerproof.progress import BuildLog, BuildWatcher, is_from, step_of
from layerproof.report.text import seconds, short

REFRESH_PER_S = 8


class LiveWatcher(BuildWatcher):
    """Draws rows that follow the build; the rows go away when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._names: Sequence[str] = ()
        self._stale: Sequence[str] = ()
        self._log = BuildLog()
        self._started = 0.0

    def started(self, names: Sequence[str], *, stale: Sequence[str]) -> None:
        self._names, self._stale, self._started = names, stale, time.time()
        self._live = Live(
            console=self._console, transient=True, refresh_per_second=REFRESH_PER_S, get_renderable=self._render
        )
        self._live.start()

    def line(self, log: BuildLog) -> None:
        self._log = log

    def finished(self) -> None:
        if self._live is not None:
            self._live.stop()

    def _render(self) -> RenderableType:
        return render_progress(self._log, names=self._names, stale=self._stale, now=time.time(), started=self._started)


class LineWatcher(BuildWatcher):
    """Prints a line when a step ends, for pipes and CI logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()
        self._only = ""

    def started(self, names: Sequence[str], *, stale: Sequence[str]) -> None:  # noqa: ARG002  # the signature is the watcher's
        self._only = stale[0] if len(stale) == 1 else ""
        self._console.print(f"building {', '.join(stale)}", highlight=False, soft_wrap=True)

    def line(self, log: BuildLog) -> None:
        for vertex in log.vertices.values():
            if vertex.digest in self._said or not (vertex.completed or vertex.error):
                continue
            step = step_of(vertex, only_target=self._only)
            self._said.add(vertex.digest)
            if step is not None and not is_from(step):
                self._console.print(render_step(step), highlight=False, soft_wrap=True)


def render_step(step: Step) -> Text:
    """`backend-api deps 2/4 RUN npm ci: CACHED`."""
    state = "CACHED" if step.state is StepState.CACHED else f"{step.state.value}, {seconds(step.duration_s)}"
    return Text(f"{step.target} {step.stage} {step.number}/{step.total} {short(step.instruction, 80)}: {state}")


def render_progress(
    log: BuildLog, *, names: Sequence[str], stale: Sequence[str], now: float, started: float
) -> RenderableType:
    """
    One row for each image that has steps or is being built.

    Steps that several images share stand under the name BuildKit gave them; the summary has the exact numbers.
    """
    only = stale[0] if len(stale) == 1 else ""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    steps = [
        (vertex, step)
        for vertex in list(log.vertices.values())  # the display reads while the build writes
        if (step := step_of(vertex, only_target=only)) and not is_from(step)
    ]
    for name in names:
        own = [(vertex, step) for vertex, step in steps if step.target == name]
        if not own and name not in stale:
            continue
        cached = sum(step.state is StepState.CACHED for _, step in own)
        done = sum(step.state in (StepState.RAN, StepState.CACHED) for _, step in own)
        running = [(vertex, step) for vertex, step in own if vertex.started and not vertex.completed]
        what = Text("waiting", style="dim") if done < len(own) or not own else Text("done", style="green")
        if running:
            vertex, step = running[-1]
            age = seconds(max(0.0, now - (vertex.started or now)))
            what = Text(f"{step.stage} {step.number}/{step.total} {short(step.instruction, 60)} {age}")
        rows.add_row(Text(name, style="bold"), f"{done}/{len(own)} steps, {cached} cached" if own else "", what)
    rows.add_row(Spinner("dots", text=Text(f" {seconds(now - started)}", style="dim")), "", "")
    return rows
