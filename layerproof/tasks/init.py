"""Look at a repository and write what layerproof and its services need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.errors import UsageError
from layerproof.tasks.console import confirmed, connect, environment_of, exit_on_error, fail_unless, out, root_of, show

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    iterable=["service"],
    help={
        "dockerfiles": "Dockerfiles and ignore files that are missing too, and a compose file where there is none.",
        "service": "NAME=FOLDER: this folder is a service, whatever was found; repeat it.",
        "compose-file": "The compose file to use, where several could be meant.",
        "yes": "Write without asking.",
        "diff": "Only show what would be written, and do not ask.",
        "format": "text or json.",
    },
)
def init(
    c: Context,
    service: list[str],
    dockerfiles: bool = False,
    compose_file: str = "",
    yes: bool = False,
    diff: bool = False,
    format: str = "text",
) -> None:
    """
    Look at this repository, show what it needs as a diff, and write it.

    Most repositories need no configuration at all: what can be found is not written down. No file that is there is
    overwritten, and a second run writes nothing. Without a terminal it only shows the diff, unless --yes is given.
    Exit code 1 with --dockerfiles where a service needs a Dockerfile that cannot be written.

    Examples:
        inv init
        inv init --dockerfiles --diff
        inv init --dockerfiles --yes
        inv init --dockerfiles --service api=services/api
        inv init --format json
    """
    from layerproof.changes import apply_changes
    from layerproof.report.init import init_document, render_end, render_init
    from layerproof.workflow.init import Wanted, plan_init

    with exit_on_error(format=format):
        if yes and diff:
            raise UsageError("--yes and --diff exclude each other", hint="--diff shows what --yes would write.")
        wanted = Wanted(dockerfiles=dockerfiles, compose_file=compose_file, services=tuple(service))
        plan = plan_init(root_of(c), engine=connect(), wanted=wanted, environment=environment_of(c))
        if format == "text":
            out().print(render_init(plan))
        is_asked = not yes and not diff and format == "text" and sys.stdin.isatty() and bool(plan.changes)
        written = bool(plan.changes) and (yes or (is_asked and confirmed("Write this?")))
        document = init_document(plan, written=written)
        if written:
            apply_changes(plan.changes)
        show(render_end(plan, written=written, dockerfiles=dockerfiles), document, format=format)
        fail_unless(not (dockerfiles and any(item.is_missing for item in plan.services)))
