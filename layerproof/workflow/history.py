"""What is remembered of each run of the engine: the steps of every image, and what went into them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from layerproof import builds
from layerproof.builds import Build
from layerproof.evidence import Evidence, Upstream
from layerproof.flow import Flow
from layerproof.ingredients import Trace, trace
from layerproof.model import Project, Step, StepState
from layerproof.paths import STATE_FOLDER
from layerproof.references import normalize_reference

IN_CACHE = (StepState.RAN, StepState.CACHED, StepState.UNKNOWN)


def records_folder(project: Project) -> Path:
    """Where the build records of a project are; each profile has its own."""
    return project.root / STATE_FOLDER / "records" / (project.profile or "default")


def remember(project: Project, build: Build, evidence: Mapping[str, Evidence]) -> tuple[str, ...]:
    """
    Keep a build, with the keys of all its steps that are in the cache now.

    Args:
        evidence: what went into its images, by name, each after its parents; of an image that changed while it was
            built there is none.

    Returns:
        A warning where it cannot be kept: the build is good all the same.
    """
    traces = trace(evidence)
    images = {
        name: replace(image, steps=_with_lines(traces[name], image.steps), keys=_keys(traces[name], image.steps))
        if name in traces
        else image
        for name, image in build.images.items()
    }
    try:
        builds.save_build(records_folder(project), replace(build, images=images), evidence)
    except OSError as error:
        return (f"the build cannot be kept on record, so nothing can be said about it later: {error}",)
    return ()


def resolved(provenance: Mapping[str, Any], references: Collection[str]) -> dict[str, Upstream]:
    """The images of these references that a build was made on, by the digests in its provenance."""
    materials: dict[str, str] = {}
    for material in provenance.get("materials") or ():
        # pkg:docker/base-node@latest?platform=linux%2Famd64
        name = unquote(str(material.get("uri", "")).removeprefix("pkg:docker/").partition("?")[0])
        digest = str((material.get("digest") or {}).get("sha256", ""))
        materials[normalize_reference(name.replace("@", ":", 1))] = digest
    digests = {reference: materials.get(normalize_reference(reference), "") for reference in references}
    return {reference: Upstream(digest, "") for reference, digest in digests.items() if digest}


def line_of(flow: Flow, step: Step) -> int | None:
    """The line of a step, by its name where the build left no provenance."""
    return step.line if step.line is not None else flow.line_of(step)


def clock_time(seconds: float) -> str:
    """12:31:05, and with its date where that is not today."""
    when, today = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M:%S" if when[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", when)


def _with_lines(found: Trace, steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(replace(step, line=line_of(found.flow, step)) for step in steps)


def _keys(found: Trace, steps: Sequence[Step]) -> dict[str, str]:
    lines = {line_of(found.flow, step) for step in steps if step.state in IN_CACHE}
    return {item.keys.key: item.keys.weak for line, item in found.steps.items() if line in lines}
