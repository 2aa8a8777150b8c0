"""Run the probes of the cache contract on the real engine: edit a copy, build it, compare, put it back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from layerproof import graph
from layerproof.builds import Build, BuiltImage
from layerproof.engine import Engine, StopBuild
from layerproof.errors import UsageError
from layerproof.evidence import secret_values
from layerproof.kept import keep
from layerproof.model import Image, Project, ProofReport, Step, StepState, Verdict
from layerproof.progress import BuildLog
from layerproof.prove.judge import Complaint, judge
from layerproof.prove.observe import Observation, find_executed, observe
from layerproof.prove.plan import PROBES, budget_s, plan_probe
from layerproof.prove.subject import Subject, load_subjects
from layerproof.prove.trial import Skip, Trial
from layerproof.prove.watcher import WARM_UP, ProofWatcher
from layerproof.report.document import proof_document
from layerproof.secret_names import without_secrets
from layerproof.workflow.build import uses_stand_ins
from layerproof.workflow.evidence import Gatherer
from layerproof.workflow.history import records_folder, remember
from layerproof.workflow.load import check_names, configuration
from layerproof.workflow.workspace import Workspace, make_workspace

Clock = Callable[[], float]
# Another build at the same time, which can take events away, is common on a shared builder.
ATTEMPTS = 4


class _Run(Struct, frozen=True):
    """What every build of one proof needs."""

    engine: Engine
    clock: Clock
    watcher: ProofWatcher
    workspace: Workspace
    full: bool
    # The steps of each image as the tree was found, before any edit.
    warm: dict[str, tuple[Step, ...]] = field(default_factory=dict)


def prove(
    project: Project,
    *,
    engine: Engine,
    names: Collection[str] = (),
    probes: Collection[str] = (),
    full: bool = False,
    clock: Clock = time.monotonic,
    watcher: ProofWatcher | None = None,
) -> ProofReport:
    """
    Prove the cache contract for services. Nothing is tagged, and the working tree is not touched.

    Args:
        names: the images of these services; none means every one.
        probes: which probes; none means all, in the order of the contract.
        full: let installs and bases run to their end, and build each of these edits again, which has to run nothing.

    Raises:
        UsageError: an unknown probe, a base instead of a service, or no service that is built.
        ProofError: the copy cannot be made.
        NoEngineError: the engine does not answer, or went away.
    """
    started = clock()
    check_names(probes, PROBES, kind="probe")
    chosen = [probe for probe in PROBES if not probes or probe in probes]
    images = _services(project, names)
    wanted = graph.with_parents(project.images, [image.name for image in images])
    builder, began = engine.current_builder(), time.time()
    gatherer = Gatherer(project)
    config = configuration(project)
    lab = uses_stand_ins(wanted, engine.images())
    watcher = watcher or ProofWatcher()
    verdicts: list[Verdict] = []
    with make_workspace(project, project.images) as workspace:
        run = _Run(engine, clock, watcher, workspace, full)
        evidence = gatherer.gather(wanted, engine.images())[0]
        gatherer.save()
        watcher.started([image.name for image in images], chosen)
        try:
            for subject in load_subjects(images, project=project, config=config, files_of=workspace.files_of):
                for verdict in _prove_image(run, subject, chosen):
                    verdicts.append(verdict)
                    watcher.judged(verdict)
        finally:
            watcher.finished()
    warm = {name: BuiltImage("built", steps=steps) for name, steps in run.warm.items()}
    remember(project, Build(began, builder, "proof", clock() - started, warm), evidence)
    return ProofReport(tuple(verdicts), clock() - started, lab)


def keep_proof(project: Project, report: ProofReport, *, clock: Clock = time.time) -> tuple[str, ...]:
    """
    Keep what a proof found for the report; the verdicts of other services and probes stay.

    Returns:
        A warning where it cannot be kept.
    """
    hidden = frozenset[str]().union(*(secret_values(image) for image in project.images))
    document = proof_document(report)
    for row in document["verdicts"]:
        # BuildKit shows the text of a step with the values of all variables.
        del row["ran"], row["cached"]
        row.update({name: without_secrets(row[name], hidden) for name in ("reason", "hint")})
    return keep(records_folder(project), "proof", document, rows="verdicts", by=("image", "probe"), at=clock())


def _services(project: Project, names: Collection[str]) -> list[Image]:
    """The named services' images, or all of them."""
    images = [image for image in project.images if image.service and (not names or image.name in names)]
    if len(images) < len(set(names)):
        raise UsageError("probes are made on services, not on bases", hint="inv graph shows which is which.")
    if not images:
        raise UsageError("no service has a `build`: there is nothing to prove", hint="Check the compose file.")
    return images


def _prove_image(run: _Run, subject: Subject, probes: Sequence[str]) -> Iterator[Verdict]:
    name = subject.image.name
    run.watcher.probing(name, WARM_UP)
    warm = _build(run, subject, Trial("nothing was edited"))
    for _ in range(ATTEMPTS - 1):
        if warm.whole:
            break
        warm = _build(run, subject, Trial("nothing was edited"))
    if not warm.failure:
        run.warm[name] = warm.steps
        for parent in subject.parents:
            run.warm[parent.name] = tuple(step for step in warm.base_steps if step.target == parent.name)
    for probe in probes:
        if warm.failure:
            hint = f"Build it by itself: inv build --service {subject.image.service}"
            yield Verdict(name, probe, "failed", f"before any edit, {warm.failure}", hint, wall_s=warm.wall_s)
        else:
            run.watcher.probing(name, probe)
            yield _prove_probe(run, subject, probe)


