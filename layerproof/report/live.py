"""How a running build looks: one row an image for a terminal, one line a finished step for a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from layerproof.model import Step, StepState, Vertex
from layerproof.progress import BuildLog, BuildWatcher, is_from, labelled_target, step_of
from layerproof.report.text import seconds, short

REFRESH_PER_S = 8


class LiveWatcher(BuildWatcher):
    """Draws rows that follow the build; the rows go away when it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._names: Sequence[str] = ()
        self._stale: Sequence[str] = ()
        self._owner: Callable[[Step], str] = labelled_target
        self._log = BuildLog()
        self._started = 0.0

    def started(
        self, names: Sequence[str], *, stale: Sequence[str], owner: Callable[[Step], str] = labelled_target
    ) -> None:
        self._names, self._stale, self._owner, self._started = names, stale, owner, time.time()
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
        return render_progress(
            self._log,
            names=self._names,
            stale=self._stale,
            owner=self._owner,
            now=time.time(),
            started=self._started,
        )


class LineWatcher(BuildWatcher):
    """Prints a line when a step ends, for pipes and CI logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: set[str] = set()
        self._only = ""
        self._owner: Callable[[Step], str] = labelled_target

    def started(
        self,
        names: Sequence[str],  # noqa: ARG002  # the signature is the watcher's
        *,
        stale: Sequence[str],
        owner: Callable[[Step], str] = labelled_target,
    ) -> None:
        self._only, self._owner = stale[0] if len(stale) == 1 else "", owner
        self._console.print(f"building {', '.join(stale)}", highlight=False, soft_wrap=True)

    def line(self, log: BuildLog) -> None:
        for vertex in log.vertices.values():
            if vertex.digest in self._said or not (vertex.completed or vertex.error):
                continue
            step = step_of(vertex, only_target=self._only)
            self._said.add(vertex.digest)
            if step is not None and not is_from(step):
                self._console.print(
                    render_step(replace(step, target=self._owner(step))), highlight=False, soft_wrap=True
                )


def render_step(step: Step) -> Text:
    """`backend-api deps 2/4 RUN npm ci: CACHED`."""
    state = "CACHED" if step.state is StepState.CACHED else f"{step.state.value}, {seconds(step.duration_s)}"
    return Text(f"{step.target} {step.stage} {step.number}/{step.total} {short(step.instruction, 80)}: {state}")


def render_progress(
    log: BuildLog,
    *,
    names: Sequence[str],
    stale: Sequence[str],
    owner: Callable[[Step], str],
    now: float,
    started: float,
) -> RenderableType:
    """One row for each image that has steps or is being built, and the time since the start."""
    only = stale[0] if len(stale) == 1 else ""
    rows = Table.grid(padding=(0, 2), expand=True)
    rows.add_column(no_wrap=True, min_width=max(map(len, names), default=0))
    rows.add_column(justify="right", no_wrap=True, min_width=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    steps: dict[str, list[tuple[Vertex, Step]]] = {}
    for vertex in list(log.vertices.values()):  # the display reads while the build writes
        step = step_of(vertex, only_target=only)
        if step is not None and not is_from(step):
            steps.setdefault(owner(step), []).append((vertex, step))
    for name in names:
        if name in steps or name in stale:
            rows.add_row(Text(name, style="bold"), *_progress(steps.get(name, []), now))
    rows.add_row(Spinner("dots", text=Text(f" {seconds(now - started)}", style="dim")), "", "")
    return rows


def _progress(steps: Sequence[tuple[Vertex, Step]], now: float) -> tuple[str, Text]:
    """`4/11`, and what is being done: the step that runs, or how many of those done were cached."""
    done = [step for _, step in steps if step.state in (StepState.RAN, StepState.CACHED)]
    running = [(vertex, step) for vertex, step in steps if vertex.started and not vertex.completed]
    count = f"{len(done)}/{len(steps)}" if steps else ""
    if running:
        vertex, step = running[-1]
        age = seconds(max(0.0, now - (vertex.started or now)))
        return count, Text(f"{age} {step.stage} {step.number}/{step.total} {short(step.instruction, 80)}")
    if len(done) < len(steps) or not steps:
        return count, Text("waiting", style="dim")
    cached = sum(step.state is StepState.CACHED for step in done)
    return count, Text(f"done, {cached} cached", style="green")
