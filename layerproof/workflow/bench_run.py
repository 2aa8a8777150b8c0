"""The measurements of one benchmark: copies are made and warmed up, jobs built and timed, steps and sizes read."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from msgspec import Struct, field

from layerproof import graph
from layerproof.bench.commands import Command, commands_of
from layerproof.bench.plan import NAIVE, OURS, SEQUENCE, Job, Plan
from layerproof.bench.results import Size
from layerproof.bench.watcher import BenchWatcher
from layerproof.downloads import has_failed_download
from layerproof.engine import Engine
from layerproof.errors import BenchError, BuildError
from layerproof.model import Image, Project, StepState
from layerproof.progress import is_from, parse_log, step_of
from layerproof.workflow.bench_copy import Copy, NaiveService, make_copy, make_naive
from layerproof.workflow.bench_edit import Editable, find_editables
from layerproof.workflow.build import PROJECT_LABEL
from layerproof.workflow.workspace import make_workspace

T = TypeVar("T")
Clock = Callable[[], float]
# The short words for contestants in tags.
_WORDS = {OURS: "inv", "docker buildx bake": "bake", "docker compose build": "compose", SEQUENCE: "docker"}
# What the benchmark's tags begin with, and the file that makes a build cold.
MARK = "layerproof-bench-"
# A build whose download failed is built anew so often; what was measured before is not lost by it.
_ATTEMPTS = 3
_SHOWN_LINES = 40
# Clocks of this machine and of the engine's may differ by so much.
_SKEW_S = 60.0


class BenchPlan(Struct, frozen=True):
    """What a benchmark would do, and what it leaves out and why."""

    plan: Plan
    services: tuple[str, ...]
    naive: tuple[str, ...]
    notes: tuple[str, ...]


class _DownloadError(BuildError):
    """A build failed because of the network, which says nothing about the contestant."""


class Run(Struct):
    """One benchmark while it runs: its copies, what was measured, and what tells its builds from everybody else's."""

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


def prepare(run: Run, project: Project, what: BenchPlan, stack: ExitStack) -> None:
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


def _fresh_copy(run: Run, contestant: str) -> tuple[Image, ...]:
    nonce, environment = _new_nonce(run, contestant), run.environment_of(contestant)
    return run.copies[contestant].write(nonce, engine=run.engine, environment=environment)


def _new_nonce(run: Run, name: str) -> str:
    """Another text for a contestant, or for the naive build of a service."""
    # It begins as the mark does, so that one text tells everything in the cache that is this benchmark's.
    run.nonces[name] = run.mark.removeprefix(MARK) + uuid.uuid4().hex[:8]
    return run.nonces[name]


def _drop_superseded(run: Run, nonce: str) -> None:
    """
    Every naive edit and every cold build takes gigabytes; nobody comes back to them. What has a tag stays; of several
    stages only the last has one, and the next edit comes back to the others.
    """
    run.engine.remove_labelled(PROJECT_LABEL, run.mark, untagged_only=True)
    run.engine.drop_cache(f"{MARK}{nonce}")


def warm_up(run: Run, what: BenchPlan) -> None:
    """Everything built, and one edit of each service, so that nobody's first time is measured."""
    for name in what.plan.contestants:
        services = what.naive if name == NAIVE else ("",) if len(run.copies) > 1 else what.services
        for service in services:
            run.watcher.doing(f"warm-up: {service or 'everything'}, {name}")
            job = Job("cold", service, ())
            _until_downloaded(run, partial(_execute, run, name, _commands(run, job, name)))
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


def measure(run: Run, job: Job, contestant: str) -> None:
    about = f"{_SAID[job.kind]} {job.service or 'everything'}, {contestant}"
    run.watcher.doing(about)
    since, wall_s = _until_downloaded(run, lambda: _time(run, job, contestant))
    ran = _steps_since(run, since)
    if job.kind != "noop" and not ran:
        raise BenchError(
            f"{about}: the build ran no step, so nothing was measured",
            hint="Does the file that was edited reach the image? Name another one: probe-source of the service.",
        )
    run.times.setdefault((job, contestant), []).append(wall_s)
    run.ran.setdefault((job, contestant), []).append(ran)
    run.watcher.measured(about, wall_s, ran)


