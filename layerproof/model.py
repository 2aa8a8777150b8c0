"""The values that flow through the pipeline. Frozen, compared by value, without behaviour of their own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

Role = Literal["base", "service"]


class Instruction(Struct, frozen=True):
    """One Dockerfile instruction. `line` counts from 1; `values` are the words after the flags, as written."""

    keyword: str
    values: tuple[str, ...]
    flags: tuple[str, ...]
    text: str
    line: int
    end_line: int


class Stage(Struct, frozen=True):
    """One build stage. `base` is what FROM names, arguments expanded: an earlier stage, an image or `scratch`."""

    index: int
    name: str | None
    base: str
    line: int
    instructions: tuple[Instruction, ...] = ()


class Dockerfile(Struct, frozen=True):
    """
    A parsed Dockerfile; `path` is where it was read, for messages.

    `global_args` are the values that FROM lines see: of arguments above the first one, and of the platform.
    """

    path: Path
    text: str
    stages: tuple[Stage, ...]
    declared_args: frozenset[str]
    global_args: Mapping[str, str] = field(default_factory=dict)


class Image(Struct, frozen=True):
    """
    A tag that the project builds.

    `parents` are the names of project images it starts from or copies from; `upstreams` are the references of
    all other images. `args` and `contexts` are the ones given from outside, not the defaults in the Dockerfile.
    `service` is the Compose service it belongs to, "" for a base; `inline` says that the Dockerfile stands in the
    compose file; `options` are the other keys of its bake target (secrets, platforms, ...).
    """

    name: str
    tag: str
    role: Role
    context: Path
    dockerfile: Dockerfile
    target: str | None
    args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    service: str = ""
    inline: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


class Port(Struct, frozen=True):
    """A published port: `host_ip` is "" when it is bound on all interfaces, `published` is 0 when it is random."""

    host_ip: str
    published: int
    target: int


class Service(Struct, frozen=True):
    """A Compose service; `build` is None where an image is only pulled. `raw` is its part of the resolved document."""

    name: str
    image: str
    build: Mapping[str, Any] | None
    ports: tuple[Port, ...]
    gpu: bool
    raw: Mapping[str, Any]


class Project(Struct, frozen=True):
    """
    Everything there is to build and run, read once.

    `images` are in build order. `profile` is the configuration profile in force, None for none.
    """

    root: Path
    name: str
    compose_files: tuple[Path, ...]
    services: tuple[Service, ...]
    images: tuple[Image, ...]
    profile: str | None = None


class Vertex(Struct, frozen=True):
    """The last known state of one BuildKit vertex; times are seconds since the epoch, None where not reached."""

    digest: str
    name: str
    inputs: tuple[str, ...]
    cached: bool
    started: float | None
    completed: float | None
    error: str
    log: tuple[str, ...] = ()


class StepState(str, Enum):
    """
    What happened to a step in one build.

    STARTED is a step that was still running when the event stream ended. UNKNOWN is a step that stands on nothing (the
    WORKDIR of a `FROM scratch`): BuildKit goes through it in every build and never says whether it was cached.
    """

    RAN = "ran"
    CACHED = "cached"
    FAILED = "failed"
    STARTED = "started"
    NOT_REACHED = "not reached"
    UNKNOWN = "unknown"


class StepKind(str, Enum):
    """What a step of an image's own Dockerfile is for; derived, see `layerproof.kinds`."""

    DEPENDENCY = "dependency"
    APPLICATION = "application"


class Step(Struct, frozen=True):
    """
    A numbered Dockerfile vertex.

    `line` is None where the build left no provenance (a failed build), `started`, in seconds since the epoch, where it
    did not start; `log` is the end of what it printed.
    """

    digest: str
    target: str
    stage: str
    number: int
    total: int
    instruction: str
    state: StepState
    duration_s: float
    line: int | None = None
    log: tuple[str, ...] = ()
    started: float | None = None


class Phase(Struct, frozen=True):
    """
    What a build does besides its steps: bring a build context over, or write the image. `started` is in seconds since
    the epoch.
    """

    image: str
    kind: Literal["transfer", "export"]
    started: float
    duration_s: float


CauseKind = Literal[
    "file",  # of the context or of another folder: content, added, removed, renamed
    "mode",  # only permissions of files
    "instruction",  # its text, or that of an ENV, WORKDIR, USER or SHELL above it
    "argument",  # a build argument, or an option of the build such as its network
    "base",  # another image under the same name, or its environment
    "parent",  # a step before it
    "record-gone",  # nothing differs: the cache does not have it any more, or is another builder's
    "no-cache",  # asked for
    "unfinished",  # nothing differs, but the build before had not got so far
    "first",  # there is no build before
    "unknown",  # the evidence does not reach so far; the detail says what is missing
]


class StepCause(Struct, frozen=True):
    """
    Why one step ran, or will run. `detail` says it in words; `is_certain` is False where what it copies from other
    stages decides, which nobody knows before they are built. `root` is the step that began it, for a `parent`.
    """

    image: str
    stage: str
    number: int
    total: int
    instruction: str
    line: int
    cause: CauseKind
    detail: tuple[str, ...]
    root: str = ""
    is_certain: bool = True


class Explanation(Struct, frozen=True):
    """
    The causes of one image's steps, in the order of its Dockerfile.

    `now` and `before` say in words what was compared with what; `note` why there is nothing to explain, "" otherwise.
    `cached` is how many steps came, or will come, from the cache.
    """

    image: str
    now: str
    before: str
    causes: tuple[StepCause, ...]
    cached: int = 0
    note: str = ""


