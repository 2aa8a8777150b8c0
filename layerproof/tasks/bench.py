"""Measure before and after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import (
    connect,
    environment_of,
    err,
    exit_on_error,
    fail_unless,
    load_project,
    root_of,
    say,
    show,
)

if TYPE_CHECKING:
    from invoke.context import Context

    from layerproof.bench.results import BenchReport


@task(
    iterable=["only", "part"],
    help={
        "only": "Measure this service only; repeat it (default: every service that is built).",
        "part": "naive (against naive Dockerfiles) or tools (against bake, compose and docker build); default: both.",
        "rounds": "How often no-ops and code edits are measured (default: 3).",
        "cold-rounds": "How often cold builds and manifest edits are measured (default: 1); 0 leaves them out.",
        "dry-run": "Say what would be measured and roughly how long it takes; measure nothing.",
        "from-file": "Measure nothing: show, judge and draw a document of .layerproof/bench/.",
        "chart": "Draw the chart into this SVG file.",
        "page": "Put the tables into this Markdown file, between <!-- bench --> and <!-- end -->.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "format": "text or json (json on stdout, progress on stderr).",
    },
)
def bench(
    c: Context,
    only: list[str],
    part: list[str],
    rounds: int = 3,
    cold_rounds: int = 1,
    dry_run: bool = False,
    from_file: str = "",
    chart: str = "",
    page: str = "",
    profile: str = "",
    format: str = "text",
) -> None:
    """
    Measure builds against naive Dockerfiles and other tools, in turn; exit code 1 when a goal is missed.

    Builds copies under tags of its own and removes them; the working tree and your tags are not touched. Goals stand in
    [tool.layerproof.bench.goals].

    Examples:
        inv bench --dry-run
        inv bench --only backend-api --part naive
        inv bench --rounds 5 --chart docs/bench.svg --page docs/bench.md
        inv bench --from-file .layerproof/bench/20261121-140000.json --chart docs/bench.svg
    """
    from layerproof.report.bench import LineBenchWatcher, bench_document, describe_plan, render_bench
    from layerproof.workflow.bench import bench as run
    from layerproof.workflow.bench import plan_bench
    from layerproof.workflow.bench_kept import keep, last_kept, load_kept

    with exit_on_error(format=format):
        if from_file:
            report = load_kept(Path(from_file))
        else:
            engine = connect()
            project = load_project(c, engine, profile=profile)
            what = plan_bench(project, services=only, parts=part, rounds=rounds, cold_rounds=cold_rounds)
            say(describe_plan(what.plan, what.notes, last_kept(root_of(c))))
            if dry_run:
                return
            watcher = LineBenchWatcher(err())
            report = run(project, what, engine=engine, environment=environment_of(c), watcher=watcher)
            say(f"kept in {keep(root_of(c), report)}")
        show(render_bench(report), bench_document(report), format=format)
        _write(report, chart=chart, page=page)
        fail_unless(report.passed)


def _write(report: BenchReport, *, chart: str, page: str) -> None:
    from layerproof.workflow.bench_kept import write_chart, write_page

    if chart:
        write_chart(Path(chart), report)
        say(f"wrote {chart}")
    if page:
        write_page(Path(page), report)
        say(f"wrote {page}")
