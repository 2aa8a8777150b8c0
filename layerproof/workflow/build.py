"""Plan what is stale, build it in one bake run, and remember what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from layerproof import graph, progress, records
from layerproof.builds import Build, BuiltImage
from layerproof.cache_events import cache_troubles
from layerproof.engine import Engine, ImageInfo
from layerproof.errors import BuildError, ConfigError
from layerproof.evidence import Evidence, secret_values
from layerproof.flow import load_flow
from layerproof.model import BuildReport, Image, ImageResult, Phase, Project, Step
from layerproof.references import normalize_reference
from layerproof.secret_names import without_secrets
from layerproof.workflow.build_error import build_error
from layerproof.workflow.evidence import Gatherer, fingerprints_of
from layerproof.workflow.history import records_folder, remember, resolved

LAB_LABEL = "dev.layerproof.lab"
PROJECT_LABEL = "dev.layerproof.project"

Clock = Callable[[], float]


class BuildPlan(Struct, frozen=True):
    """
    What a build would do: the images wanted, in build order, and which are stale. `evidence`, what goes into each, and
    `fingerprints` are by name; `local` are the images that there were, of those wanted and of their upstreams.
    """

    wanted: tuple[Image, ...]
    stale: tuple[str, ...]
    evidence: Mapping[str, Evidence]
    fingerprints: Mapping[str, str]
    warnings: tuple[str, ...]
    local: Mapping[str, ImageInfo]


def plan_build(
    project: Project,
    *,
    engine: Engine,
    names: Collection[str],
    forced: Collection[str] = (),
    gatherer: Gatherer | None = None,
) -> BuildPlan:
    """
    Find out which of the named images, and of the images they need, are stale: never built, changed, or gone.

    Args:
        forced: count as stale whatever their state.

    Raises:
        ConfigError: a build context cannot be read.
    """
    wanted = graph.with_parents(project.images, names)
    local = _local(wanted, engine)
    gatherer = gatherer or Gatherer(project)
    evidence, warnings = gatherer.gather(wanted, local)
    gatherer.save()
    fingerprints = fingerprints_of(evidence)
    folder = records_folder(project)
    stale = []
    for image in wanted:
        record, warning = records.load_record(folder, image.tag)
        warnings += (warning,) if warning else ()
        there = local.get(image.tag)
        fresh = (
            record is not None
            and there is not None
            and record.fingerprint == fingerprints[image.name]
            and record.image_id == there.id
        )
        if not fresh or image.name in forced:
            stale.append(image.name)
    return BuildPlan(wanted, tuple(stale), evidence, fingerprints, warnings, local)


def _local(wanted: Collection[Image], engine: Engine) -> Mapping[str, ImageInfo]:
    """The images wanted and their upstreams, as far as they are here; all others would only cost time."""
    return engine.images(graph.local_tags(wanted))


def build(
    project: Project,
    *,
    engine: Engine,
    names: Collection[str],
    clock: Clock = time.monotonic,
    watcher: progress.BuildWatcher | None = None,
    no_cache: bool = False,
) -> BuildReport:
    """
    Build the stale ones of the named images and of the images they need, in one bake run; and those that are to leave
    their cache somewhere, stale or not.

    Args:
        no_cache: build the named images whatever their state, and run each of their steps; their bases are not forced.

    Raises:
        BuildError: the build failed; nothing of it was recorded, and the tag of what failed was not moved.
    """
    started, began = clock(), time.time()
    gatherer = Gatherer(project)
    exports = {image.name for image in graph.with_parents(project.images, names) if image.options.get("cache-to")}
    forced = {*(names if no_cache else ()), *exports}
    plan = plan_build(project, engine=engine, names=names, forced=forced, gatherer=gatherer)
    if not plan.stale:
        results = _results(plan, _Outcome({}, {}), plan.local)
        return BuildReport(results, clock() - started, uses_stand_ins(plan.wanted, plan.local), plan.warnings)
    watcher = watcher or progress.BuildWatcher()
    watcher.started([image.name for image in plan.wanted], stale=plan.stale, owner=graph.step_owner(plan.wanted))
    uncached = names if no_cache else ()
    try:
        outcome = _bake(project, plan, engine=engine, watcher=watcher, uncached=uncached)
    finally:
        watcher.finished()
    local = _local_after(plan, outcome, engine)
    results = _results(plan, outcome, local)
    wall_s = clock() - started
    fresh = _fingerprints_now(gatherer, plan, local)
    settled = {
        name: replace(item, upstreams={**resolved(outcome.provenance(name), item.image.upstreams), **item.upstreams})
        for name, item in plan.evidence.items()
        if fresh.get(name) == plan.fingerprints[name]
    }
    images = _fit_to_keep(plan, outcome, results, forced=uncached)
    builder = progress.builder_of(outcome.metadata) or engine.current_builder()
    made = Build(began, builder, "build", wall_s, images, outcome.phases)
    warnings = remember(project, made, settled)
    if outcome.error:
        raise outcome.error
    warnings = (*plan.warnings, *outcome.warnings, *warnings, *_keep_records(project, plan, results, settled))
    lab = uses_stand_ins(plan.wanted, local)
    return BuildReport(results, wall_s, lab, warnings, phases=outcome.phases)


def _local_after(plan: BuildPlan, outcome: _Outcome, engine: Engine) -> Mapping[str, ImageInfo]:
    """The local images after the build; asked for again where docker answered before it had loaded the last of them."""
    local = _local(plan.wanted, engine)
    return _local(plan.wanted, engine) if outcome.asked_early and not _are_built(plan, outcome, local) else local


def _are_built(plan: BuildPlan, outcome: _Outcome, local: Mapping[str, ImageInfo]) -> bool:
    """Whether the local images are those that the build made, by its metadata; False where nothing tells."""
    for image in (image for image in plan.wanted if image.name in plan.stale):
        found, made = local.get(image.tag), outcome.metadata.get(image.name) or {}
        ids = [made.get(key) for key in ("containerimage.config.digest", "containerimage.digest")]
        if found is None or found.id not in ids:
            return False
    return True


def uses_stand_ins(images: Collection[Image], local: Mapping[str, ImageInfo]) -> bool:
    """Whether any of the images stands on a stand-in of the lab."""
    upstreams = {normalize_reference(name) for image in images for name in image.upstreams}
    return any(is_stand_in(tag, local.get(tag)) for tag in upstreams)


def is_stand_in(tag: str, info: ImageInfo | None) -> bool:
    """Whether the lab made this tag: images built on a stand-in inherit its label, so the label has to name the tag."""
    return info is not None and info.labels.get(LAB_LABEL) == tag


def _fit_to_keep(
    plan: BuildPlan, outcome: _Outcome, results: Sequence[ImageResult], *, forced: Collection[str]
) -> dict[str, BuiltImage]:
    """What is remembered of each image; what a step printed may have secrets in it."""
    hidden = frozenset[str]().union(*(secret_values(image) for image in plan.wanted))

    def masked(step: Step) -> Step:
        return replace(step, log=tuple(without_secrets(line, hidden) for line in step.log))

    return {
        result.image: BuiltImage(
            action="failed" if outcome.error and result.action == "built" else result.action,
            forced=result.image in forced,
            wall_s=result.wall_s,
            size_bytes=result.size_bytes,
            id=result.id,
            steps=tuple(map(masked, outcome.steps[result.image])),
        )
        for result in results
    }


def _fingerprints_now(gatherer: Gatherer, plan: BuildPlan, local: Mapping[str, ImageInfo]) -> dict[str, str]:
    """A file that was saved while the build ran may be in the image or not; one that cannot be read now counts so."""
    try:
        return fingerprints_of(gatherer.gather(plan.wanted, local)[0])
    except ConfigError:
        return {}


class _Outcome(Struct, frozen=True):
    """
    How one bake run ended: the steps of every image wanted, and how long each took that was built. `asked_early` says
    that the local images were asked for before it ended.
    """

    steps: Mapping[str, tuple[Step, ...]]
    wall_s: Mapping[str, float]
    phases: tuple[Phase, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    error: BuildError | None = None
    warnings: tuple[str, ...] = ()
    asked_early: bool = False

    def provenance(self, name: str) -> Mapping[str, Any]:
        """That of one image; {} after a build that failed."""
        return (self.metadata.get(name) or {}).get("buildx.build.provenance") or {}


def _bake(
    project: Project, plan: BuildPlan, *, engine: Engine, watcher: progress.BuildWatcher, uncached: Collection[str]
) -> _Outcome:
    log, asked_early = progress.BuildLog(), False

    def on_line(line: str) -> None:
        nonlocal asked_early
        log.feed(line)
        if not asked_early and all(progress.is_exported(log, name) for name in plan.stale):
            asked_early = True
            engine.ask_images(graph.local_tags(plan.wanted))
        watcher.line(log)

    definition = graph.bake_definition(plan.wanted, labels={PROJECT_LABEL: project.name})
    for name in uncached:
        definition["target"][name]["no-cache"] = True
    done = engine.bake(definition, targets=plan.stale, on_line=on_line)
    phases = progress.phases_of(log, only_target=plan.stale[0] if len(plan.stale) == 1 else "")
    if done.returncode != 0 or progress.failed_vertices(log, ended_well=True):
        steps = _steps_by_name(plan, log)
        spans = {name: progress.span_s(log, name, steps[name]) for name in plan.stale}
        error = build_error(plan.wanted, plan.stale, log, done.returncode)
        return _Outcome(steps, spans, phases, error=error, asked_early=asked_early)
    if not log.vertices:
        raise BuildError("the build ended well but reported no step at all", hint="Check `docker buildx version`.")
    texts = {image.name: image.dockerfile.text for image in plan.wanted}
    metadata = _metadata(plan, done.metadata)
    steps = progress.steps_by_image(log, metadata=metadata, dockerfiles=texts)
    spans = {name: progress.span_s(log, name, steps[name]) for name in plan.stale}
    warnings = cache_troubles(log.vertices.values())
    return _Outcome(steps, spans, phases, metadata, warnings=warnings, asked_early=asked_early)


def _metadata(plan: BuildPlan, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """The provenance of an image that was not asked for is in that of those built on it."""
    known = dict(metadata)
    for image in reversed(plan.wanted):
        for parent in image.parents:
            if parent not in known and image.name in known:
                known[parent] = known[image.name]
    return known


def _steps_by_name(plan: BuildPlan, log: progress.BuildLog) -> dict[str, tuple[Step, ...]]:
    """The steps of a build that failed, which leaves no provenance, as far as their names tell whose they are."""
    owner, flows = graph.step_owner(plan.wanted), {image.name: load_flow(image) for image in plan.wanted}
    found: dict[str, list[Step]] = {image.name: [] for image in plan.wanted}
    only = plan.stale[0] if len(plan.stale) == 1 else ""
    for vertex in log.vertices.values():
        step = progress.step_of(vertex, only_target=only)
        if step is None or progress.is_from(step):
            continue
        name = owner(step)
        line = flows[name].line_of(step) if name in flows else None
        if line is not None:
            found[name].append(replace(step, target=name, line=line))
    return {name: tuple(sorted(steps, key=lambda step: step.line or 0)) for name, steps in found.items()}


def _results(plan: BuildPlan, outcome: _Outcome, local: Mapping[str, ImageInfo]) -> tuple[ImageResult, ...]:
    results = []
    for image in plan.wanted:
        info = local.get(image.tag)
        size, identifier = (info.size_bytes, info.id) if info else (None, None)
        if image.name in plan.stale:
            wall_s, steps = outcome.wall_s[image.name], outcome.steps[image.name]
            results.append(ImageResult(image.name, "built", wall_s, steps, size, identifier))
        else:
            results.append(ImageResult(image.name, "unchanged", 0.0, (), size, identifier))
    return tuple(results)


def _keep_records(
    project: Project, plan: BuildPlan, results: Sequence[ImageResult], settled: Collection[str]
) -> tuple[str, ...]:
    """Write down which images are fresh now; a record that cannot be written is a warning, the build is good."""
    try:
        for image, result in zip(plan.wanted, results, strict=True):
            if result.action == "built" and result.id and image.name in settled:
                record = records.Record(image.tag, plan.fingerprints[image.name], result.id)
                records.save_record(records_folder(project), record)
    except OSError as error:
        return (f"the build record cannot be kept, so the next build asks the engine again: {error}",)
    return ()
