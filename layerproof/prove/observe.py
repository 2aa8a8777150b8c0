"""What one build did, as far as the event stream tells: the steps of the image, those of its bases, what failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from layerproof.model import Step, StepState, Vertex
from layerproof.progress import BuildLog, failed_vertices, is_from, step_of, steps_by_image
from layerproof.prove.subject import Subject

# process "/bin/sh -c npm ci" did not complete successfully: exit code: 1
_EXIT_CODE = re.compile(r'^process ".*" did not complete successfully: ')
EXECUTED = (StepState.RAN, StepState.STARTED, StepState.FAILED)


class Observation(Struct, frozen=True):
    """
    Attributes:
        steps: the steps of the image itself, each with its line.
        base_steps: those of the images that it is built on.
        marked: the probe's own step in a base was executed.
        failure: why the build proves nothing, in one line; "" for a build that ended well or was stopped on purpose.
        whole: whether every step of the Dockerfiles was reported, or one has failed. Of two builds that need a step at
            the same time BuildKit tells one, so another build on the same builder can take some away.
    """

    steps: tuple[Step, ...]
    base_steps: tuple[Step, ...]
    marked: bool
    failure: str
    whole: bool
    wall_s: float

    @property
    def ran(self) -> tuple[Step, ...]:
        """The image's own steps that were executed, in Dockerfile order."""
        return executed(self.steps)

    @property
    def bases_ran(self) -> tuple[Step, ...]:
        """The steps of its bases that were executed."""
        return executed(self.base_steps)


def executed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Those that were not taken from the cache; a step that only started was not either."""
    return tuple(step for step in steps if step.state in EXECUTED)


def observe(
    subject: Subject,
    log: BuildLog,
    *,
    returncode: int,
    stopped: bool,
    metadata: Mapping[str, Any],
    wall_s: float,
    marker: str = "",
) -> Observation:
    """
    Read one build.

    Args:
        marker: a text in the name of the step that a probe has put into a base; "" where it has put none.
    """
    # There is no provenance after a build that was stopped or failed, and of some builders never.
    has_provenance = "buildx.build.provenance" in (metadata.get(subject.image.name) or {})
    if stopped or not has_provenance:
        own, base = _by_name(log, subject)
    else:
        found = steps_by_image(
            log, metadata=metadata, dockerfiles={image.name: image.dockerfile.text for image in subject.images}
        )
        own = found[subject.image.name]
        base = tuple(step for parent in subject.parents for step in found[parent.name])
    marked = marker != "" and any(
        marker in vertex.name and vertex.started and not vertex.cached for vertex in log.vertices.values()
    )
    # A build that was stopped on purpose has cancelled vertices; one that had failed before has others.
    failure = _failure(log, 0 if stopped else returncode, subject, stopped=stopped)
    missing = "" if stopped or failure else _missing(subject, own, base)
    # A build can also fail for a reason of the engine's own, such as a record that another build has just let go.
    has_failed_step = any(step.state is StepState.FAILED for step in (*own, *base))
    whole = not missing and (not failure or has_failed_step)
    return Observation(own, base, marked, failure or missing, whole=whole, wall_s=wall_s)


def find_executed(log: BuildLog, subject: Subject) -> Iterator[int]:
    """The lines of the image's own steps that are being executed or have been, while the build runs."""
    own, _ = _by_name(log, subject)
    yield from (step.line for step in executed(own) if step.line is not None)


def _by_name(log: BuildLog, subject: Subject) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """
    Steps told apart by stage, number and text: all there is before a build has ended. One that could be the image's and
    a base's is the one's that BuildKit labels it with.
    """
    own, base = [], []
    only = subject.image.name if not subject.parents else ""
    for vertex in log.vertices.values():
        step = step_of(vertex, only_target=only)
        if step is None or is_from(step):
            continue
        line = subject.flow.line_of(step)
        placed = [
            replace(step, line=found, target=parent.name)
            for parent in subject.parents
            if (found := subject.flows[parent.name].line_of(step)) is not None
        ]
        base += placed
        if line is not None and (not placed or step.target == subject.image.name):
            own.append(replace(step, line=line, target=subject.image.name))
    return tuple(own), tuple(base)


def _failure(log: BuildLog, returncode: int, subject: Subject, *, stopped: bool) -> str:
    failed = failed_vertices(log)
    # What was only cancelled by a failure elsewhere says nothing; then the CLI's last words have to do.
    vertex = next((item for item in failed if "cancel" not in item.error.lower()), None)
    if vertex is not None:
        last = next((line for line in reversed(vertex.log) if line.strip()), "")
        reason = _EXIT_CODE.sub("", vertex.error.splitlines()[0])
        return f"the build failed: {_place(vertex, subject)}: {reason}" + (f": {last.strip()}" if last else "")
    if (failed and not stopped) or returncode != 0:
        words = [line.strip() for line in log.noise if line.strip()]
        said = next((line for line in words if line.startswith("ERROR")), words[-1] if words else "")
        return f"the build ended with code {returncode}" + (f": {said}" if said else "")
    return ""


def _place(vertex: Vertex, subject: Subject) -> str:
    """`web/Dockerfile:5 [web deps 3/4] RUN npm ci`; the name alone of what is no step of a Dockerfile here."""
    step = step_of(vertex)
    for image in reversed(subject.images):
        line = subject.flows[image.name].line_of(step) if step else None
        if line is not None:
            path = image.dockerfile.path
            return f"{path.parent.name}/{path.name}:{line} {vertex.name}"
    return vertex.name


def _missing(subject: Subject, own: Sequence[Step], base: Sequence[Step]) -> str:
    """A step that a Dockerfile has and the event stream has not: then nothing that it says can be believed."""
    for image in subject.images:
        steps = own if image is subject.image else [step for step in base if step.target in (image.name, "")]
        states = {step.line: step.state for step in steps}
        for line, node in subject.flows[image.name].nodes.items():
            state = states.get(line)
            stands_on_nothing = node.before is None and node.instruction.keyword != "RUN"
            told = state in (StepState.RAN, StepState.CACHED) or (state is StepState.UNKNOWN and stands_on_nothing)
            if not told:
                what = "was not reported" if state is None else f"ended in state {state.value!r}"
                begin = " ".join(node.instruction.text.split())[:60]
                path = f"{image.dockerfile.path.parent.name}/{image.dockerfile.path.name}"
                return f"the engine's event stream is not whole: `{begin}` ({path}:{line}) {what}"
    return ""
