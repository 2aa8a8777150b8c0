"""
Measure before and after: contestants in turn, each on a copy and on tags of its own, all of it removed at the end.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone

from layerproof import __version__
from layerproof.bench.commands import cannot_sequence
from layerproof.bench.goals import judge
from layerproof.bench.plan import PARTS, SEQUENCE, Job, Plan, in_turn, make_plan
from layerproof.bench.results import BenchReport, Measurement, ratios
from layerproof.bench.watcher import BenchWatcher
from layerproof.engine import Engine
from layerproof.errors import UsageError
from layerproof.model import Project
from layerproof.workflow.bench_copy import naive_folders
from layerproof.workflow.bench_edit import find_editables
from layerproof.workflow.bench_run import MARK, BenchPlan, Clock, Run, measure, prepare, sizes_of, warm_up
from layerproof.workflow.build import PROJECT_LABEL, uses_stand_ins
from layerproof.workflow.load import check_names, configuration
from layerproof.workflow.workspace import make_workspace


def plan_bench(
    project: Project,
    *,
    services: Collection[str] = (),
    parts: Collection[str] = (),
    rounds: int = 3,
    cold_rounds: int = 1,
) -> BenchPlan:
    """
    Find out what can be measured.

    Raises:
        UsageError: an unknown service or part, too few rounds, or nothing to measure.
    """
    check_names(parts, PARTS, kind="part")
    known = tuple(image.service for image in project.images if image.service)
    check_names(services, known, kind="service that is built")
    if rounds < 1 or cold_rounds < 0:
        raise UsageError("at least one round is needed", hint="--rounds 1 or more, --cold-rounds 0 or more.")
    if not known:
        raise UsageError("no service has a `build`: there is nothing to measure", hint="Check the compose file.")
    chosen = tuple(name for name in known if not services or name in services)
    naive = tuple(name for name in chosen if name in naive_folders(project))
    notes = []
    wanted = set(parts or PARTS)
    folder = configuration(project).bench.naive
    missing = [name for name in chosen if name not in naive]
    if "naive" in wanted and missing:
        notes.append(
            f"not compared with naive Dockerfiles: {', '.join(missing)} (there is no {folder}/NAME/Dockerfile)"
        )
    if wanted == {"naive"} and not naive:
        raise UsageError(f"there is no {folder}/NAME/Dockerfile", hint="Write one for a service, or --part tools.")
    with ExitStack() as stack:
        workspace = stack.enter_context(make_workspace(project, project.images))
        editables, reasons = find_editables(project, chosen, workspace=workspace)
    notes += reasons
    plan = make_plan(
        chosen,
        naive=naive,
        parts=wanted,
        editable={name for kind, name in editables if kind == "edit"},
        with_manifest={name for kind, name in editables if kind == "manifest"},
        rounds=rounds,
        cold_rounds=cold_rounds,
    )
    refused = cannot_sequence(project.images)
    if refused and SEQUENCE in plan.contestants:
        notes.append(f"without the sequence of docker build: {refused}")
        plan = _without(plan, SEQUENCE)
    return BenchPlan(plan, chosen, naive if "naive" in wanted else (), tuple(notes))


def bench(
    project: Project,
    what: BenchPlan,
    *,
    engine: Engine,
    environment: Mapping[str, str],
    clock: Clock = time.monotonic,
    watcher: BenchWatcher | None = None,
) -> BenchReport:
    """
    Measure what was planned. The working tree is not touched, no tag of the user is moved, and the images that were
    made are removed however it ends.

    Raises:
        BuildError: a contestant's build failed, which is no number.
        BenchError: an edit ran no step, or the images are not there: nothing was measured then.
    """
    started, plan = clock(), what.plan
    info, now = engine.info(), datetime.now(timezone.utc)
    mark = f"{MARK}{uuid.uuid4().hex[:6]}"
    run = Run(engine, clock, watcher or BenchWatcher(), environment, mark)
    run.watcher.started(sum(plan.count(kind) for kind in ("cold", "noop", "edit", "manifest")))
    with ExitStack() as stack:
        stack.callback(run.watcher.finished)
        stack.callback(engine.drop_cache, mark)
        stack.callback(engine.remove_labelled, PROJECT_LABEL, mark)
        prepare(run, project, what, stack)
        for number in range(plan.cold_rounds):
            for job in plan.cold:
                for name in in_turn(job.contestants, number):
                    measure(run, job, name)
        warm_up(run, what)
        for job, _, name in plan.measured():
            measure(run, job, name)
        sizes = sizes_of(run, what)
    measurements = tuple(
        Measurement(job.kind, job.service, name, tuple(times), tuple(run.ran[job, name]))
        for (job, name), times in run.times.items()
    )
    return BenchReport(
        date=now.isoformat(timespec="seconds"),
        machine=_machine(),
        versions={
            "Docker Engine": info.server,
            "buildx": info.buildx,
            "Compose": info.compose,
            "layerproof": __version__,
            "Python": platform.python_version(),
        },
        lab=uses_stand_ins(project.images, engine.images()),
        wall_s=clock() - started,
        measurements=measurements,
        sizes=sizes,
        notes=(*what.notes, *_odd(measurements)),
        goals=judge(configuration(project).bench.goals, ratios(measurements, sizes)),
    )


def _odd(measurements: Sequence[Measurement]) -> tuple[str, ...]:
    """A no-op that ran steps is none."""
    return tuple(
        f"the no-op of {item.service or 'everything'} by {item.contestant} ran steps: {', '.join(map(str, item.ran))}"
        for item in measurements
        if item.kind == "noop" and any(item.ran)
    )


def _without(plan: Plan, contestant: str) -> Plan:
    def kept(jobs: Sequence[Job]) -> tuple[Job, ...]:
        return tuple(
            Job(job.kind, job.service, tuple(name for name in job.contestants if name != contestant)) for job in jobs
        )

    return Plan(kept(plan.cold), kept(plan.slow), kept(plan.warm), plan.rounds, plan.cold_rounds)


def _machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(os.cpu_count() or 1),
        "memory": f"{memory / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.machine()}",
    }
