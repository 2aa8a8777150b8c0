"""Check a project against the rules, and read what the rules are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.tasks.console import connect, exit_on_error, fail_unless, root_of, show

if TYPE_CHECKING:
    from invoke.context import Context


@task(
    iterable=["tool"],
    help={
        "tool": "Check with this tool only: layerproof, hadolint, buildkit; repeat it (default: all that are there).",
        "format": "text or json.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
    },
)
def check(c: Context, tool: list[str], profile: str = "", format: str = "text") -> None:
    """
    Check compose files, Dockerfiles, ignore files, scripts and CI workflows; exit code 1 for findings.

    Layerproof's own rules need no running engine; hadolint and BuildKit's checks are merged in where they are there,
    and what could not be checked is said.

    Examples:
        inv check
        inv check --tool layerproof --format json | jq '.findings[].rule'
    """
    from layerproof.report.findings import findings_document, render_check
    from layerproof.workflow.check import TOOLS
    from layerproof.workflow.check import check as run

    with exit_on_error(format=format):
        report = run(root_of(c), engine=connect(), profile=profile or None, tools=tool or TOOLS)
        show(render_check(report), findings_document(report), format=format)
        fail_unless(not report.findings)
