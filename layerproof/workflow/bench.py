"""
Measure before and after: contestants in turn, each on a copy and on tags of its own, all of it removed at the end.
"""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone

from layerproof import __version__
from layerproof.bench.commands import Command, cannot_sequence, commands_of
from layerproof.bench.goals import judge
from layerproof.bench.plan import NAIVE, OURS, PARTS, SEQUENCE, Job, Plan, make_plan, rotated
from layerproof.bench.results import BenchReport, Measurement, Size, ratios
from layerproof.bench.watcher import BenchWatcher
from layerproof.engine import Engine
from layerproof.errors import BenchError, BuildError, UsageError
from layerproof.model import Image, Project, StepState
from layerproof.progress import is_from, parse_log, step_of
from layerproof.workflow.bench_copy import Copy, NaiveService, make_copy, make_naive, naive_folders
from layerproof.workflow.bench_edit import Editable, find_editables
from layerproof.workflow.build import PROJECT_LABEL, uses_stand_ins
from layerproof.workflow.load import check_names, configuration
from layerproof.workflow.workspace import make_workspace

Clock = Callable[[], float]
# The short words for contestants in tags.
_WORDS = {OURS: "inv", "docker buildx bake": "bake", "docker compose build": "compose", SEQUENCE: "docker"}
# What the benchmark's tags begin with, and the file that makes a build cold.
MARK = "layerproof-bench-"
# Clocks of this machine and of the engine's may differ by so much.
_SKEW_S = 60.0


@dataclass(frozen=True)
class BenchPlan:
    """What a benchmark would do, and what it leaves out and why."""

    plan: Plan
    services: tuple[str, ...]
    naive: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class _Run:
    """What every measurement of one benchmark needs."""

    engine: Engine
    clock: Clock
    watcher: BenchWatcher
    environment: Mapping[str, str]
    mark: str
    copies: dict[str, Copy] = field(default_factory=dict)
    images: dict[str, tuple[Image, ...]] = field(default_factory=dict)
    naive: dict[str, NaiveService] = field(default_factory=dict)
    editables: Mapping[tuple[str, str], Editable] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    times: dict[tuple[Job, str], list[float]] = field(default_factory=dict)
    ran: dict[tuple[Job, str], list[int]] = field(default_factory=dict)

    def environment_of(self, contestant: str) -> dict[str, str]:
        """That of the user, but for the project it is about."""
        copy = self.copies[contestant]
        return {
            **self.environment,
            "COMPOSE_FILE": str(copy.compose_file),
            "COMPOSE_PROJECT_NAME": self.mark,
            "LAYERPROOF_PROFILE": copy.project.profile or "",
        }


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
    run = _Run(engine, clock, watcher or BenchWatcher(), environment, mark)
    run.watcher.started(sum(plan.count(kind) for kind in ("cold", "noop", "edit", "manifest")))
    with ExitStack() as stack:
        stack.callback(run.watcher.finished)
        stack.callback(engine.drop_cache, mark)
        stack.callback(engine.remove_labelled, PROJECT_LABEL, mark)
        _prepare(run, project, what, stack)
        for number in range(plan.cold_rounds):
            for job in plan.cold:
                for name in rotated(job.contestants, number):
                    _measure(run, job, name)
        _warm_up(run, what)
        for job, _, name in plan.measured():
            _measure(run, job, name)
        sizes = _sizes(run, what)
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


def _prepare(run: _Run, project: Project, what: BenchPlan, stack: ExitStack) -> None:
    """Make the copies; a contestant that builds the same Dockerfiles as another has its own all the same."""
    run.watcher.doing("making the copies")
    for name in what.plan.contestants:
        if name == NAIVE:
            continue
        workspace = stack.enter_context(make_workspace(project, project.images))
        run.copies[name] = make_copy(project, workspace, mark=run.mark, contestant=_WORDS[name])
        run.images[name] = _fresh_copy(run, name)
    first = next(iter(run.copies.values())).workspace
    for service in what.naive:
        below = first.root.parent / "naive"
        run.naive[service] = make_naive(project, service, below=below, mark=run.mark)
        run.naive[service].write(_new_nonce(run, service))
    run.editables, _ = find_editables(project, what.services, workspace=first)


def _fresh_copy(run: _Run, contestant: str) -> tuple[Image, ...]:
    nonce, environment = _new_nonce(run, contestant), run.environment_of(contestant)
    return run.copies[contestant].write(nonce, engine=run.engine, environment=environment)


def _new_nonce(run: _Run, name: str) -> str:
    """Another text for a contestant, or for the naive build of a service."""
    # It begins as the mark does, so that one text tells everything in the cache that is this benchmark's.
    run.nonces[name] = run.mark.removeprefix(MARK) + uuid.uuid4().hex[:8]
    return run.nonces[name]


def _drop_superseded(run: _Run, nonce: str) -> None:
    """Every naive edit and every cold build takes gigabytes; nobody comes back to them. What has a tag stays."""
    run.engine.remove_labelled(PROJECT_LABEL, run.mark, untagged_only=True)
    run.engine.drop_cache(f"{MARK}{nonce}")


