"""Say which images a change affects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import FORMATS, connect, environment_of, exit_on_error, load_project, show, write

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    help={
        "base": "The git commit to compare with, or a branch: where it and HEAD parted counts.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
        "format": "text, json or matrix (one line, for the matrix of a GitHub job over the services).",
    },
)
def affected(c: Context, base: str = "origin/main", profile: str = "", format: str = "text") -> None:
    """
    Say which images a change affects: those whose files, Dockerfile or options differ, and what is built on them.

    Nothing is built, and no running engine is needed. What is not committed yet counts too.

    Examples:
        inv affected
        inv affected --base HEAD~1 --format json
        echo "matrix=$(layerproof affected --base HEAD^1 --format matrix)" >> "$GITHUB_OUTPUT"
    """
    from layerproof.report.affected import affected_document, affected_matrix, render_affected
    from layerproof.workflow.affected import find_affected

    with exit_on_error(format=format, known=(*FORMATS, "matrix")):
        engine = connect()
        project = load_project(c, engine, profile=profile)
        report = find_affected(project, base, engine=engine, environment=environment_of(c))
        if format == "matrix":
            write(json.dumps(affected_matrix(report)) + "\n")
        else:
            show(render_affected(report), affected_document(report), format=format)