def _time(run: Run, job: Job, contestant: str) -> tuple[float, float]:
    """Prepare a build that nobody has made, make it, and return when it began and how many seconds it took."""
    before = run.nonces[job.service if contestant == NAIVE else contestant]
    if job.kind == "cold":
        if contestant == NAIVE:
            run.naive[job.service].write(_new_nonce(run, job.service))
        else:
            run.images[contestant] = _fresh_copy(run, contestant)
    if job.edited:
        _edit(run, job.kind, job.service, contestant)
    commands = _commands(run, job, contestant)
    os.sync()  # what the build before still has to write is not this one's to wait for
    since, started = time.time(), run.clock()
    _execute(run, contestant, commands)
    wall_s = run.clock() - started
    if job.kind == "cold" or (contestant == NAIVE and job.edited and run.naive[job.service].is_single_stage):
        _drop_superseded(run, before)
    return since, wall_s


def _until_downloaded(run: Run, build: Callable[[], T]) -> T:
    for _ in range(_ATTEMPTS - 1):
        try:
            return build()
        except _DownloadError:
            run.watcher.doing("a download failed: the same again")
    return build()


_SAID = {"cold": "cold build of", "noop": "no-op of", "edit": "code edit of", "manifest": "manifest edit of"}


def _commands(run: Run, job: Job, contestant: str) -> tuple[Command, ...]:
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


def _execute(run: Run, contestant: str, commands: Sequence[Command]) -> None:
    copy = run.copies.get(contestant) or run.copies[OURS]
    environment = run.environment_of(contestant if contestant in run.copies else OURS)
    for command in commands:
        done = run.engine.run(command, cwd=copy.root, environment=environment)
        if done.returncode != 0:
            run.engine.info()  # an engine that went away is no failed build
            tail = "\n".join(f"  | {line}" for line in _what_failed(done.said))
            error = _DownloadError if has_failed_download(done.said) else BuildError
            raise error(
                f"{contestant}: `{' '.join(command[:4])} ...` ended with {done.returncode}\n{tail}",
                hint="A contestant that fails is no number: mend that build, or leave it out (--only, --part).",
            )


def _what_failed(said: Sequence[str]) -> Sequence[str]:
    """What the step that failed printed and where it stands, which docker repeats for each target; else the end."""
    start = next((at for at, line in enumerate(said) if line.startswith("------")), -_SHOWN_LINES)
    return said[start:][:_SHOWN_LINES]


def _edit(run: Run, kind: str, service: str, contestant: str) -> None:
    editable = run.editables[kind, service]
    if contestant == NAIVE:
        editable.apply_to_naive(run.naive[service].folder, run.naive[service].source)
    else:
        editable.apply(run.copies[contestant].workspace.at(editable.path))


def _steps_since(run: Run, since: float) -> int:
    """How many steps the builds since then have run, as the builder's own history has it."""
    images = [image for images in run.images.values() for image in images]
    folders = {image.context.name for image in images} | {naive.folder.name for naive in run.naive.values()}
    vertices: set[str] = set()
    for past in run.engine.history(folders, graph.dockerfile_names(images)):
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


def sizes_of(run: Run, what: BenchPlan) -> tuple[Size, ...]:
    local = run.engine.images()
    ours = {image.service: image.tag for image in run.images.get(OURS, ())}
    tags = [(name, OURS, ours[name]) for name in what.services]
    tags += [(name, NAIVE, run.naive[name].tag) for name in what.naive]
    return tuple(Size(name, who, local[tag].size_bytes) for name, who, tag in tags if tag in local)