def _warm_up(run: _Run, what: BenchPlan) -> None:
    """Everything built, and one edit of each service, so that nobody's first time is measured."""
    for name in what.plan.contestants:
        services = what.naive if name == NAIVE else ("",) if len(run.copies) > 1 else what.services
        for service in services:
            run.watcher.doing(f"warm-up: {service or 'everything'}, {name}")
            _execute(run, name, _commands(run, Job("cold", service, ()), name))
        for kind, service in run.editables:
            if kind == "edit" and name != NAIVE:
                run.watcher.doing(f"warm-up: code edit of {service}, {name}")
                _edit(run, kind, service, name)
                _execute(run, name, _commands(run, Job("edit", service, ()), name))
    local = run.engine.images()
    for name, images in run.images.items():
        wanted = [image for image in images if len(run.copies) > 1 or image.service in what.services]
        missing = [image.tag for image in wanted if image.tag not in local]
        if missing:
            raise BenchError(f"{name} ended well and {', '.join(missing)} is not there", hint="Nothing was measured.")
    _steps_since(run, time.time())


def _measure(run: _Run, job: Job, contestant: str) -> None:
    about = f"{_SAID[job.kind]} {job.service or 'everything'}, {contestant}"
    run.watcher.doing(about)
    before = run.nonces[job.service if contestant == NAIVE else contestant]
    if job.kind == "cold":
        if contestant == NAIVE:
            run.naive[job.service].write(_new_nonce(run, job.service))
        else:
            run.images[contestant] = _fresh_copy(run, contestant)
    if job.edited:
        _edit(run, job.kind, job.service, contestant)
    commands = _commands(run, job, contestant)
    since, started = time.time(), run.clock()
    _execute(run, contestant, commands)
    wall_s = run.clock() - started
    ran = _steps_since(run, since)
    if job.kind != "noop" and not ran:
        raise BenchError(
            f"{about}: the build ran no step, so nothing was measured",
            hint="Does the file that was edited reach the image? Name another one: probe-source of the service.",
        )
    run.times.setdefault((job, contestant), []).append(wall_s)
    run.ran.setdefault((job, contestant), []).append(ran)
    run.watcher.measured(about, wall_s, ran)
    if job.kind == "cold" or (contestant == NAIVE and job.edited):
        _drop_superseded(run, before)


_SAID = {"cold": "cold build of", "noop": "no-op of", "edit": "code edit of", "manifest": "manifest edit of"}


def _commands(run: _Run, job: Job, contestant: str) -> tuple[Command, ...]:
    label = f"{PROJECT_LABEL}={run.mark}"
    if contestant == NAIVE:
        return (run.naive[job.service].command(label),)
    copy = run.copies[contestant]
    images = run.images[contestant]
    return commands_of(
        contestant,
        images,
        service=job.service,
        compose_file=copy.compose_file,
        label=label,
        cold=job.kind == "cold",
    )


def _execute(run: _Run, contestant: str, commands: Sequence[Command]) -> None:
    copy = run.copies.get(contestant) or run.copies[OURS]
    environment = run.environment_of(contestant if contestant in run.copies else OURS)
    for command in commands:
        done = run.engine.run(command, cwd=copy.root, environment=environment)
        if done.returncode != 0:
            run.engine.info()  # an engine that went away is no failed build
            tail = "\n".join(f"  | {line}" for line in done.tail.splitlines())
            raise BuildError(
                f"{contestant}: `{' '.join(command[:4])} ...` ended with {done.returncode}\n{tail}",
                hint="A contestant that fails is no number: mend that build, or leave it out (--only, --part).",
            )


def _edit(run: _Run, kind: str, service: str, contestant: str) -> None:
    editable = run.editables[kind, service]
    if contestant == NAIVE:
        editable.apply(editable.in_naive(run.naive[service].folder, run.naive[service].source))
    else:
        editable.apply(run.copies[contestant].workspace.at(editable.path))


def _steps_since(run: _Run, since: float) -> int:
    """How many steps the builds since then have run, as the builder's own history has it."""
    images = (image for images in run.images.values() for image in images)
    folders = {image.context.name for image in images} | {naive.folder.name for naive in run.naive.values()}
    vertices: set[str] = set()
    for past in run.engine.history(folders):
        # The newest come first: what follows one that is known was there before.
        if past.reference in run.seen or past.started < since - _SKEW_S:
            break
        run.seen.add(past.reference)
        if past.labels.get(PROJECT_LABEL) != run.mark:
            continue
        for vertex in parse_log(run.engine.past_build(past.reference).lines).vertices.values():
            step = step_of(vertex)
            if step is not None and step.state is StepState.RAN and not is_from(step):
                vertices.add(vertex.digest)
    return len(vertices)


def _sizes(run: _Run, what: BenchPlan) -> tuple[Size, ...]:
    local = run.engine.images()
    ours = {image.service: image.tag for image in run.images.get(OURS, ())}
    tags = [(name, OURS, ours[name]) for name in what.services]
    tags += [(name, NAIVE, run.naive[name].tag) for name in what.naive]
    return tuple(Size(name, who, local[tag].size_bytes) for name, who, tag in tags if tag in local)


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
