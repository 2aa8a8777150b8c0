"""The base probe: a change at the end of each base, and whether it arrives."""

from __future__ import annotations

from msgspec.structs import replace

from layerproof.dockerfile import find_stage, parse_again, reachable_stages
from layerproof.model import Image, Stage
from layerproof.prove.edits import Edit, new_token
from layerproof.prove.subject import Subject
from layerproof.prove.trial import Skip, Trial
from layerproof.references import normalize_reference


def plan_base(subject: Subject, *, full: bool) -> tuple[Trial, ...] | Skip:
    """A trial for each base that the service is built on directly."""
    elsewhere = _other_builds(subject)
    if elsewhere:
        return elsewhere
    direct = [parent for parent in subject.parents if parent.name in subject.image.parents]
    if not direct:
        return Skip("not applicable", "it is built on no other image of this project")
    return tuple(_base_trial(subject, parent, full=full) for parent in direct)


def _other_builds(subject: Subject) -> Skip | None:
    """A stage that starts from a tag or digest of a base that this project does not build: no change of it arrives."""
    published: dict[str, list[str]] = {}
    for tag in sorted(subject.published):
        published.setdefault(_repository(tag), []).append(tag)
    for stage in reachable_stages(subject.image.dockerfile, subject.image.target, contexts=subject.image.contexts):
        reference = normalize_reference(stage.base)
        own = published.get(_repository(reference))
        if own and reference not in subject.published and stage.base not in subject.image.contexts:
            return Skip(
                "failed",
                f"line {stage.line} starts from {stage.base}, not built here: no change of {own[0]} arrives",
                f"FROM {' or '.join(own)}",
            )
    return None


def _repository(reference: str) -> str:
    """registry:5000/team/base:1@sha256:... -> registry:5000/team/base"""
    name = reference.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _base_trial(subject: Subject, parent: Image, *, full: bool) -> Trial:
    """
    One more file at the end of the stage that the service is built on: it changes the base, and re-runs no other step
    of it. It is written by a COPY, because a base need not have a shell.
    """
    marker = f"layerproof-probe-{new_token()}"
    lines = parent.dockerfile.text.split("\n")
    stage = find_stage(parent.dockerfile, parent.target)
    end = (stage.instructions[-1].end_line if stage.instructions else stage.line) if stage else len(lines)
    step = [f"COPY <<LAYERPROOF_END /{marker}", "layerproof", "LAYERPROOF_END"]
    text = "\n".join([*lines[:end], *step, *lines[end:]])
    edits = () if parent.inline else (Edit(parent.dockerfile.path, "write", text.encode()),)
    return Trial(
        f"the Dockerfile of {parent.name} was edited",
        edits=edits,
        may_run="anything",
        stop=not full,
        changed=replace(parent, dockerfile=parse_again(parent.dockerfile, text, args=parent.args)),
        marker=marker,
        reaches_service=any(
            node.before is None and _starts_from(subject.image, node.stage, parent)
            for node in subject.flow.nodes.values()
        ),
    )


def _starts_from(image: Image, stage: Stage, parent: Image) -> bool:
    """Whether a stage is laid over the base. What only copies single files from it need not change with it."""
    before = find_stage(image.dockerfile, stage.base)
    if before is not None and before.index < stage.index:
        return _starts_from(image, before, parent)
    link = image.contexts.get(stage.base, "")
    return normalize_reference(stage.base) == parent.tag or link == f"target:{parent.name}"
