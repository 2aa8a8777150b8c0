"""Everything that is known of a project, as one JSON document: what the report page shows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from layerproof.builds import MAX_BUILDS, Build
from layerproof.engine import Engine
from layerproof.errors import LayerproofError, NoEngineError
from layerproof.ingredients import StepId
from layerproof.kept import kept
from layerproof.model import Explanation, Image, Project, Step, StepState
from layerproof.prove.plan import PROBES
from layerproof.report.findings import findings_document
from layerproof.report.why import cause_document
from layerproof.workflow.build import uses_stand_ins
from layerproof.workflow.check import check
from layerproof.workflow.checked_project import naming
from layerproof.workflow.history import records_folder
from layerproof.workflow.recipes import Recipes, ends_of, text_of, waited_s
from layerproof.workflow.why import RAN, History, why_in

SCHEMA = 1
# Causes are worked out for so many of the newest builds: each needs all the files of all its images.
EXPLAINED = 20

Warn = Callable[[str], None]


def collect(
    project: Project,
    *,
    engine: Engine,
    builds: int = MAX_BUILDS,
    with_check: bool = True,
    warn: Warn = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """
    `{"schema", "project", "profile", "generated", "lab", "totals": {"images", "builds", "last_started", "last_wall_s",
    "ran", "cached"}, "images": [{"image", "tag", "role", "service", "target", "parents", "upstreams"}], "builds":
    [{"started", "kind", "builder", "wall_s", "explained", "images": [{"image", "action", "wall_s", "size_bytes",
    "before", "note", "steps": [{"stage", "number", "total", "line", "state", "at_s", "duration_s", "waited_s", "text",
    "log", "cause"}]}], "phases": [{"image", "kind", "at_s", "duration_s"}]}], "proof": {"passed", "lab", "probes",
    "verdicts"}, "check": {"findings", "checked", "unchecked"}, "audit"}`; times are seconds, `at_s` since the build
    began, and `builds` are newest first. `lab`, `proof`, `check`, `audit` and `cause` are null where nothing is known;
    `check.error` says why the check could not be made.

    Args:
        builds: so many of the newest builds and proofs.
        with_check: check the project now; it may ask the engine.
        warn: told about records that are damaged.
    """
    folder = records_folder(project)
    history = [*_builds(project, count=builds, warn=warn)]
    proof = kept(folder, "proof", rows="verdicts", damaged=warn)
    audit = kept(folder, "audit", rows="images", damaged=warn)
    return {
        "schema": SCHEMA,
        "project": project.name,
        "profile": project.profile,
        "generated": clock(),
        "lab": _lab(project, engine, proof),
        "totals": _totals(project, history),
        "images": [_image(item) for item in project.images],
        "builds": history,
        "proof": _of_today(proof, "verdicts", project, probes=list(PROBES)),
        "check": _check(project, engine) if with_check else None,
        "audit": _of_today(audit, "images", project),
    }


def _builds(project: Project, *, count: int, warn: Warn) -> Iterator[dict[str, Any]]:
    history, recipes = History(project, warn), Recipes(records_folder(project))
    explained = 0
    for build in islice(history.builds(), count):
        explain = build.kind == "build" and explained < EXPLAINED
        explained += explain
        ends = ends_of(build)
        yield {
            "started": build.started,
            "kind": build.kind,
            "builder": build.builder,
            "wall_s": build.wall_s,
            "explained": explain,
            "images": [_built(build, name, recipes, ends, history if explain else None) for name in build.images],
            "phases": [
                {
                    "image": phase.image,
                    "kind": phase.kind,
                    "at_s": phase.started - build.started,
                    "duration_s": phase.duration_s,
                }
                for phase in build.phases
            ],
        }


def _built(
    build: Build, name: str, recipes: Recipes, ends: Mapping[StepId, float], history: History | None
) -> dict[str, Any]:
    """One image of a build; causes where a history is given to find them in."""
    image = build.images[name]
    recipe = recipes.of(build, name) if image.steps else None
    ran = any(step.state in RAN for step in image.steps)
    why = why_in(history, build, name) if history and ran else Explanation(name, "", "", ())
    causes = {cause.line: cause_document(cause) for cause in why.causes}
    return {
        "image": name,
        "action": image.action,
        "wall_s": image.wall_s,
        "size_bytes": image.size_bytes,
        "before": why.before,
        "note": why.note,
        "steps": [
            {
                **_step(step, build.started),
                "waited_s": waited_s(step, recipe, began=build.started, ends=ends),
                "text": text_of(recipe, step),
                "cause": causes.get(step.line or 0),
            }
            for step in image.steps
        ],
    }


def _step(step: Step, began: float) -> dict[str, Any]:
    return {
        "stage": step.stage,
        "number": step.number,
        "total": step.total,
        "line": step.line,
        "state": step.state.value,
        "at_s": None if step.started is None else step.started - began,
        "duration_s": step.duration_s,
        "log": step.log,
    }


def _totals(project: Project, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the builds, proofs left out."""
    builds = [build for build in history if build["kind"] == "build"]
    states = [step["state"] for build in builds for image in build["images"] for step in image["steps"]]
    return {
        "images": len(project.images),
        "builds": len(builds),
        "last_started": builds[0]["started"] if builds else None,
        "last_wall_s": builds[0]["wall_s"] if builds else None,
        "ran": states.count(StepState.RAN.value),
        "cached": states.count(StepState.CACHED.value),
    }


def _image(image: Image) -> dict[str, Any]:
    return {
        "image": image.name,
        "tag": image.tag,
        "role": image.role,
        "service": image.service,
        "target": image.target,
        "parents": list(image.parents),
        "upstreams": list(image.upstreams),
    }


def _lab(project: Project, engine: Engine, proof: Mapping[str, Any] | None) -> bool | None:
    """Whether stand-ins are in use; without an engine that is what the last proof saw, None where there is none."""
    try:
        return uses_stand_ins(project.images, engine.images())
    except NoEngineError:
        return bool(proof["lab"]) if proof and "lab" in proof else None


def _of_today(document: dict[str, Any] | None, rows: str, project: Project, **more: Any) -> dict[str, Any] | None:
    """What was kept, without images that the project does not have any more; the others in its order."""
    if document is None:
        return None
    order = {image.name: at for at, image in enumerate(project.images)}
    known = [row for row in document[rows] if row.get("image") in order]
    passed = all(row.get("passed") for row in known)
    return {**document, "passed": passed, rows: sorted(known, key=lambda row: order[row["image"]]), **more}


def _check(project: Project, engine: Engine) -> dict[str, Any]:
    """What `inv check` finds now; where it cannot be made, `error` says why."""
    try:
        report = check(
            project.root,
            engine=engine,
            environment=naming(project.compose_files, os.environ),
            profile=project.profile,
        )
    except LayerproofError as error:
        return {"error": f"{error.message} {error.hint}".strip(), "findings": [], "checked": [], "unchecked": []}
    document = findings_document(report)
    lines = [report.lines.get((item.path, item.line), "").strip() for item in report.findings]
    rows = [{**row, "source": line} for row, line in zip(document["findings"], lines, strict=True)]
    return {**document, "findings": rows}
