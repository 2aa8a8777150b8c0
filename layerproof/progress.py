"""The event lines of one build (`--progress=rawjson`) folded into vertices, and vertices into each image's steps."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from layerproof.cache_events import exports_cache, imports_cache
from layerproof.model import Phase, Step, StepState, Vertex

LOG_TAIL_LINES = 20
# W: Failed to fetch http://deb.example.org/...: apt goes on without, and names each package that is in no list it has.
_NO_LIST = "W: Failed to fetch "
# BuildKit does not name the stage, even where it has a name, when a Dockerfile has only one.
ONLY_STAGE = "stage-0"
# "[backend-api deps  2/10] RUN npm ci", "[deps 2/4] RUN npm ci", "[linux/amd64 deps 2/4] COPY . .", "[ 2/10] COPY . ."
_STEP = re.compile(r"^\[\s*(?:(?P<where>[^\]]+?)\s+)?(?P<number>\d+)/(?P<total>\d+)\] (?P<instruction>.+)$", re.DOTALL)
# "[backend-api] exporting to image", "exporting to image"
_EXPORT = re.compile(r"^(?:\[(?P<target>[^\]\s]+)\] )?exporting to ")
# "[backend-api internal] load build context", "[internal] load build context", "[api context wheels] load from client"
_TRANSFER = re.compile(
    r"^\[(?:(?P<target>[^\]\s]+) )?(?:internal\] load build context|context \S+\] load from client)$"
)
_PHASES: Mapping[Literal["transfer", "export"], re.Pattern[str]] = {"transfer": _TRANSFER, "export": _EXPORT}


class BuildLog(Struct):
    """
    The last state of every vertex, in order of first appearance. Feed it lines as they come.

    A digest is reported many times, and a cancelled vertex may start again. As in BuildKit's own display, an event
    with a start time replaces what was known, and one without never takes a state back. Lines that are not JSON are
    kept in `noise`.

    A layer that comes from a cache elsewhere is pulled when it is needed, long after its step was cached. That is
    reported as a start and an end of the step, but without the step's inputs: it does not mean that it was executed.

    Source: buildkit client/graph.go (SolveStatus), util/progress/progressui/display.go, util/progress/controller.
    """

    vertices: dict[str, Vertex] = field(default_factory=dict)
    noise: list[str] = field(default_factory=list)

    def feed(self, line: str) -> bool:
        """Take one line; True when it was an event line."""
        event = _event(line)
        if event is None:
            if line.strip():
                self.noise.append(line.rstrip("\r\n"))
            return False
        for vertex in event.get("vertexes") or ():
            self._update(vertex)
        for log in event.get("logs") or ():
            self._append_log(log)
        return True

    def _update(self, event: Mapping[str, Any]) -> None:
        digest = str(event.get("digest", ""))
        before = self.vertices.get(digest)
        started, completed = parse_time(event.get("started")), parse_time(event.get("completed"))
        cached, error = bool(event.get("cached")), str(event.get("error") or "")
        if before is not None and before.inputs and not event.get("inputs") and started is not None:
            # Pulled. What has not been told by then is cached, or there would be nothing to pull.
            cached, error = before.cached or before.started is None, error or before.error
            started, completed = before.started or started, before.completed or completed
        elif before is not None and started is None:
            started, completed = before.started, completed or before.completed
            cached, error = cached or before.cached, error or before.error
        self.vertices[digest] = Vertex(
            digest=digest,
            name=str(event.get("name") or (before.name if before else "")),
            inputs=tuple(event.get("inputs") or (before.inputs if before else ())),
            cached=cached,
            started=started,
            completed=completed,
            error=error,
            log=before.log if before else (),
        )

    def _append_log(self, event: Mapping[str, Any]) -> None:
        vertex = self.vertices.get(str(event.get("vertex", "")))
        if vertex is None:
            return
        try:
            text = base64.b64decode(event.get("data") or "").decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            text = str(event.get("data"))
        # The last line may be unfinished: glue the next chunk to it.
        glued = ("\n".join(vertex.log) + text) if vertex.log else text
        lines = re.split(r"\r\n|\n|\r", glued)
        dropped, kept = lines[:-LOG_TAIL_LINES], lines[-LOG_TAIL_LINES:]
        reason = next((line for line in dropped if line.startswith(_NO_LIST)), None)
        self.vertices[vertex.digest] = replace(vertex, log=(*([] if reason is None else [reason]), *kept))


def labelled_target(step: Step) -> str:
    """The target that BuildKit's label names; of a step that several targets share, any of them."""
    return step.target


