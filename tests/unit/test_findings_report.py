"""Findings as text, annotations and SARIF; the rules' pages."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from layerproof.model import CheckReport, Finding
from layerproof.policy import load_rules
from layerproof.report.findings import findings_document, github_annotations, render_check
from layerproof.report.rules import rule_pages
from layerproof.report.sarif import sarif_document

PAGES = Path(__file__).parents[2] / "docs" / "rules"
ERROR = Finding("LP003", "error", "web/Dockerfile", 3, "`npm ci` runs again", "R4", "Copy the manifests alone.")
OTHER = Finding("DL3025", "warning", "a b/Dockerfile", 7, "Use arguments\nJSON: 100%", "R13", tool="hadolint")
LINES = {("web/Dockerfile", 3): "  RUN npm ci  ", ("a b/Dockerfile", 7): "CMD x"}
REPORT = CheckReport((OTHER, ERROR), ("2 Dockerfiles", "hadolint"), ("no engine",), LINES)
NONE = CheckReport((), ("2 Dockerfiles",), (), {})


def text(report: CheckReport, width: int = 160) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width).print(render_check(report))
    return stream.getvalue()


def test_the_text_has_place_rule_line_and_next_step_and_ends_with_the_sum() -> None:
    lines = [line.rstrip() for line in text(REPORT).splitlines()]
    assert lines[-6:] == [
        "    | CMD x",
        "web/Dockerfile:3: LP003 `npm ci` runs again",
        "    | RUN npm ci",
        "    next: Copy the manifests alone.",
        "1 error, 1 warning in 2 Dockerfiles, hadolint",
        "not checked: no engine",
    ]


def test_the_next_step_of_a_rule_is_told_once() -> None:
    twice = CheckReport((ERROR, ERROR), (), (), {})
    assert text(twice).count("next:") == 1


def test_nothing_found_is_said() -> None:
    assert text(NONE).strip() == "no findings in 2 Dockerfiles"


def test_the_document_says_what_was_not_checked() -> None:
    document = findings_document(REPORT)
    assert document["unchecked"] == ["no engine"]
    assert document["findings"][1] == {
        "rule": "LP003",
        "severity": "error",
        "path": "web/Dockerfile",
        "line": 3,
        "message": "`npm ci` runs again",
        "requirement": "R4",
        "fix": "Copy the manifests alone.",
        "tool": "layerproof",
    }


def test_annotations_escape_what_the_runner_would_read() -> None:
    strange = Finding("LP010", "error", "a,b:c.yml", 1, "50%\r\nnext", "R13")
    first, second, third, fourth, *rest = github_annotations(
        CheckReport((OTHER, ERROR, strange), (), ("a\nb",), {})
    ).splitlines()
    assert first == "::warning file=a b/Dockerfile,line=7,title=hadolint DL3025::Use arguments%0AJSON: 100%25"
    assert second.endswith("::`npm ci` runs again. Copy the manifests alone.")
    assert third == "::error file=a%2Cb%3Ac.yml,line=1,title=layerproof LP010::50%25%0D%0Anext"
    assert fourth == "::notice title=layerproof::not checked: a%0Ab"
    assert rest == []


def test_sarif_has_a_run_for_each_tool_and_every_rule_of_layerproof() -> None:
    own, other = sarif_document(REPORT, load_rules())["runs"]
    assert [rule["id"] for rule in own["tool"]["driver"]["rules"]] == [rule.id for rule in load_rules()]
    [result] = own["results"]
    assert own["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "LP003"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert own["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "not checked: no engine"
    assert other["tool"]["driver"] == {"name": "hadolint", "rules": [{"id": "DL3025"}]}
    uri = other["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "a%20b/Dockerfile"


def test_a_fingerprint_survives_lines_above_and_tells_equal_lines_apart() -> None:
    def prints(*places: int) -> list[str]:
        findings = tuple(Finding("LP003", "error", "Dockerfile", line, "x", "R4") for line in places)
        report = CheckReport(findings, (), (), {("Dockerfile", line): "RUN npm ci" for line in places})
        results = sarif_document(report, load_rules())["runs"][0]["results"]
        return [result["partialFingerprints"]["layerproofLine/v1"] for result in results]

    assert prints(3) == prints(30)
    assert len(set(prints(3, 9))) == 2


def test_sarif_of_nothing_has_the_run_that_says_so() -> None:
    [run] = sarif_document(NONE, load_rules())["runs"]
    assert run["results"] == []


@pytest.mark.parametrize("name", [*rule_pages(load_rules())])
def test_the_pages_in_docs_are_what_the_rules_say(name: str) -> None:
    written = (PAGES / name).read_text() if (PAGES / name).is_file() else ""
    assert written == rule_pages(load_rules())[name], "run: layerproof rules --write docs/rules"


def test_docs_have_no_page_of_a_rule_that_is_gone() -> None:
    assert {path.name for path in PAGES.iterdir()} == set(rule_pages(load_rules()))
