"""Why a step ran again in a trial: the file that reached it, the argument above it, or what its Dockerfile tells."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from layerproof.context import ignore_file_of
from layerproof.dockerfile import short_instruction
from layerproof.flow import Flow, Node
from layerproof.model import Image, Step
from layerproof.progress import ONLY_STAGE
from layerproof.prove.edits import Edit
from layerproof.prove.subject import Subject
from layerproof.prove.trial import Trial, shown

MAX_NAMES = 8


class Cause(Struct, frozen=True):
    """`because` completes "... ran again"; `hint` is what to do; `is_unexplained` says that nothing here tells why."""

    because: str
    hint: str
    is_unexplained: bool = False


def find_cause(subject: Subject, trial: Trial, step: Step, *, ran: Sequence[Step]) -> Cause:
    """
    The cause of one step that ran and should not have. Never a guess: where nothing tells, that is said.

    Args:
        ran: all steps of the image that ran: it began with the first of them that takes something edited.
    """
    image, flow, line = _owner(subject, step)
    if line is None or line not in flow.nodes:
        return _by_trigger(step)
    upstream = flow.upstream(line)
    if image.options.get("no-cache"):
        return Cause("because the compose file builds it with no_cache", "Take build.no_cache out of the compose file.")
    lines = {item.line for item in ran}
    edits = sorted((edit for edit in trial.edits if _arrives(subject, edit)), key=lambda edit: len(edit.path.parts))
    for taker in (node for node in upstream if node.line in lines or image is not subject.image):
        taken = [edit for edit in edits if taker.takes(edit.path) and edit.kind != "touch"]
        if taken:
            return _by_file(subject, trial, taken, taker=taker, node=flow.nodes[line], image=image)
    argument = next(((node, name) for node in upstream for name in trial.arguments if name in node.arguments), None)
    if argument is not None:
        return _by_argument(subject, image, *argument, same=argument[0].line == line)
    fetched = next((node for node in upstream if _fetches(node)), None)
    if fetched is not None:
        return Cause(
            f"because {named_step(fetched)} fetches something else each time",
            "Pin it with ADD --checksum, or fetch it in a stage of its own after the install.",
        )
    trigger = next((item for item in ran if item.line not in subject.flow.nodes), None)
    if trigger is not None and image is subject.image:
        return _by_trigger(trigger, before=True)
    return _by_base_argument(subject, trial) or Cause(
        "though nothing that reaches it was edited: its cache record is gone, or its inputs differ in each build",
        "Look for what the step reads from the network or the clock.",
        is_unexplained=True,
    )


def _fetches(node: Node) -> bool:
    return node.instruction.keyword == "ADD" and "://" in node.instruction.text


def shown_step(subject: Subject, step: Step) -> str:
    """
    deps 3/4 `RUN npm ci`, as its Dockerfile has it, without the flags of BuildKit; of a base with the base's name. A
    stage that has no name for BuildKit is left out.
    """
    image, flow, line = _owner(subject, step)
    node = flow.nodes.get(line or 0)
    text = node.instruction.text if node else step.instruction
    where = "step" if step.stage == ONLY_STAGE else step.stage
    base = "" if image is subject.image else f"{image.name} "
    return f"{base}{where} {step.number}/{step.total} `{short_instruction(text)}`"


def _by_trigger(step: Step, *, before: bool = False) -> Cause:
    """An instruction that no Dockerfile here has: ONBUILD of an image that a stage starts from."""
    what = f"because `{short_instruction(step.instruction)}`, which is" if before else "because it is"
    return Cause(
        f"{what} an ONBUILD instruction of the image that stage {step.stage} starts from",
        "Start from an image without ONBUILD, and copy in this Dockerfile what each step needs.",
    )


def _by_base_argument(subject: Subject, trial: Trial) -> Cause | None:
    """An argument of a base that ends in its environment: every RUN of what is built on it sees it."""
    for parent in subject.parents:
        for name in trial.arguments:
            if name in parent.dockerfile.declared_args:
                return Cause(
                    f"because ARG {name}{_declared(parent, name)} of {parent.name}, whose value changes with every"
                    " build, ends in the environment of that base",
                    f"Set {name} in the last stage of the service that needs it.",
                )
    return None


def _owner(subject: Subject, step: Step) -> tuple[Image, Flow, int | None]:
    for image in subject.images:
        if image.name == step.target and step.line in subject.flows[image.name].nodes:
            return image, subject.flows[image.name], step.line
    for parent in subject.parents:
        line = subject.flows[parent.name].line_of(step)
        if line is not None:
            return parent, subject.flows[parent.name], line
    return subject.image, subject.flow, step.line


def _arrives(subject: Subject, edit: Edit) -> bool:
    """Whether the context changes: by the file, or by a new folder that stays there empty when the file is ignored."""
    return subject.lets_in(edit.path) or (not edit.path.parent.exists() and subject.lets_in(edit.path.parent))


def _by_file(subject: Subject, trial: Trial, taken: Sequence[Edit], *, taker: Node, node: Node, image: Image) -> Cause:
    patterns = list(dict.fromkeys(edit.pattern for edit in taken if edit.pattern))
    names = list(dict.fromkeys(_name(subject, edit) for edit in taken))
    listed = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
    if taker.line == node.line:
        because = f"because it takes {listed} (line {taker.line})"
    else:
        because = f"because {named_step(taker)} takes {listed} before it"
    if image.role == "base":
        return Cause(because, "A base takes no file of an application: copy it in the service.")
    if trial.may_run == "application":
        if node.line in subject.kinds.installs:
            return Cause(because, "Copy the dependency manifests alone, install, and copy the source after that.")
        return Cause(because, "Copy the source in a later stage, or name the file that you mean with probe-source.")
    if trial.advice:
        return Cause(because, trial.advice)
    return Cause(because, f"Add to {_ignore_file(image, taker, taken[0])}: {' '.join(patterns or names)}")


def _name(subject: Subject, edit: Edit) -> str:
    """How an edited file is called: what lies around by its kind, with its folder where that is not the context."""
    if not edit.pattern:
        return shown(subject, edit.path)
    name, parts = edit.pattern.removeprefix("**/"), edit.path.parts
    if "/" in name:
        return name
    below = Path(*parts[: parts.index(name)]) if name in parts else edit.path.parent
    context = subject.image.context
    return name if below == context or below in context.parents else f"{shown(subject, below)}/{name}"


def _ignore_file(image: Image, taker: Node, edit: Edit) -> str:
    """The ignore file that decides about an edited file: each named context has its own."""
    folder = next((source.folder for source in taker.sources if source.holds(str(edit.path))), image.context)
    dockerfile = image.dockerfile.path if folder == image.context else None
    found = ignore_file_of(dockerfile, folder)
    return os.path.relpath(found or folder / ".dockerignore", folder.parent)


def _by_argument(subject: Subject, image: Image, node: Node, name: str, *, same: bool) -> Cause:
    above = "above it" if same or node.instruction.keyword == "RUN" else f"in {_shown(node)}"
    of = "" if image is subject.image else f" of {image.name}"
    return Cause(
        f"because ARG {name}{_declared(image, name)}{of}, whose value changes with every build, stands {above}",
        f"Declare ARG {name} after the install, in the last stage that needs it.",
    )


def _declared(image: Image, name: str) -> str:
    """` on line 3`, where an argument is declared."""
    # ARG GIT_SHA=unknown
    pattern = re.compile(rf"\s*ARG\b.*\b{re.escape(name)}\b", re.IGNORECASE)
    lines = enumerate(image.dockerfile.text.splitlines(), start=1)
    found = next((line for line, text in lines if pattern.match(text)), None)
    return f" on line {found}" if found else ""


def named_step(node: Node) -> str:
    """`RUN npm ci` on line 4"""
    return f"{_shown(node)} on line {node.line}"


def _shown(node: Node) -> str:
    return f"`{short_instruction(node.instruction.text)}`"
