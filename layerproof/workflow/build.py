"""Plan what is stale, build it in one bake run, and remember what came out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerproof import context, graph, progress, records
from layerproof.engine import Engine, ImageInfo
from layerproof.errors import BuildError
from layerproof.flow import load_flow
from layerproof.model import BuildReport, Image, ImageResult, Project, Step
from layerproof.references import normalize_reference
from layerproof.workflow.load import STATE_FOLDER

LAB_LABEL = "dev.layerproof.lab"
PROJECT_LABEL = "dev.layerproof.project"

Clock = Callable[[], float]
_NO_UPSTREAM = (
    "The upstream image is neither here nor to be had from its registry. Where no registry can be reached: inv lab."
)


@dataclass(frozen=True)
class BuildPlan:
    """What a build would do: the images wanted, in build order, and which are stale. Fingerprints are by name."""

    wanted: tuple[Image, ...]
    stale: tuple[str, ...]
    fingerprints: Mapping[str, str]
    warnings: tuple[str, ...]


def plan_build(project: Project, *, engine: Engine, names: Collection[str], force: bool = False) -> BuildPlan:
    """
    Find out which of the named images, and of the images they need, are stale: never built, changed, or gone.

    Raises:
        ConfigError: a build context cannot be read.
    """
    local = engine.images()
    wanted = graph.with_parents(project.images, names)
    fingerprints, warnings = fingerprint_images(project, wanted, local)
    folder = records_folder(project)
    stale = []
    for image in wanted:
        record, warning = records.load_record(folder, image.tag)
        warnings += [warning] if warning else []
        there = local.get(image.tag)
        fresh = (
            record is not None
            and there is not None
            and record.fingerprint == fingerprints[image.name]
            and record.image_id == there.id
        )
        if not fresh or (force and image.name in names):
            stale.append(image.name)
    return BuildPlan(wanted, tuple(stale), fingerprints, tuple(warnings))


def fingerprint_images(
    project: Project, images: Sequence[Image], local: Mapping[str, ImageInfo]
) -> tuple[dict[str, str], list[str]]:
    """
    What goes into each of these images, as a digest by name.

    Args:
        images: in build order and complete: every parent is among them.

    Returns:
        The fingerprints, and a warning for each context that layerproof's own state would reach.
    """
    contexts: dict[tuple[Path, Path | None], tuple[context.ContextFile, ...]] = {}
    fingerprints: dict[str, str] = {}
    warnings = []
    for image in images:
        key = (image.context, context.ignore_file_of(image.dockerfile.path, image.context))
        if key not in contexts:
            found = context.load_context(image.context, dockerfile=image.dockerfile.path)
            own = f"{os.path.relpath(project.root / STATE_FOLDER, image.context)}/"
            contexts[key] = tuple(file for file in found if not file.path.startswith(own))
            if len(contexts[key]) < len(found):
                warnings.append(f"{own} reaches the build context of {image.name}: add it to the ignore file")
        fingerprints[image.name] = records.fingerprint(
            image,
            files=contexts[key],
            parents={name: fingerprints[name] for name in image.parents},
            named={name: _named_files(value) for name, value in image.contexts.items()},
            upstream_ids={
                name: local[tag].id for name in image.upstreams if (tag := normalize_reference(name)) in local
            },
        )
    return fingerprints, warnings


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
    Build the stale ones of the named images and of the images they need, in one bake run.

    Args:
        no_cache: build the named images whatever their state, and run each of their steps; their bases are not forced.

    Raises:
        BuildError: the build failed; nothing of it was recorded, and the tag of what failed was not moved.
    """
    started = clock()
    plan = plan_build(project, engine=engine, names=names, force=no_cache)
    watcher = watcher or progress.BuildWatcher()
    built: dict[str, ImageResult] = {}
    if plan.stale:
        watcher.started([image.name for image in plan.wanted], stale=plan.stale, owner=graph.step_owner(plan.wanted))
        try:
            built = _bake(project, plan, engine=engine, watcher=watcher, uncached=names if no_cache else ())
        finally:
            watcher.finished()
    local = engine.images()
    results = tuple(_with_image(built.get(image.name), image, local.get(image.tag)) for image in plan.wanted)
    warnings = plan.warnings + (_remember(project, plan, results, local) if built else ())
    return BuildReport(results, clock() - started, uses_stand_ins(plan.wanted, local), warnings)


def records_folder(project: Project) -> Path:
    """Where the build records of a project are; each profile has its own."""
    return project.root / STATE_FOLDER / "records" / (project.profile or "default")


def uses_stand_ins(images: Collection[Image], local: Mapping[str, ImageInfo]) -> bool:
    """Whether any of the images stands on a stand-in of the lab."""
    upstreams = {normalize_reference(name) for image in images for name in image.upstreams}
    return any(is_stand_in(tag, local.get(tag)) for tag in upstreams)


