"""Prove that an edit re-runs only what it should."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import FORMATS, connect, err, exit_on_error, fail_unless, load_project, say, show

if TYPE_CHECKING:
    from invoke.context import Context

    from layerproof.prove.watcher import ProofWatcher


@task(
    iterable=["service", "probe"],
    help={
        "service": "Prove this service only; repeat it (default: every service that is built).",
        "probe": "Make this probe only: noop, source, manifest, unrelated, touch, sibling, base; repeat it.",
        "full": "Let installs and bases run to their end, and build the result again, which has to run nothing.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "builder": "Prove on this buildx builder; default: the current one.",
        "format": "text, json, junit or svg, a picture (the document on stdout, progress on stderr).",
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
) -> None:
    """
    Prove on the real engine that an edit re-runs only what it should; exit code 1 when it does not.

    Edits a copy of each build context, builds it, and reads from BuildKit's events what ran. The working tree is not
    touched, nothing is tagged, and installs are cancelled as soon as they are seen to start.

    Examples:
        inv prove
        inv prove --service pose-service --probe source
        inv prove --format junit > proof.xml
        inv prove --format svg > docs/proof.svg
    """
    from layerproof.report.document import proof_document
    from layerproof.report.junit import proof_junit
    from layerproof.report.picture import render_picture
    from layerproof.report.proof import proof_summary, render_proof
    from layerproof.workflow.load import select_images
    from layerproof.workflow.prove import keep_proof
    from layerproof.workflow.prove import prove as run

    with exit_on_error(format=format, known=(*FORMATS, "junit", "svg")):
        engine = connect(builder=builder)
        project = load_project(c, engine, profile=profile)
        if project.profile:
            say(f"profile: {project.profile}")
        names = select_images(project, service) if service else ()
        report = run(project, engine=engine, names=names, probes=probe, full=full, watcher=_watcher())
        for warning in keep_proof(project, report):
            say(f"! {warning}")
        if format == "junit":
            sys.stdout.write(proof_junit(report))
        elif format == "svg":
            sys.stdout.write(
                render_picture(render_proof(report), title=proof_summary(report), command="layerproof prove")
            )
        else:
            show(render_proof(report), proof_document(report), format=format)
        fail_unless(report.passed)


def _watcher() -> ProofWatcher:
    """A matrix that fills on a terminal, lines elsewhere."""
    from layerproof.report.proof import LineProofWatcher, LiveProofWatcher

    console = err()
    return LiveProofWatcher(console) if console.is_terminal else LineProofWatcher(console)
