"""Prove that an edit re-runs only what it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import (
    AFFECTED_HELP,
    CACHE_HELP,
    FORMATS,
    affected_names,
    append_text,
    connect,
    err,
    exit_on_error,
    fail_unless,
    load_project,
    say,
    show,
    write,
    write_file,
)

if TYPE_CHECKING:
    from invoke.context import Context

    from layerproof.model import ProofReport
    from layerproof.prove.watcher import ProofWatcher


@task(
    iterable=["service", "probe", "cache_from"],
    help={
        "service": "Prove this service only; repeat it (default: every service that is built).",
        "probe": "Make this probe only: noop, source, manifest, unrelated, touch, sibling, base; repeat it.",
        "full": "Let installs and bases run to their end, and build the result again, which has to run nothing.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "builder": "Prove on this buildx builder; default: the current one.",
        "cache-from": CACHE_HELP["cache-from"],
        "affected": AFFECTED_HELP,
        "junit": "Write the verdicts to this file as JUnit XML too.",
        "summary": "Append the matrix to this file as Markdown, as $GITHUB_STEP_SUMMARY wants it.",
        "format": "text, json, junit, markdown or svg, a picture (the document on stdout, progress on stderr).",
    },
)
def prove(
    c: Context,
    service: list[str],
    probe: list[str],
    full: bool = False,
    profile: str = "",
    builder: str = "",
    format: str = "text",
    cache_from: list[str] | None = None,
    affected: str = "",
    junit: str = "",
    summary: str = "",
) -> None:
    """
    Prove on the real engine that an edit re-runs only what it should; exit code 1 when it does not.

    Edits a copy of each build context, builds it, and reads from BuildKit's events what ran. The working tree is not
    touched, nothing is tagged, and installs are cancelled as soon as they are seen to start.

    Examples:
        inv prove
        inv prove --service pose-service --probe source
        inv prove --junit proof.xml --summary "$GITHUB_STEP_SUMMARY"
        inv prove --affected origin/main
        inv prove --format svg > docs/proof.svg
    """
    from layerproof.model import ProofReport
    from layerproof.workflow.load import select_images
    from layerproof.workflow.prove import keep_proof
    from layerproof.workflow.prove import prove as run

    with exit_on_error(format=format, known=(*FORMATS, "junit", "markdown", "svg")):
        engine = connect(builder=builder)
        project = load_project(c, engine, profile=profile, cache_from=cache_from or ())
        if project.profile:
            say(f"profile: {project.profile}")
        names = select_images(project, service) if service else ()
        if affected:
            chosen = affected_names(c, project, engine, affected)
            services = [image.name for image in project.images if image.service and image.name in chosen]
            names = tuple(name for name in services if not names or name in names)
        if affected and not names:
            reason = f"nothing that has changed since {affected} affects a service"
            report = ProofReport((), 0.0, lab=False, nothing_to_prove=reason)
        else:
            report = run(project, engine=engine, names=names, probes=probe, full=full, watcher=_watcher())
            for warning in keep_proof(project, report):
                say(f"! {warning}")
        _tell(report, junit=junit, summary=summary, format=format)
        fail_unless(report.passed)


def _tell(report: ProofReport, *, junit: str, summary: str, format: str) -> None:
    """Write the files that were asked for, and show the report."""
    from layerproof.report.document import proof_document
    from layerproof.report.junit import proof_junit
    from layerproof.report.markdown import proof_markdown
    from layerproof.report.picture import render_picture
    from layerproof.report.proof import proof_summary, render_proof

    if junit:
        write_file(Path(junit), proof_junit(report).encode())
    if summary:
        append_text(Path(summary), proof_markdown(report))
    if format == "junit":
        write(proof_junit(report))
    elif format == "markdown":
        write(proof_markdown(report))
    elif format == "svg":
        write(render_picture(render_proof(report), title=proof_summary(report), command="layerproof prove"))
    else:
        show(render_proof(report), proof_document(report), format=format)


def _watcher() -> ProofWatcher:
    """A matrix that fills on a terminal, lines elsewhere."""
    from layerproof.report.proof import LineProofWatcher, LiveProofWatcher

    console = err()
    return LiveProofWatcher(console) if console.is_terminal else LineProofWatcher(console)