class BuildWatcher:
    """Is told how a build goes. The default looks away; the task layer passes one that draws."""

    def started(
        self, names: Sequence[str], *, stale: Sequence[str], owner: Callable[[Step], str] = labelled_target
    ) -> None:
        """
        Called once, before the engine is.

        Args:
            names: the targets of the build.
            stale: those of them that are built.
            owner: the target that a step belongs to, as far as it can be known while the build runs.
        """

    def line(self, log: BuildLog) -> None:
        """Called after each event line."""

    def finished(self) -> None:
        """Called once, however the build ended."""


def parse_log(lines: Iterable[str]) -> BuildLog:
    """Fold all lines of a finished build; any line ends."""
    log = BuildLog()
    for line in lines:
        log.feed(line)
    return log


def step_of(vertex: Vertex, *, only_target: str = "") -> Step | None:
    """
    The step a vertex stands for, by its name; None for `[internal]`, exporting and other vertices.

    Args:
        only_target: the target's name where one target was built, whose vertices carry no prefix.
    """
    found = _STEP.match(vertex.name)
    if found is None:
        return None
    # Without the platform: target and stage; the stage alone where one target is built, the target alone where the
    # Dockerfile has one stage, and nothing where both hold.
    words = [word for word in (found["where"] or "").split() if "/" not in word]
    if len(words) == 1:
        words.insert(0 if only_target else 1, only_target or ONLY_STAGE)
    target, stage = (only_target, ONLY_STAGE) if not words else words[-2:]
    return Step(
        digest=vertex.digest,
        target=target,
        stage=stage,
        number=int(found["number"]),
        total=int(found["total"]),
        instruction=found["instruction"],
        state=_state(vertex),
        duration_s=max(0.0, (vertex.completed or 0.0) - (vertex.started or 0.0)) if vertex.completed else 0.0,
        log=tuple(line for line in vertex.log if line.strip()),
        started=vertex.started,
    )


def is_from(step: Step) -> bool:
    """FROM steps carry no useful state: nothing runs in them."""
    return step.instruction.startswith("FROM ")


def steps_by_image(
    log: BuildLog, *, metadata: Mapping[str, Any], dockerfiles: Mapping[str, str]
) -> dict[str, tuple[Step, ...]]:
    """
    The steps of each image's own Dockerfile, without FROM and without the steps of its bases.

    Args:
        metadata: the metadata file of the build, with max-mode provenance; {} after a failed build.
        dockerfiles: for each target, the text of its Dockerfile.

    Returns:
        For each target its steps in Dockerfile order. Identical vertices of several targets are merged by BuildKit and
        labelled with either name, so a step is given to every target whose provenance holds its digest, once for each
        line that makes it; only where there is no provenance does the label decide.
    """
    only = next(iter(dockerfiles)) if len(dockerfiles) == 1 else ""
    steps = [step for vertex in log.vertices.values() if (step := step_of(vertex, only_target=only))]
    result = {}
    for target, text in dockerfiles.items():
        lines = _provenance_lines(metadata.get(target), text)
        if lines is None:
            own = [step for step in steps if step.target == target]
        else:
            own = [replace(step, target=target, line=line) for step in steps for line in lines.get(step.digest, ())]
            own.sort(key=lambda step: step.line or 0)
        result[target] = tuple(step for step in own if not is_from(step))
    return result


def span_s(log: BuildLog, target: str, steps: Sequence[Step]) -> float:
    """Seconds from the first start to the last end among an image's own steps and its export; 0 when none has run."""
    own = {step.digest for step in steps}
    times = [
        (vertex.started, vertex.completed)
        for vertex in log.vertices.values()
        if vertex.started and vertex.completed and (vertex.digest in own or _exports(vertex, target))
    ]
    return max(end for _, end in times) - min(start for start, _ in times) if times else 0.0