def is_stand_in(tag: str, info: ImageInfo | None) -> bool:
    """Whether the lab made this tag: images built on a stand-in inherit its label, so the label has to name the tag."""
    return info is not None and info.labels.get(LAB_LABEL) == tag


def _bake(
    project: Project, plan: BuildPlan, *, engine: Engine, watcher: progress.BuildWatcher, uncached: Collection[str]
) -> dict[str, ImageResult]:
    log = progress.BuildLog()

    def on_line(line: str) -> None:
        log.feed(line)
        watcher.line(log)

    definition = graph.bake_definition(plan.wanted, labels={PROJECT_LABEL: project.name})
    for name in uncached:
        definition["target"][name]["no-cache"] = True
    done = engine.bake(definition, targets=plan.stale, on_line=on_line)
    if done.returncode != 0 or progress.failed_vertices(log):
        raise _build_error(plan, log, done.returncode)
    if not log.vertices:
        raise BuildError("the build ended well but reported no step at all", hint="Check `docker buildx version`.")
    texts = {image.name: image.dockerfile.text for image in plan.wanted if image.name in plan.stale}
    steps = progress.steps_by_image(log, metadata=done.metadata, dockerfiles=texts)
    return {
        name: ImageResult(name, "built", progress.span_s(log, name, steps[name]), steps[name], None, None)
        for name in plan.stale
    }


def _remember(
    project: Project, plan: BuildPlan, results: Sequence[ImageResult], local: Mapping[str, ImageInfo]
) -> tuple[str, ...]:
    """
    Write the records of what was built. A file that was saved while the build ran may be in the image or not, so what
    has another fingerprint by now is not recorded; a record that cannot be written is a warning, the build is good.
    """
    now, _ = fingerprint_images(project, plan.wanted, local)
    try:
        for image, result in zip(plan.wanted, results, strict=True):
            if result.action == "built" and result.id and now[image.name] == plan.fingerprints[image.name]:
                record = records.Record(image.tag, plan.fingerprints[image.name], result.id)
                records.save_record(records_folder(project), record)
    except OSError as error:
        return (f"the build record cannot be kept, so the next build asks the engine again: {error}",)
    return ()


def _named_files(value: str) -> tuple[context.ContextFile, ...]:
    """The files of a named context that is a folder here; none for images, targets and addresses."""
    folder = Path(value)
    return context.load_context(folder, dockerfile=folder / "Dockerfile") if folder.is_dir() else ()


def _with_image(result: ImageResult | None, image: Image, info: ImageInfo | None) -> ImageResult:
    size, identifier = (info.size_bytes, info.id) if info else (None, None)
    if result is None:
        return ImageResult(image.name, "unchanged", 0.0, (), size, identifier)
    return ImageResult(result.image, result.action, result.wall_s, result.steps, size, identifier)


def _build_error(plan: BuildPlan, log: progress.BuildLog, returncode: int) -> BuildError:
    """Name the step that failed, where it stands, and the last lines it printed."""
    failed = progress.failed_vertices(log)
    if not failed:
        words = "\n".join(log.noise[-12:]) or f"docker buildx bake ended with code {returncode}"
        return BuildError(f"the build failed: {words}", hint="Mend that and run the build again.")
    vertex = failed[0]
    step = progress.step_of(vertex, only_target=plan.stale[0] if len(plan.stale) == 1 else "")
    tail = "\n".join(f"  | {line}" for line in vertex.log if line.strip())
    if "failed to resolve source metadata" in vertex.error:
        return BuildError(f"{vertex.name}: {vertex.error.splitlines()[0]}", hint=_NO_UPSTREAM)
    where = _where(plan, step) if step else ""
    reason = vertex.error.splitlines()[0]
    return BuildError(
        f"{where}{vertex.name}: {reason}" + (f"\n{tail}" if tail else ""),
        hint=f"Mend that step and run the build again: the steps before it are cached.{_done_before(plan, log)}",
    )


def _done_before(plan: BuildPlan, log: progress.BuildLog) -> str:
    """Which images were finished before another one failed; each target of a bake run is exported when it is ready."""
    done = [name for name in plan.stale if progress.is_exported(log, name)]
    return f" Built before it failed: {', '.join(done)}." if done else " No tag was moved."


def _where(plan: BuildPlan, step: Step) -> str:
    """`path:line: ` of a step that BuildKit only numbers; "" where no Dockerfile has it."""
    name = graph.step_owner(plan.wanted)(step)
    image = next((image for image in plan.wanted if image.name == name), None)
    line = load_flow(image).line_of(step) if image else None
    return f"{image.dockerfile.path}:{line}: " if image and line else ""