def _prove_probe(run: _Run, subject: Subject, probe: str) -> Verdict:
    """
    Make a probe; again, with other edits, where a build at the same time has taken events away, and once where it was
    only too slow or a step ran that nothing explains: what takes too long takes too long twice, and a record that was
    gone from the cache, or that a cache elsewhere had not brought along, is there the second time.
    """
    budget, was_doubtful = budget_s(subject, probe), False
    for _ in range(ATTEMPTS):
        plan = plan_probe(subject, probe, full=run.full)
        if isinstance(plan, Skip):
            return Verdict(subject.image.name, probe, plan.outcome, plan.reason, plan.hint)
        seen, complaint = _run_trials(run, subject, plan, again=run.full and probe in ("manifest", "base"))
        verdict = _verdict(subject, probe, plan, seen, complaint)
        is_slow = complaint is None and budget is not None and verdict.wall_s > budget
        is_doubtful = is_slow or (complaint is not None and complaint.is_unexplained)
        if seen[-1].whole and (was_doubtful or not is_doubtful):
            break
        was_doubtful = is_doubtful
    return verdict


def _run_trials(
    run: _Run, subject: Subject, trials: Sequence[Trial], *, again: bool
) -> tuple[list[Observation], Complaint | None]:
    """Build the trials in turn, up to the first that does not hold; `again` builds each result a second time."""
    seen: list[Observation] = []
    for trial in trials:
        repeated = [_repeated(trial)] if again and not trial.stop else []
        for item in (trial, *repeated):
            seen.append(_build(run, subject, item))
            complaint = judge(subject, item, seen[-1])
            if complaint is not None:
                return seen, complaint
    return seen, None


def _verdict(
    subject: Subject, probe: str, trials: Sequence[Trial], seen: Sequence[Observation], complaint: Complaint | None
) -> Verdict:
    wall_s, budget = sum(item.wall_s for item in seen), budget_s(subject, probe)
    if complaint is None and budget is not None and wall_s > budget:
        complaint = Complaint(
            f"{trials[0].said}: the build took {wall_s:.1f} s, over the budget of {budget:g} s",
            "Look at its longest steps: inv build. Or set rebuild-budget-s for the service.",
        )
    ran = tuple(step for item in seen for step in (*item.bases_ran, *item.ran))
    last = seen[-1]
    return Verdict(
        image=subject.image.name,
        probe=probe,
        outcome="failed" if complaint else "held",
        reason=complaint.reason if complaint else "; ".join(trial.said for trial in trials),
        hint=complaint.hint if complaint else "",
        ran=ran,
        cached=tuple(step for step in (*last.base_steps, *last.steps) if step.state is StepState.CACHED),
        wall_s=wall_s,
        steps_s=sum(step.duration_s for step in ran),
        budget_s=budget,
    )


def _repeated(trial: Trial) -> Trial:
    """The same tree built once more: all of it has to come from the cache."""
    said = f"{trial.said} and built; built again"
    return replace(trial, said=said, must_run=frozenset(), may_run="nothing", marker="", reaches_service=False)


def _build(run: _Run, subject: Subject, trial: Trial) -> Observation:
    log = BuildLog()

    def on_line(line: str) -> None:
        log.feed(line)
        run.watcher.line(log)
        if trial.stop and _has_started(log, subject, trial):
            raise StopBuild

    images = [run.workspace.moved(as_in(trial, image)) for image in subject.images]
    definition = graph.proof_definition(images)
    with run.workspace.edited(trial.edits):
        started = run.clock()
        done = run.engine.bake(definition, targets=[subject.image.name], on_line=on_line)
        wall_s = run.clock() - started
    if done.returncode != 0:
        run.engine.info()  # an engine that went away is no verdict
    return observe(
        subject if trial.changed is None else subject.with_parent(trial.changed),
        log,
        returncode=done.returncode,
        stopped=done.stopped,
        metadata=done.metadata,
        wall_s=wall_s,
        marker=trial.marker,
    )


def as_in(trial: Trial, image: Image) -> Image:
    """An image as a trial builds it: with another Dockerfile, or other values of arguments that it declares."""
    if trial.changed is not None and trial.changed.name == image.name:
        image = trial.changed
    arguments = {name: value for name, value in trial.arguments.items() if name in image.dockerfile.declared_args}
    return replace(image, args={**image.args, **arguments}) if arguments else image


def _has_started(log: BuildLog, subject: Subject, trial: Trial) -> bool:
    """Whether what has to run does: then the rest of the build proves nothing more."""
    if trial.marker:
        seen = any(trial.marker in item.name and item.started and not item.cached for item in log.vertices.values())
        return seen and (not trial.reaches_service or any(find_executed(log, subject)))
    return not trial.must_run.isdisjoint(find_executed(log, subject))
