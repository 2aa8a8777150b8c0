"""Say why steps ran again, or will."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import connect, environment_of, exit_on_error, load_project, say, show

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    auto_shortflags=False,  # -h would be --history
    iterable=["service"],
    help={
        "service": "Explain this service or base only; repeat it (default: every image of the last build).",
        "next": "Say what the next build will run, and why, before it does.",
        "against": "Say what a build of this tree would run, compared with this git commit; nothing is built.",
        "history": "Explain the last build that BuildKit remembers, however it was made.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "builder": "A buildx builder by name; default: the current one.",
        "format": "text or json.",
    },
)
def why(
    c: Context,
    service: list[str],
    next: bool = False,
    against: str = "",
    history: bool = False,
    profile: str = "",
    builder: str = "",
    format: str = "text",
) -> None:
    """
    Say why each step of the last build ran again: which file, argument, instruction or base changed.

    Examples:
        inv why
        inv why --service pose-service --format json
        inv why --next
        inv why --against origin/main
        inv why --history
    """
    from layerproof.errors import UsageError
    from layerproof.report.why import render_why, why_document
    from layerproof.workflow import why as workflow
    from layerproof.workflow.against import why_against
    from layerproof.workflow.load import select_images
    from layerproof.workflow.posthoc import why_history

    with exit_on_error(format=format):
        if sum((next, bool(against), history)) > 1:
            raise UsageError("--next, --against and --history exclude each other", hint="Choose one of them.")
        engine = connect(builder=builder)
        project = load_project(c, engine, profile=profile)
        names = select_images(project, service) if service else ()
        if next:
            name = engine.current_builder()
            found = workflow.why_next(project, engine=engine, names=names, builder=name, warn=_warn)
        elif against:
            found = why_against(project, against, engine=engine, environment=environment_of(c), names=names)
        elif history:
            found = why_history(project, engine=engine, names=names)
        else:
            found = workflow.why_last(project, names=names, warn=_warn)
        show(render_why(found, tense="runs" if next or against else "ran"), why_document(found), format=format)


def _warn(text: str) -> None:
    say(f"! {text}")
