"""What a check found: for a person, and as the documents that machines take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import asdict
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from layerproof.model import CheckReport, Finding
from layerproof.report.document import SCHEMA

_STYLES = {"error": "bold red", "warning": "bold yellow"}


def render_check(report: CheckReport) -> RenderableType:
    """`path:line: RULE message`, as editors and CI logs expect it, each with its line and what to do; then the sum."""
    lines: list[RenderableType] = []
    told = set[str]()
    for finding in report.findings:
        lines += _finding(finding, report.lines.get((finding.path, finding.line), ""), told)
    errors = sum(finding.severity == "error" for finding in report.findings)
    warnings = len(report.findings) - errors
    summary = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}" if report.findings else "no findings"
    style = "bold red" if report.findings else "bold green"
    lines.append(Text(f"{summary} in {', '.join(report.checked)}", style=style))
    lines += [Text(f"not checked: {reason}", style="yellow") for reason in report.unchecked]
    return Group(*lines)


def findings_document(report: CheckReport) -> dict[str, Any]:
    """
    `{"schema", "findings": [{"rule", "severity": "error|warning", "path", "line", "message", "requirement", "fix",
    "tool": "layerproof|hadolint|buildkit"}], "checked": [text],
    "unchecked": [text]}`; findings are sorted by path, line and rule.
    """
    return {
        "schema": SCHEMA,
        "findings": [asdict(finding) for finding in report.findings],
        "checked": list(report.checked),
        "unchecked": list(report.unchecked),
    }


def _finding(finding: Finding, source: str, told: set[str]) -> Iterator[RenderableType]:
    yield Text.assemble(
        f"{finding.path}:{finding.line}: ", (finding.rule, _STYLES[finding.severity]), f" {finding.message}"
    )
    if source.strip():
        yield _indented(Text(f"| {source.strip()}", style="dim"))
    if finding.fix and finding.rule not in told:
        told.add(finding.rule)
        yield _indented(Text(f"next: {finding.fix}", style="cyan"))


def _indented(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 4), expand=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def github_annotations(report: CheckReport) -> str:
    """
    Workflow commands that GitHub shows at the lines of a pull request, one a finding; and the notices of what was left.

    Source: GitHub's "Workflow commands for GitHub Actions" (escapes of messages and of properties).
    """
    lines = []
    for finding in report.findings:
        place = f"file={_property(finding.path)},line={finding.line}"
        text = f"{finding.message}. {finding.fix}" if finding.fix else finding.message
        title = _property(f"{finding.tool} {finding.rule}")
        lines.append(f"::{finding.severity} {place},title={title}::{_message(text)}")
    lines += [f"::notice title=layerproof::{_message(f'not checked: {reason}')}" for reason in report.unchecked]
    return "".join(f"{line}\n" for line in lines)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
