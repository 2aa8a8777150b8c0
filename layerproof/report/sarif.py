"""A check as SARIF 2.1.0, which code scanning services take: one run for each tool that found something, or looked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from layerproof import __version__
from layerproof.model import CheckReport, Finding
from layerproof.policy import Rule

SARIF_VERSION = "2.1.0"
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FINGERPRINT = "layerproofLine/v1"


def sarif_document(report: CheckReport, rules: Sequence[Rule]) -> dict[str, Any]:
    """
    The SARIF log. The run of layerproof is always there and describes every rule; paths are relative to `%SRCROOT%`.

    Source: OASIS SARIF 2.1.0, section 3; GitHub's "SARIF support for code scanning" (fingerprints, help).
    """
    others = sorted({finding.tool for finding in report.findings} - {"layerproof"})
    own = [_own_rule(rule) for rule in rules]
    runs = [_run("layerproof", own, report, version=__version__)]
    for tool in others:
        found = sorted({finding.rule for finding in report.findings if finding.tool == tool})
        runs.append(_run(tool, [{"id": name} for name in found], report))
    return {"$schema": _SCHEMA, "version": SARIF_VERSION, "runs": runs}


def _run(tool: str, rules: list[dict[str, Any]], report: CheckReport, *, version: str = "") -> dict[str, Any]:
    driver = {"name": tool, "rules": rules, **({"semanticVersion": version} if version else {})}
    indexes = {rule["id"]: index for index, rule in enumerate(rules)}
    findings = [finding for finding in report.findings if finding.tool == tool]
    fingerprints = _fingerprints(findings, report)
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, indexes[finding.rule], fingerprint)
            for finding, fingerprint in zip(findings, fingerprints, strict=True)
        ],
    }
    if tool == "layerproof":
        # What was not checked is a notification of the run, not a result.
        missed = [{"level": "warning", "message": {"text": f"not checked: {reason}"}} for reason in report.unchecked]
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": missed}]
    return run


def _own_rule(rule: Rule) -> dict[str, Any]:
    sentence, _, rest = rule.page.strip().partition("\n\n")
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.module.__name__.rsplit(".", 1)[-1].split("_")[1:]),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": " ".join(sentence.split())},
        "help": {"text": rest.strip() or sentence},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.requirement], "problem.severity": rule.severity},
    }


def _result(finding: Finding, index: int, fingerprint: str) -> dict[str, Any]:
    text = f"{finding.message}. {finding.fix}" if finding.fix else finding.message
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.path), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": finding.line},
                }
            }
        ],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
    }


def _fingerprints(findings: Iterable[Finding], report: CheckReport) -> list[str]:
    """A hash of each finding that stays when lines are added above it; equal ones are counted."""
    seen: dict[str, int] = {}
    result = []
    for finding in findings:
        line = " ".join(report.lines.get((finding.path, finding.line), "").split())
        digest = hashlib.sha256(f"{finding.rule}\n{finding.path}\n{line}".encode()).hexdigest()[:32]
        seen[digest] = seen.get(digest, 0) + 1
        result.append(f"{digest}:{seen[digest]}")
    return result
