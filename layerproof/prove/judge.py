"""Observed builds against the contract: the verdict of one trial, with a reason that a person can act on."""

from __future__ import annotations

from msgspec import Struct

from layerproof.dockerfile import short_instruction
from layerproof.model import Step, StepKind
from layerproof.prove.cause import find_cause, shown_step
from layerproof.prove.observe import Observation
from layerproof.prove.subject import Subject
from layerproof.prove.trial import Trial, shown


class Complaint(Struct, frozen=True):
    """
    Why a trial did not hold, and what to do about it. `is_unexplained` says that nothing here tells why a step ran.
    """

    reason: str
    hint: str = ""
    is_unexplained: bool = False


def judge(subject: Subject, trial: Trial, seen: Observation) -> Complaint | None:
    """
    Hold one build against what its trial asks for; None when it holds.

    Fails closed: a build that failed or whose event stream is not whole holds nothing, whatever it shows.
    """
    if seen.failure:
        return Complaint(seen.failure, "Build it by itself: inv build --service " + (subject.image.service or ""))
    return _forbidden(subject, trial, seen) or _required(subject, trial, seen)


def _forbidden(subject: Subject, trial: Trial, seen: Observation) -> Complaint | None:
    """What ran and must not have."""
    if trial.may_run == "anything":
        return None
    if seen.bases_ran:
        return _complain(subject, trial, seen, seen.bases_ran[0])
    if trial.may_run == "own steps":
        return None
    kinds = subject.kinds
    wrong = [
        step
        for step in seen.ran
        if trial.may_run == "nothing" or kinds.of.get(step.line or 0, StepKind.DEPENDENCY) is StepKind.DEPENDENCY
    ]
    if not wrong:
        return None
    # The install is what costs; where none ran, the first step that takes what was edited is where it began.
    installs = [step for step in wrong if step.line in kinds.installs]
    return _complain(subject, trial, seen, (installs or wrong)[0])


def _complain(subject: Subject, trial: Trial, seen: Observation, step: Step) -> Complaint:
    cause = find_cause(subject, trial, step, ran=seen.ran)
    reason = f"{shown_step(subject, step)} ran again {cause.because}"
    return Complaint(reason, cause.hint, is_unexplained=cause.is_unexplained)


def _required(subject: Subject, trial: Trial, seen: Observation) -> Complaint | None:
    """What had to run and did not."""
    if trial.marker and not seen.marked:
        name = trial.changed.name if trial.changed else ""
        return Complaint(
            f"{trial.said}, and {name} was not built again", "Is it the base that this service starts from?"
        )
    if trial.reaches_service and not seen.ran:
        name = trial.changed.name if trial.changed else ""
        return Complaint(
            f"{trial.said}, {name} was built again, and no step of {subject.image.name} ran: it uses another build",
            "Start a stage from the base by its tag, without a digest.",
        )
    ran = {step.line for step in seen.ran}
    if trial.must_run and not ran & trial.must_run:
        return _not_run(subject, trial)
    return None


def _not_run(subject: Subject, trial: Trial) -> Complaint:
    """An edit that changed nothing: which file it was, and why no step can have seen it."""
    path = trial.edits[0].path
    name = shown(subject, path)
    line = min(trial.must_run)
    node = subject.flow.nodes[line]
    expected = f"`{short_instruction(node.instruction.text)}` ({subject.image.dockerfile.path.name}:{line})"
    if not subject.lets_in(path):
        return Complaint(
            f"{trial.said}, and {expected} did not run: the file does not reach the build context",
            f"Take {name} out of the ignore file.",
        )
    if not any(taker.takes(path) for taker in subject.flow.upstream(line)):
        return Complaint(
            f"{trial.said}, and {expected} did not run: nothing before it copies that file",
            f"COPY {name} before it.",
        )
    return Complaint(f"{trial.said}, and {expected} did not run", "Is its result taken from somewhere else?")
