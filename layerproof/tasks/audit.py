"""Say what is inside the built images."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from invoke.exceptions import Exit
from invoke.tasks import task

from layerproof.tasks.console import connect, exit_on_error, load_project, say, show

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    auto_shortflags=False,
    iterable=["service"],
    help={
        "service": "Audit the image of this service, or this base; repeat it (default: every service).",
        "against": "Compare the image of one service with this image: a tag, an id or a digest that is here.",
        "details": "Show layers and the largest files too.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "format": "text or json.",
    },
)
def audit(
    c: Context,
    service: list[str],
    against: str = "",
    details: bool = False,
    profile: str = "",
    format: str = "text",
) -> None:
    """
    Look into the built images: compilers, package managers, caches, secrets, setuid files, and what each weighs.

    Exits with 1 if something is found that the configuration does not allow. Nothing inside has to run: the layers are
    read, so distroless and scratch images work too.

    Examples:
        inv audit
        inv audit --service backend-api --details
        inv audit --service backend-api --against backend-api:1.4
    """
    from layerproof.errors import UsageError
    from layerproof.kept import keep
    from layerproof.report.audit import audits_document, comparison_document, render_audits, render_comparison
    from layerproof.workflow import audit as workflow
    from layerproof.workflow.history import records_folder
    from layerproof.workflow.load import select_images

    with exit_on_error(format=format):
        engine = connect()
        project = load_project(c, engine, profile=profile)
        names = select_images(project, service) if service else [item.name for item in project.images if item.service]
        if against:
            if len(names) != 1:
                raise UsageError("--against compares one image", hint="Name it: --service NAME.")
            found = workflow.audit_against(project, names[0], against, engine=engine)
            show(render_comparison(found), comparison_document(found), format=format)
            return
        if not names:
            raise UsageError("no service has a `build`: there is nothing to audit", hint="Check the compose file.")
        say(f"reading {', '.join(names)}")
        audits = workflow.audit(project, engine=engine, names=names)
        document = audits_document(audits)
        show(render_audits(audits, details=details), document, format=format)
        for warning in keep(records_folder(project), "audit", document, rows="images", by=("image",), at=time.time()):
            say(f"! {warning}")
        if not all(item.passed for item in audits):
            raise Exit(code=1)
