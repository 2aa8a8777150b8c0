"""Check a project against the rules, mend what is safe to mend, and read what the rules are about."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.tasks import task

from layerproof.errors import NoEngineError, UsageError
from layerproof.tasks.console import (
    FORMATS,
    connect,
    environment_of,
    exit_on_error,
    fail_unless,
    root_of,
    say,
    show,
    write,
    write_file,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoke.context import Context

    from layerproof.engine import Engine
    from layerproof.model import CheckReport
    from layerproof.policy import Rule


@task(
    iterable=["tool"],
    help={
        "tool": "Check with this tool only: layerproof, hadolint, buildkit; repeat it (default: all that are there).",
        "strict": "That a tool is not there is an error too, exit code 3.",
        "fix": "Mend what is safe to mend (ignore files, cache mounts), show the changes, and check again.",
        "diff": "Show what --fix would change, and change nothing.",
        "format": "text, json, sarif, or github (annotations of a workflow run).",
        "sarif": "Write the findings to this file as SARIF 2.1.0 too.",
        "profile": "A profile of [tool.layerproof.profiles]; default: LAYERPROOF_PROFILE, else what `inv lab` chose.",
    },
)
def check(
    c: Context,
    tool: list[str],
    strict: bool = False,
    fix: bool = False,
    diff: bool = False,
    sarif: str = "",
    profile: str = "",
    format: str = "text",
) -> None:
    """
    Check compose files, Dockerfiles, ignore files, scripts and CI workflows; exit code 1 for findings.

    Layerproof's own rules need no running engine. hadolint and BuildKit's checks are merged in where they are there,
    and what was not checked is said. `# layerproof: ignore=LP003 the reason` above a line silences a rule there.

    Examples:
        inv check
        inv check --tool layerproof --format json | jq '.findings[].rule'
        inv check --diff
        inv check --format github --sarif findings.sarif
    """
    from layerproof.report.findings import findings_document, github_annotations, render_check
    from layerproof.workflow.check import TOOLS
    from layerproof.workflow.check import check as run

    with exit_on_error(format=format, known=(*FORMATS, "sarif", "github")):
        if fix and diff:
            raise UsageError("--fix and --diff exclude each other", hint="--diff shows what --fix would change.")
        engine, root, tools = connect(), root_of(c), tool or TOOLS
        environment = environment_of(c)
        report = run(root, engine=engine, environment=environment, profile=profile or None, tools=tools)
        if (fix or diff) and _mend(root, engine, report, environment=environment, profile=profile, write=fix):
            report = run(root, engine=engine, environment=environment, profile=profile or None, tools=tools)
        if sarif:
            write_file(Path(sarif), (json.dumps(_sarif(report), indent=2) + "\n").encode())
        if format == "sarif":
            write(json.dumps(_sarif(report), indent=2) + "\n")
        elif format == "github":
            write(github_annotations(report))
        else:
            show(render_check(report), findings_document(report), format=format)
        fail_unless(not report.findings)
        if strict and report.unchecked:
            raise NoEngineError(f"not everything was checked: {'; '.join(report.unchecked)}", hint="Install it.")


@task(
    help={
        "rule": "The id of one rule, as in LP003 (default: a table of all).",
        "format": "text or json.",
        "write": "Write the pages, one file a rule and README.md, into this folder.",
    },
)
def rules(c: Context, rule: str = "", format: str = "text", write: str = "") -> None:
    """
    List the rules of `check`, or show the page of one.

    Examples:
        inv rules
        inv rules --rule LP003
    """
    from layerproof.policy import load_rules
    from layerproof.report.rules import render_rule, render_rules, rule_pages, rules_document

    with exit_on_error(format=format):
        chosen = _chosen(load_rules(), rule)
        if write:
            for name, text in rule_pages(chosen).items():
                write_file(Path(write, name), text.encode())
            say(f"wrote {len(chosen) + 1} files into {write}")
            return
        show(render_rule(chosen[0]) if rule else render_rules(chosen), rules_document(chosen), format=format)


def _mend(
    root: Path, engine: Engine, report: CheckReport, *, environment: Mapping[str, str], profile: str, write: bool
) -> bool:
    """Show what can be mended, and mend it where that was asked for; whether files were changed."""
    from layerproof.changes import apply_changes
    from layerproof.workflow.mend import plan_mending

    mendings = plan_mending(
        root, engine=engine, environment=environment, findings=report.findings, profile=profile or None
    )
    for mending in mendings:
        # On stderr, because stdout has the findings.
        sys.stderr.write(mending.diff(root))
    if not mendings:
        say("nothing here can be mended by itself")
    if write:
        apply_changes(mendings)
    return write and bool(mendings)


def _sarif(report: CheckReport) -> dict[str, object]:
    from layerproof.policy import load_rules
    from layerproof.report.sarif import sarif_document

    return sarif_document(report, load_rules())


def _chosen(known: Sequence[Rule], identifier: str) -> Sequence[Rule]:
    chosen = [rule for rule in known if not identifier or rule.id == identifier.upper()]
    if not chosen:
        raise UsageError(f"there is no rule {identifier!r}", hint=f"Known: {known[0].id} to {known[-1].id}.")
    return chosen