class Finding(Struct, frozen=True):
    """
    What a rule has to say about one line; `path` is relative to the project's root.

    `fix` is the next step, "" where the message says it; `tool` is who found it: layerproof, hadolint or buildkit.
    """

    rule: str
    severity: Literal["error", "warning"]
    path: str
    line: int
    message: str
    requirement: str
    fix: str = ""
    tool: str = "layerproof"


class CheckReport(Struct, frozen=True):
    """
    What a check found and looked at.

    `findings` are sorted by path, line and rule. `checked` and `unchecked` say in words what was looked at, and what
    was not and why. `lines` has the text of the line of each finding, by path and line, where it is still there.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]
    lines: Mapping[tuple[str, int], str]


class ImageResult(Struct, frozen=True):
    """What one build did for one image. `size_bytes` and `id` are None when the image does not exist."""

    image: str
    action: Literal["built", "unchanged", "failed"]
    wall_s: float
    steps: tuple[Step, ...]
    size_bytes: int | None
    id: str | None


class Check(Struct, frozen=True):
    """One line of `doctor` or `verify`: what was looked at, whether it holds, and what was seen or what to do."""

    name: str
    state: Literal["ok", "warning", "failed"]
    detail: str
    hint: str = ""


class BuildReport(Struct, frozen=True):
    """
    What a build did; `lab` says that stand-in images were used, `wall_s` is the time the user waited. `causes` say why
    dependencies were installed again; `phases` are what took time besides the steps.
    """

    images: tuple[ImageResult, ...]
    wall_s: float
    lab: bool
    warnings: tuple[str, ...]
    causes: tuple[StepCause, ...] = ()
    phases: tuple[Phase, ...] = ()


class LabResult(Struct, frozen=True):
    """What happened to one reference: `real` images are never touched, `unknown` ones have no recipe."""

    reference: str
    action: Literal["built", "unchanged", "real", "unknown"]
    size_bytes: int | None


class AffectedImage(Struct, frozen=True):
    """An image that a change affects; `service` is "" for a base, `reason` says what has changed."""

    image: str
    role: Role
    service: str
    reason: str


class AffectedReport(Struct, frozen=True):
    """
    What a change affects, in build order. `base` is what was asked for, `commit` the one that the tree was compared
    with: where the two parted.
    """

    base: str
    commit: str
    images: tuple[AffectedImage, ...]


Outcome = Literal["held", "failed", "unproven", "not applicable"]


class Verdict(Struct, frozen=True):
    """
    What one probe of one image came to.

    `reason` says why it did not hold, or what was edited when it did; `hint` what to do. `ran` and `cached` are steps
    of the image and of its bases; `wall_s` is the time of the probe's builds, `steps_s` that of the steps that ran,
    both 0 where nothing was built; `budget_s` is None where time decides nothing.
    """

    image: str
    probe: str
    outcome: Outcome
    reason: str
    hint: str = ""
    ran: tuple[Step, ...] = ()
    cached: tuple[Step, ...] = ()
    wall_s: float = 0.0
    steps_s: float = 0.0
    budget_s: float | None = None

    @property
    def passed(self) -> bool:
        """Whether it holds, or there is nothing that could fail to hold."""
        return self.outcome in ("held", "not applicable")


class ProofReport(Struct, frozen=True):
    """
    The verdicts by image and probe; `lab` says that stand-in images were used. `nothing_to_prove` is the reason why
    there is no verdict, "" where there ought to be one.
    """

    verdicts: tuple[Verdict, ...]
    wall_s: float
    lab: bool
    nothing_to_prove: str = ""

    @property
    def passed(self) -> bool:
        """Whether every probe holds; a report without a verdict proves nothing."""
        return bool(self.verdicts or self.nothing_to_prove) and all(verdict.passed for verdict in self.verdicts)


WeightState = Literal["ok", "missing", "not a file", "wrong size", "wrong hash", "not recorded"]


class WeightFile(Struct, frozen=True):
    """
    A file that a service needs when it runs and that no image carries, as its manifest lists it.

    `path` is relative to the weights folder; `size_bytes` and `sha256` are None where nobody has published them;
    `source` says where to get it: an address, or how to come by it.
    """

    path: str
    what: str
    size_bytes: int | None
    sha256: str | None
    source: str
    licence: str


class WeightCheck(Struct, frozen=True):
    """
    What lies in the place of one such file.

    `size_bytes` and `sha256` are those found: None where there is no file, or where it was not read. `detail` says what
    is wrong and `hint` what to do; both are "" where the state says all there is to say.
    """

    file: WeightFile
    state: WeightState
    size_bytes: int | None = None
    sha256: str | None = None
    detail: str = ""
    hint: str = ""


class WeightsReport(Struct, frozen=True):
    """
    The files that one service needs, and the folder of this machine where it finds them.

    `when` are the variables under which it needs them, {} for always; `environment` is what Compose gives it of those.
    `recorded` are the paths whose size and hash were written to the lock just now.
    """

    service: str
    folder: Path
    folder_exists: bool
    when: Mapping[str, str]
    environment: Mapping[str, str]
    checks: tuple[WeightCheck, ...]
    recorded: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether the service needs them as Compose would start it now."""
        return all(self.environment.get(name) == value for name, value in self.when.items())

    @property
    def complete(self) -> bool:
        """Whether every file is as it should be."""
        return all(check.state == "ok" for check in self.checks)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong that matters now."""
        return self.complete or not self.needed


def count_steps(result: ImageResult, state: StepState) -> int:
    """How many of an image's steps ended in a state."""
    return sum(1 for step in result.steps if step.state is state)
