"""Why a step ran again in a trial: the file that reached it, the argument above it, or what its Dockerfile tells."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from layerproof.context import ignore_file_of
from layerproof.flow import Flow, Node
from layerproof.model import Image, Step
from layerproof.progress import ONLY_STAGE
from layerproof.prove.edits import OTHERS_MAY_WRITE, Edit
from layerproof.prove.subject import Subject
from layerproof.prove.trial import Trial, shown

MAX_SHOWN = 60
MAX_NAMES = 8
# --mount=type=cache,target=/root/.npm
_FLAG = re.compile(r"--[a-z][\w-]*(?:=\S+)?\s+")


@dataclass(frozen=True)
class Cause:
    """`because` completes "... ran again"; `hint` is what to do."""

    because: str
    hint: str


def find_cause(subject: Subject, trial: Trial, step: Step, *, ran: Collection[int]) -> Cause:
    """
    The cause of one step that ran and should not have. Never a guess: where nothing tells, that is said.

    Args:
        ran: the lines of all steps that ran: it began with the first of them that takes something edited.
    """
    image, flow, line = _owner(subject, step)
    if line is None or line not in flow.nodes:
        return Cause("for a reason that its Dockerfile does not tell", "Compare it with `inv build --no-cache`.")
    upstream = flow.upstream(line)
    if image.options.get("no-cache"):
        return Cause("because the compose file builds it with no_cache", "Take build.no_cache out of the compose file.")
    first_ran = [node for node in upstream if node.line in ran or image is not subject.image]
    edits = sorted((edit for edit in trial.edits if subject.lets_in(edit.path)), key=lambda edit: len(edit.path.parts))
    for taker in first_ran:
        taken = [edit for edit in edits if taker.takes(edit.path) and _counts(edit)]
        if taken:
            return _by_file(subject, trial, taken, taker=taker, node=flow.nodes[line], image=image)
    argument = next(((node, name) for node in upstream for name in trial.arguments if name in node.arguments), None)
    if argument is not None:
        return _by_argument(image, *argument, same=argument[0].line == line)
    fetched = next((node for node in upstream if _fetches(node)), None)
    if fetched is not None:
        return Cause(
            f"because {_shown(fetched)} on line {fetched.line} fetches something else each time",
            "Pin it with ADD --checksum, or fetch it in a stage of its own after the install.",
        )
    return Cause(
        "though nothing that reaches it was edited: its cache record is gone, or its inputs differ in each build",
        "Run the proof again; if it stays, look for what the step reads from the network or the clock.",
    )


def _fetches(node: Node) -> bool:
    return node.instruction.keyword == "ADD" and "://" in node.instruction.text


def shown_step(step: Step) -> str:
    """deps 3/4 `RUN npm ci`, without the flags; a stage that has no name for BuildKit is left out."""
    where = "step" if step.stage == ONLY_STAGE else step.stage
    return f"{where} {step.number}/{step.total} `{_short(step.instruction)}`"


def _owner(subject: Subject, step: Step) -> tuple[Image, Flow, int | None]:
    for image in subject.images:
        if image.name == step.target and step.line in subject.flows[image.name].nodes:
            return image, subject.flows[image.name], step.line
    for parent in subject.parents:
        line = subject.flows[parent.name].line_of(step)
        if line is not None:
            return parent, subject.flows[parent.name], line
    return subject.image, subject.flow, step.line


def _counts(edit: Edit) -> bool:
    """Times count for nothing; what a touch may have changed is who may write to the file."""
    return edit.kind != "touch" or bool(edit.path.stat().st_mode & OTHERS_MAY_WRITE)


def _by_file(subject: Subject, trial: Trial, taken: Sequence[Edit], *, taker: Node, node: Node, image: Image) -> Cause:
    patterns = list(dict.fromkeys(edit.pattern for edit in taken if edit.pattern))
    names = list(dict.fromkeys(edit.pattern.removeprefix("**/") or shown(subject, edit.path) for edit in taken))
    listed = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
    if taken[0].kind == "touch":
        mode = "which everybody may write to here, and nobody in a fresh checkout"
        return Cause(f"because {_shown(taker)} on line {taker.line} takes {listed}, {mode}", "chmod o-w those files.")
    if taker.line == node.line:
        because = f"because it takes {listed} (line {taker.line})"
    else:
        because = f"because {_shown(taker)} on line {taker.line} takes {listed} before it"
    if image is not subject.image:
        return Cause(f"in {image.name} {because}", "A base takes no file of an application: copy it in the service.")
    if trial.may_run == "application":
        if node.line in subject.kinds.installs:
            return Cause(because, "Copy the dependency manifests alone, install, and copy the source after that.")
        return Cause(because, "Copy the source in a later stage, or name the file that you mean with probe-source.")
    if trial.advice:
        return Cause(because, trial.advice)
    return Cause(because, f"Add to {_ignore_file(image)}: {' '.join(patterns or names)}")


def _ignore_file(image: Image) -> str:
    found = ignore_file_of(image.dockerfile.path, image.context)
    return f"{image.context.name}/{found.name if found else '.dockerignore'}"


def _by_argument(image: Image, node: Node, name: str, *, same: bool) -> Cause:
    # ARG GIT_SHA=unknown
    pattern = re.compile(rf"\s*ARG\b.*\b{re.escape(name)}\b", re.IGNORECASE)
    lines = enumerate(image.dockerfile.text.splitlines(), start=1)
    declared = next((line for line, text in lines if pattern.match(text)), None)
    where = f" on line {declared}" if declared else ""
    above = "above it" if same or node.instruction.keyword == "RUN" else f"in {_shown(node)}"
    return Cause(
        f"because ARG {name}{where}, whose value changes with every build, stands {above}",
        f"Declare ARG {name} after the install, in the last stage that needs it.",
    )


def _shown(node: Node) -> str:
    return f"`{_short(node.instruction.text)}`"


def _short(text: str) -> str:
    """An instruction on one line, without its flags; a here-document ends with its first line."""
    words = " ".join(_FLAG.sub("", text.partition("\n")[0] if "<<" in text else text).replace("\\\n", " ").split())
    return words if len(words) <= MAX_SHOWN else words[: MAX_SHOWN - 1] + "…"
