"""Explain builds that were made without layerproof, from what BuildKit remembers of them."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from layerproof import graph
from layerproof.dockerfile import external_references, parse_dockerfile
from layerproof.engine import Engine, PastBuild
from layerproof.errors import ConfigError, UsageError
from layerproof.evidence import Evidence, masked
from layerproof.explain import Past, explain
from layerproof.ingredients import trace
from layerproof.model import Explanation, Image, Project, Step, StepState
from layerproof.progress import is_from, parse_log, step_of, steps_by_image
from layerproof.workflow.history import IN_CACHE, clock_time, line_of, resolved

_RAN = (StepState.RAN, StepState.FAILED, StepState.STARTED)
_BUILD_ARG = "build-arg:"


class _Seen(Struct, frozen=True):
    """What the history tells of one build."""

    when: str
    evidence: Evidence
    steps: tuple[Step, ...]
    forced: bool


def why_history(project: Project, *, engine: Engine, names: Collection[str] = ()) -> tuple[Explanation, ...]:
    """
    Why the steps of each image's last build ran, by BuildKit's own history. It knows Dockerfiles, arguments and base
    images, but not the files of a context: where those decide, the cause is `unknown` and says so.

    Raises:
        UsageError: the history has no build of these images.
    """
    images = [image for image in project.images if not names or image.name in names]
    builds: dict[str, list[PastBuild]] = {image.name: [] for image in images}
    for build in engine.history({image.context.name for image in images}, graph.dockerfile_names(images)):
        for image in images:
            if len(builds[image.name]) < 2 and _is_of(build, image, project):
                builds[image.name].append(build)
        if all(len(found) == 2 for found in builds.values()):
            break
    found = [_explain(image, builds[image.name], engine) for image in images if builds[image.name]]
    if not found:
        raise UsageError(
            "BuildKit's history has no build of these images",
            hint="docker buildx history ls shows what it has: a few dozen builds.",
        )
    return tuple(found)


def _is_of(build: PastBuild, image: Image, project: Project) -> bool:
    """By the labels of Compose where it built, else by the folder and the target."""
    if not build.completed:
        return False
    service = build.labels.get("com.docker.compose.service")
    if service is not None:
        return service == image.service and build.labels.get("com.docker.compose.project") == project.name
    folder = Path(build.context)
    # A folder is kept relative to where the client ran, or to its git repository.
    is_same = folder == image.context if folder.is_absolute() else image.context.match(f"*/{build.context}")
    return is_same and (build.target or None) == image.target


def _explain(image: Image, builds: list[PastBuild], engine: Engine) -> Explanation:
    seen = [_look(image, build, engine) for build in builds]
    now = seen[0]
    if now is None:
        return Explanation(image.name, f"build {builds[0].reference}", "", (), note="its provenance is not kept")
    traces = trace({image.name: now.evidence})
    found = traces[image.name]
    ran = {line_of(found.flow, step) for step in now.steps if step.state in _RAN}
    lines = {line for line in ran if line in found.steps}
    before = next((item for item in seen[1:] if item is not None), None)
    past = None
    if before is not None:
        old = trace({image.name: before.evidence})
        reached = {line_of(old[image.name].flow, step) for step in before.steps if step.state in IN_CACHE}
        past = Past(old, {image.name: {line for line in reached if line is not None}})
    kept = {line for line in lines if line is not None}
    causes = explain(image.name, kept, now=traces, past=past, forced=now.forced)
    cached = sum(1 for step in now.steps if step.state is StepState.CACHED)
    note = "" if causes else "every step came from the cache"
    return Explanation(image.name, now.when, before.when if before else "", causes, cached, note)


def _look(image: Image, build: PastBuild, engine: Engine) -> _Seen | None:
    details = engine.past_build(build.reference)
    source = _source(details.provenance, image)
    if source is None:
        return None
    parameters = (details.provenance.get("invocation") or {}).get("parameters") or {}
    given = parameters.get("args") or {}
    args = {name.removeprefix(_BUILD_ARG): value for name, value in given.items() if name.startswith(_BUILD_ARG)}
    try:
        file = parse_dockerfile(source, path=image.dockerfile.path, args=args)
    except ConfigError:
        return None
    made = replace(
        image, dockerfile=file, target=given.get("target") or None, args=masked(args), parents=(), contexts={}
    )
    upstreams = external_references(file, made.target)
    evidence = Evidence(replace(made, upstreams=upstreams), None, {}, resolved(details.provenance, upstreams))
    log = parse_log(details.lines)
    metadata = {image.name: {"buildx.build.provenance": details.provenance}}
    steps = steps_by_image(log, metadata=metadata, dockerfiles={image.name: source})[image.name]
    if not steps:
        named = (step_of(vertex, only_target=image.name) for vertex in log.vertices.values())
        steps = tuple(step for step in named if step and not is_from(step))
    said = f"the build of {clock_time(build.started)} ({build.reference[:8]})"
    return _Seen(said, evidence, steps, forced="no-cache" in given)


def _source(provenance: Mapping[str, Any], image: Image) -> str | None:
    """The text of the Dockerfile: where a build had several, the one that is most like the image's."""
    metadata = (provenance.get("metadata") or {}).get("https://mobyproject.org/buildkit@v1#metadata") or {}
    infos = (metadata.get("source") or {}).get("infos") or ()
    texts = [base64.b64decode(info.get("data") or "").decode("utf-8", "replace") for info in infos]
    lines = set(image.dockerfile.text.splitlines())
    return max(texts, key=lambda text: len(lines.intersection(text.splitlines())), default=None)
