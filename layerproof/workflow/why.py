"""Find out why the steps of a build ran, and which ones the next build will run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from msgspec import Struct

from layerproof.builds import Build, BuiltImage, load_builds, load_evidence
from layerproof.engine import Engine
from layerproof.errors import UsageError
from layerproof.evidence import Evidence
from layerproof.explain import Past, explain
from layerproof.flow import load_flow
from layerproof.ingredients import Known, Trace, trace
from layerproof.kinds import load_kinds
from layerproof.model import BuildReport, Explanation, Project, Step, StepCause, StepState
from layerproof.settings import ServiceConfig
from layerproof.workflow.build import plan_build
from layerproof.workflow.history import IN_CACHE, clock_time, line_of, records_folder
from layerproof.workflow.load import configuration

RAN = (StepState.RAN, StepState.STARTED, StepState.FAILED)
Warn = Callable[[str], None]


class Held(Struct, frozen=True):
    """One image in one build on record, with what went into it."""

    name: str
    build: Build
    image: BuiltImage

    @property
    def evidence(self) -> str:
        return self.image.evidence


class History:
    """The builds on record, read only as far back as they are asked for."""

    def __init__(self, project: Project, warn: Warn) -> None:
        self._folder = records_folder(project)
        self._read = load_builds(self._folder, damaged=warn)
        self._builds: list[Build] = []
        self._evidence: dict[str, Evidence | None] = {}
        self._traces: dict[frozenset[tuple[str, str]], dict[str, Trace]] = {}
        self._warn = warn

    def builds(self) -> Iterator[Build]:
        """The newest first."""
        at = 0
        while True:
            if at == len(self._builds):
                build = next(self._read, None)
                if build is None:
                    return
                self._builds.append(build)
            yield self._builds[at]
            at += 1

    def held(self, name: str, *, before: Build | None = None, until: Build | None = None) -> Held | None:
        """The newest build of an image that left evidence: of those before a build, or of it and those before it."""
        builds = self.builds()
        if before is not None:
            builds = (build for build in builds if build.started < before.started)
        if until is not None:
            builds = (build for build in builds if build.started <= until.started)
        for build in builds:
            image = build.images.get(name)
            if image is not None and image.evidence:
                return Held(name, build, image)
        return None

    def traces(self, name: str, *, until: Build) -> tuple[dict[str, Trace], dict[str, Held]]:
        """What an image, and each of those that it needed, was made of when it was last built, as a build found it."""
        evidence: dict[str, Evidence] = {}
        held: dict[str, Held] = {}

        def enter(image: str) -> None:
            found = self.held(image, until=until)
            known = self.evidence(found) if found else None
            if found is None or known is None or image in held:
                return
            held[image] = found
            for parent in known.image.parents:
                enter(parent)
            evidence[image] = known  # after its parents

        enter(name)
        made_of = frozenset((image, found.evidence) for image, found in held.items())
        if made_of not in self._traces:
            self._traces[made_of] = trace(evidence)
        return self._traces[made_of], held

    def evidence(self, held: Held) -> Evidence | None:
        """What went into an image; None, with a warning, where that is damaged or gone."""
        if held.evidence not in self._evidence:
            found = self._evidence[held.evidence] = load_evidence(self._folder, held.evidence)
            if found is None:
                self._warn(f"what went into {held.name} at {_said(held.build)} is damaged, or not on record any more")
        return self._evidence[held.evidence]


def why_last(project: Project, *, names: Collection[str] = (), warn: Warn = lambda _: None) -> tuple[Explanation, ...]:
    """
    Why the steps of the last build ran: each image's last build on record, compared with the one before it.

    Args:
        names: of these images; none means every image of the last build.
        warn: told about records that are damaged.

    Raises:
        UsageError: nothing has been built here yet.
    """
    history = History(project, warn)
    last = next((build for build in history.builds() if build.kind == "build"), None)
    if last is None:
        raise UsageError(
            "no build is on record here",
            hint="Run inv build. For builds that were made without it: inv why --history.",
        )
    order = [image.name for image in project.images]
    # An image of the last build that the project does not have any more comes last.
    chosen = sorted(names or last.images, key=lambda name: order.index(name) if name in order else len(order))
    return tuple(_why(history, name) for name in chosen)


def _why(history: History, name: str) -> Explanation:
    builds = (build for build in history.builds() if build.kind == "build" and name in build.images)
    build = next(builds, None)
    if build is None:
        return Explanation(name, "", "", (), note="it was not built since records are kept")
    return why_in(history, build, name)


def why_in(history: History, build: Build, name: str) -> Explanation:
    """Why the steps of one of its images ran in a build on record."""
    image, said = build.images[name], _said(build)
    ran = [step for step in image.steps if step.state in RAN]
    cached = sum(1 for step in image.steps if step.state is StepState.CACHED)
    if not ran:
        quiet = {"unchanged": "unchanged: nothing was built", "failed": "the build failed before any of its steps ran"}
        note = quiet.get(image.action, "every step came from the cache")
        return Explanation(name, said, "", (), cached, note)
    if not image.evidence:
        return Explanation(name, said, "", (), cached, "a file was saved while it was built: what went in is not known")
    now, _ = history.traces(name, until=build)
    if name not in now:
        return Explanation(name, said, "", (), cached, "what went into it is not on record any more")
    before = history.held(name, before=build)
    past = _past(history, before)
    lines = _lines(now[name], ran)
    not_run = {
        (other, step.line or 0)
        for other, item in build.images.items()
        for step in item.steps
        if step.state is StepState.CACHED
    }
    causes = explain(name, lines, now=now, past=past, builder=build.builder, forced=image.forced, cached=not_run)
    # What ONBUILD of an upstream image adds stands in no Dockerfile here.
    others = len({step.line for step in ran} - lines)
    notes = [f"{others} more ran that no line of its Dockerfile makes"] if others else []
    failed = [step for step in image.steps if step.state is StepState.FAILED]
    notes += [f"the build failed at line {step.line}" for step in failed[:1]]
    notes += ["the build failed"] if image.action == "failed" and not failed else []
    note = "; ".join(notes)
    return Explanation(name, said, _said(before.build) if before else "", causes, cached, note)


def _past(history: History, last: Held | None) -> Past | None:
    """What an image, and those that it needed, were when it was built."""
    if last is None:
        return None
    traces, held = history.traces(last.name, until=last.build)
    if last.name not in traces:
        return None
    done = {
        image: _lines(traces[image], [step for step in item.image.steps if step.state in IN_CACHE])
        for image, item in held.items()
        if item.image.action == "failed"
    }
    return Past(traces, done, last.build.builder)


def _lines(found: Trace, steps: Sequence[Step]) -> set[int]:
    lines = {line_of(found.flow, step) for step in steps}
    return {line for line in lines if line is not None and line in found.steps}


def why_installed_again(project: Project, report: BuildReport) -> tuple[StepCause, ...]:
    """
    Of each image of a build that ran a dependency step, the first of these steps with its cause; none for an image that
    was built for the first time.
    """
    history, config = History(project, lambda _: None), configuration(project)
    found = []
    for result in report.images:
        ran = [step for step in result.steps if step.state in RAN]
        if ran:
            installs = _installs(history, result.image, config.service(_service_of(project, result.image)))
            # To trace what went into every step takes longer than the rest.
            if any(step.line is None or step.line in installs for step in ran):
                causes = _why(history, result.image).causes
                found += [item for item in causes if item.line in installs and item.cause != "first"][:1]
    return tuple(found)


def _service_of(project: Project, name: str) -> str:
    return next((image.service for image in project.images if image.name == name), "")


def _installs(history: History, name: str, config: ServiceConfig) -> set[int]:
    """The lines of the steps of an image, as it was last built, that install."""
    held = history.held(name)
    evidence = history.evidence(held) if held else None
    if evidence is None:
        return set()
    files = {evidence.image.context: [file.path for file in evidence.files or ()]}
    kinds = load_kinds(load_flow(evidence.image), files=files, config=config)
    return set(kinds.installs)


def why_next(
    project: Project, *, engine: Engine, names: Collection[str] = (), builder: str = "", warn: Warn = lambda _: None
) -> tuple[Explanation, ...]:
    """
    Which steps the next build will run, and why, as far as the builds and proofs on record tell what is in the cache.

    Args:
        builder: the one that will build; "" counts what any builder has built.
    """
    names = names or [image.name for image in project.images]
    plan = plan_build(project, engine=engine, names=names)
    history = History(project, warn)
    known = _known(history, builder)
    for warning in plan.warnings:
        warn(warning)
    now = trace(plan.evidence)
    cached = known.held(now)
    found = []
    for image in plan.wanted:
        if image.name not in plan.stale:
            found.append(Explanation(image.name, "the tree", "", (), note="unchanged: nothing will be built"))
            continue
        held = history.held(image.name)
        sure, maybe = known.split(now[image.name])
        past = _past(history, held)
        causes = explain(image.name, {*sure, *maybe}, now=now, past=past, builder=builder, maybe=maybe, cached=cached)
        many = len(now[image.name].steps) - len(causes)
        before, note = _said(held.build) if held else "", "" if causes else "every step is in the cache, by the records"
        found.append(Explanation(image.name, "the tree", before, causes, many, note))
    return tuple(found)


def _known(history: History, builder: str) -> Known:
    """What the cache of a builder holds, as far as it is on record; "" counts what any builder has built."""
    known = Known()
    for build in history.builds():
        if not builder or build.builder == builder:
            for image in build.images.values():
                known.enter(image.keys)
    return known


def _said(build: Build) -> str:
    return f"the {build.kind} of {clock_time(build.started)}"
