"""Say what is inside the built images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import (
    AFFECTED_HELP,
    affected_names,
    connect,
    err,
    exit_on_error,
    fail_unless,
    load_project,
    say,
    show,
)

if TYPE_CHECKING:
    from invoke.context import Context

    from layerproof.audit import Layer


@task(
    auto_shortflags=False,
    iterable=["service"],
    help={
        "service": "Audit the image of this service, or this base; repeat it (default: every service).",
        "against": "Compare the image of one service with this image: a tag, an id or a digest that is here.",
        "affected": AFFECTED_HELP,
        "details": "Show layers and the largest files too.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "format": "text or json.",
    },
)
def audit(
    c: Context,
    service: list[str],
    against: str = "",
    affected: str = "",
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
    from layerproof.report.audit import audits_document, comparison_document, render_audits, render_comparison
    from layerproof.workflow import audit as workflow
    from layerproof.workflow.load import select_images

    with exit_on_error(format=format):
        engine = connect()
        project = load_project(c, engine, profile=profile)
        names = select_images(project, service) if service else [item.name for item in project.images if item.service]
        chosen = affected_names(c, project, engine, affected)
        names = [name for name in names if name in chosen]
        if against:
            if len(names) != 1:
                raise UsageError("--against compares one image", hint="Name it: --service NAME.")
            with _reading([names[0], against]) as watch:
                found = workflow.audit_against(project, names[0], against, engine=engine, watch=watch)
            show(render_comparison(found), comparison_document(found), format=format)
            return
        if not names and affected:
            show("no image to audit", audits_document(()), format=format)
            return
        if not names:
            raise UsageError("no service has a `build`: there is nothing to audit", hint="Check the compose file.")
        with _reading(names) as watch:
            audits = workflow.audit(project, engine=engine, names=names, watch=watch)
        show(render_audits(audits, details=details), audits_document(audits), format=format)
        for warning in workflow.keep_audits(project, audits):
            say(f"! {warning}")
        fail_unless(all(item.passed for item in audits))


@contextmanager
def _reading(names: Sequence[str]) -> Iterator[Callable[[Layer], None]]:
    """Say what is read, and on a terminal how far it is."""
    from layerproof.report.text import size

    say(f"reading {', '.join(names)}")
    done = 0
    with err().status("", spinner="dots") as status:

        def read(layer: Layer) -> None:
            nonlocal done
            done += layer.size_bytes
            status.update(f"{size(done)} read")

        yield read