def phases_of(log: BuildLog, *, only_target: str = "") -> tuple[Phase, ...]:
    """The contexts that were brought over and the images that were written, in the order of their start."""
    found = []
    for vertex in log.vertices.values():
        if vertex.cached or not vertex.started or not vertex.completed:
            continue
        for kind, pattern in _PHASES.items():
            if match := pattern.match(vertex.name):
                target = match["target"] or only_target
                found.append(Phase(target, kind, vertex.started, max(0.0, vertex.completed - vertex.started)))
    return tuple(sorted(found, key=lambda phase: phase.started))


def is_exported(log: BuildLog, target: str) -> bool:
    """Whether the image of a target was written."""
    exports = [vertex for vertex in log.vertices.values() if _exports(vertex, target)]
    return any(vertex.completed and not vertex.error for vertex in exports)


def builder_of(metadata: Mapping[str, Any]) -> str:
    """The builder that a build ran on, from its metadata file; "" where that does not say."""
    entries = (entry for entry in metadata.values() if isinstance(entry, Mapping))
    references = (str(entry.get("buildx.build.ref") or "") for entry in entries)
    # default/default/yz1f5ntz08moavgrpyje2pp7s: builder, node, build
    return next((reference.partition("/")[0] for reference in references if reference), "")


def failed_vertices(log: BuildLog, *, ended_well: bool = False) -> tuple[Vertex, ...]:
    """
    The vertices with an error of their own; the ones that were only cancelled by it come last.

    Args:
        ended_well: the build's exit code is 0. Then a cache elsewhere that could not be written is none of them, since
            that was to be ignored. One that cannot be read never is: a build goes on without it.
    """
    failed = [vertex for vertex in log.vertices.values() if vertex.error and not imports_cache(vertex)]
    failed = [vertex for vertex in failed if not (ended_well and exports_cache(vertex))]
    return tuple(sorted(failed, key=lambda vertex: "context canceled" in vertex.error))


def _exports(vertex: Vertex, target: str) -> bool:
    found = _EXPORT.match(vertex.name)
    return found is not None and found["target"] in (None, target)


def _provenance_lines(entry: Any, dockerfile: str) -> dict[str, list[int]] | None:
    """
    Digest to lines, for the vertices that this Dockerfile's own text made; None without provenance. Two stages that
    begin alike share their first vertices, which then have a line in each.
    """
    provenance = entry.get("buildx.build.provenance") if isinstance(entry, Mapping) else None
    if not isinstance(provenance, Mapping):
        return None
    mapping = (provenance.get("buildConfig") or {}).get("digestMapping") or {}
    source = ((provenance.get("metadata") or {}).get("https://mobyproject.org/buildkit@v1#metadata") or {}).get(
        "source"
    )
    locations, infos = (source or {}).get("locations") or {}, (source or {}).get("infos") or []
    own = {
        n
        for n, info in enumerate(infos)
        if base64.b64decode(info.get("data") or "").decode("utf-8", "replace") == dockerfile
    }
    lines: dict[str, list[int]] = {}
    for digest, step in mapping.items():
        for location in (locations.get(step) or {}).get("locations") or ():
            ranges = location.get("ranges") or ()
            if (location.get("sourceIndex") or 0) in own and ranges:
                lines.setdefault(digest, []).append(int(ranges[0]["start"]["line"]))
    return lines


def _state(vertex: Vertex) -> StepState:
    if vertex.error:
        return StepState.FAILED
    if vertex.cached:
        return StepState.CACHED
    if not vertex.started:
        return StepState.NOT_REACHED
    if not vertex.inputs:
        return StepState.UNKNOWN
    return StepState.RAN if vertex.completed else StepState.STARTED


def _event(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def parse_time(text: object) -> float | None:
    """RFC 3339 with up to nine digits of a second, which Python 3.10 does not read whole."""
    if not isinstance(text, str):
        return None
    # 2026-11-20T10:32:01.123456789Z
    found = re.match(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$", text)
    if found is None:
        return None
    whole = datetime.fromisoformat(found[1] + ("+00:00" if found[3] == "Z" else found[3])).timestamp()
    return whole + (float(f"0.{found[2]}") if found[2] else 0.0)
