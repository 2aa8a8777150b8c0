"""Results as JSON documents, versioned by `schema`; the shapes are part of the interface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict

from layerproof.engine import Container, ImageInfo
from layerproof.model import (
    BuildReport,
    Check,
    LabResult,
    Project,
    ProofReport,
    Step,
    StepState,
    WeightsReport,
    count_steps,
)
from layerproof.report.why import cause_document

SCHEMA = 1


def build_document(report: BuildReport) -> dict[str, Any]:
    """
    `{"schema", "lab", "wall_s", "images": [{"image", "action": "built|unchanged", "wall_s", "ran", "cached",
    "size_bytes", "id"}], "causes": [{"image", "step", "stage", "line", "cause", "detail": [text], "certain"}]}`; the
    causes are those for which dependencies were installed again.
    """
    images = [
        {
            "image": result.image,
            "action": result.action,
            "wall_s": round(result.wall_s, 3),
            "ran": count_steps(result, StepState.RAN),
            "cached": count_steps(result, StepState.CACHED),
            "size_bytes": result.size_bytes,
            "id": result.id,
        }
        for result in report.images
    ]
    causes = [{"image": cause.image, **cause_document(cause)} for cause in report.causes]
    wall_s = round(report.wall_s, 3)
    return {"schema": SCHEMA, "lab": report.lab, "wall_s": wall_s, "images": images, "causes": causes}


def checks_document(checks: Iterable[Check]) -> dict[str, Any]:
    """`{"schema", "passed", "checks": [{"name", "state": "ok|warning|failed", "detail", "hint"}]}`; warnings pass."""
    rows = list(checks)
    return {
        "schema": SCHEMA,
        "passed": all(check.state != "failed" for check in rows),
        "checks": [{"name": row.name, "state": row.state, "detail": row.detail, "hint": row.hint} for row in rows],
    }


def proof_document(report: ProofReport) -> dict[str, Any]:
    """
    `{"schema", "lab", "passed", "wall_s", "verdicts": [{"image", "probe", "passed", "outcome":
    "held|failed|unproven|not applicable", "reason", "hint", "ran": [step], "cached": [step], "wall_s", "steps_s",
    "budget_s"}]}`; a step is `{"image", "stage", "number", "total", "instruction", "line", "state", "duration_s"}`.
    `wall_s` is the time of the probe's builds, `steps_s` that of the steps that ran; `budget_s` is null where time
    decides nothing.
    """
    verdicts = [
        {
            "image": verdict.image,
            "probe": verdict.probe,
            "passed": verdict.passed,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "hint": verdict.hint,
            "ran": [_step_document(step) for step in verdict.ran],
            "cached": [_step_document(step) for step in verdict.cached],
            "wall_s": round(verdict.wall_s, 3),
            "steps_s": round(verdict.steps_s, 3),
            "budget_s": verdict.budget_s,
        }
        for verdict in report.verdicts
    ]
    return {
        "schema": SCHEMA,
        "lab": report.lab,
        "passed": report.passed,
        "wall_s": round(report.wall_s, 3),
        "verdicts": verdicts,
    }


def _step_document(step: Step) -> dict[str, Any]:
    return {
        "image": step.target,
        "stage": step.stage,
        "number": step.number,
        "total": step.total,
        "instruction": step.instruction,
        "line": step.line,
        "state": step.state.value,
        "duration_s": round(step.duration_s, 3),
    }


def graph_document(project: Project) -> dict[str, Any]:
    """`{"schema", "images": [{"image", "tag", "role", "target", "context", "dockerfile", "parents", "upstreams"}]}`"""
    images = [
        {
            "image": image.name,
            "tag": image.tag,
            "role": image.role,
            "target": image.target,
            "context": str(image.context),
            "dockerfile": str(image.dockerfile.path),
            "parents": list(image.parents),
            "upstreams": list(image.upstreams),
        }
        for image in project.images
    ]
    return {"schema": SCHEMA, "images": images}


def images_document(project: Project, local: Mapping[str, ImageInfo], stale: Sequence[str]) -> dict[str, Any]:
    """`{"schema", "images": [{"image", "tag", "id", "size_bytes", "created", "stale"}]}`; id null: missing."""
    rows = []
    for image in project.images:
        info = local.get(image.tag)
        rows.append(
            {
                "image": image.name,
                "tag": image.tag,
                "id": info.id if info else None,
                "size_bytes": info.size_bytes if info else None,
                "created": info.created if info else None,
                "stale": image.name in stale,
            }
        )
    return {"schema": SCHEMA, "images": rows}


def stack_document(containers: Sequence[Container], addresses: Mapping[str, str]) -> dict[str, Any]:
    """`{"schema", "containers": [{"service", "name", "state", "health", "exit_code", "address"}]}`."""
    rows = [{**asdict(item), "address": addresses.get(item.service)} for item in containers]
    return {"schema": SCHEMA, "containers": rows}


def cache_document(usage: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`{"schema", "records": [record]}`; a record is one of `docker buildx du`, as it comes."""
    return {"schema": SCHEMA, "records": list(usage)}


def lab_document(results: Sequence[LabResult]) -> dict[str, Any]:
    """`{"schema", "images": [{"reference", "action": "built|unchanged|real|unknown", "size_bytes"}]}`."""
    return {"schema": SCHEMA, "images": [asdict(result) for result in results]}


def weights_document(reports: Sequence[WeightsReport]) -> dict[str, Any]:
    """
    `{"schema", "passed", "services": [{"service", "folder", "needed", "when", "files": [{"path", "state", "size_bytes",
    "sha256", "from", "licence"}]}]}`; size and hash are those of the file on the disk, null where there is none or it
    was not read. `passed` is false where a file that is needed is not `ok`.
    """
    services = [
        {
            "service": report.service,
            "folder": str(report.folder),
            "needed": report.needed,
            "when": dict(report.when),
            "files": [
                {
                    "path": check.file.path,
                    "state": check.state,
                    "size_bytes": check.size_bytes,
                    "sha256": check.sha256,
                    "from": check.file.source,
                    "licence": check.file.licence,
                }
                for check in report.checks
            ],
        }
        for report in reports
    ]
    return {"schema": SCHEMA, "passed": all(report.passed for report in reports), "services": services}
