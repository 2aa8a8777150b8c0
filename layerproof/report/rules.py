"""The rules for people: a table, one rule's page on a terminal, and the pages of docs/rules."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from layerproof.policy import Rule
from layerproof.report.text import table

# What each kind of subject is called on a page.
_LOOKS_AT = {
    "service": "the Dockerfile of each service",
    "base": "the Dockerfile of each base image",
    "image": "every Dockerfile",
    "context": "each build context and its ignore file",
    "compose": "the compose files",
    "script": "shell scripts and package.json files",
    "pipelines": "CI workflows, scripts and make files",
    "silence": "the comments that silence rules",
    "broken": "what each service and base is built from",
}
_NOTE = "<!-- Written from the rule's own text by `layerproof rules --write docs/rules`; a test compares them. -->\n"


def render_rules(rules: Sequence[Rule]) -> RenderableType:
    """One row a rule."""
    rows = table("rule", "", "what holds", "asked by", "fix")
    for rule in rules:
        mends = "--fix" if rule.mend else ""
        rows.add_row(rule.id, Text(rule.severity, style="dim"), rule.title, rule.requirement, mends)
    return rows


def render_rule(rule: Rule) -> RenderableType:
    """One rule's page."""
    return Group(Text(f"{rule.id} {rule.title} ({rule.severity})\n", style="bold"), Text(rule.page.strip()))


def rules_document(rules: Sequence[Rule]) -> dict[str, object]:
    """`{"schema", "rules": [{"rule", "title", "severity", "requirement", "looks_at", "mends", "page"}]}`."""
    return {
        "schema": 1,
        "rules": [
            {
                "rule": rule.id,
                "title": rule.title,
                "severity": rule.severity,
                "requirement": rule.requirement,
                "looks_at": _LOOKS_AT[rule.subject],
                "mends": rule.mend is not None,
                "page": rule.page.strip(),
            }
            for rule in rules
        ],
    }


def rule_pages(rules: Sequence[Rule]) -> dict[str, str]:
    """The files of docs/rules by name: README.md lists the rules, LPnnn.md is one rule's page."""
    rows = [
        f"| [{rule.id}]({rule.id}.md) | {rule.title} | {rule.severity} | {_LOOKS_AT[rule.subject]} |"
        f" {'yes' if rule.mend else ''} |"
        for rule in rules
    ]
    head = "# Rules\n\n| rule | what holds | severity | looks at | `--fix` |\n|---|---|---|---|---|\n"
    pages = {"README.md": f"{_NOTE}{head}" + "\n".join(rows) + "\n"}
    return pages | {f"{rule.id}.md": _page(rule) for rule in rules}


def _page(rule: Rule) -> str:
    facts = f"*{rule.severity}; looks at {_LOOKS_AT[rule.subject]}; {rule.requirement}*"
    facts += "\n\n`inv check --fix` mends it." if rule.mend else ""
    if rule.same_as:
        facts += f"\n\nWhere it speaks, {', '.join(rule.same_as)} is silent: the same is told once."
    # "Bad:" and the lines below it that are indented or empty
    body = re.sub(r"^(Bad|Good):\n((?:    .*\n|\n)+)", lambda found: _block(rule, found), rule.page, flags=re.MULTILINE)
    return f"{_NOTE}# {rule.id}: {rule.title}\n\n{facts}\n\n{body.strip()}\n"


def _block(rule: Rule, found: re.Match[str]) -> str:
    kinds = {"compose": "yaml", "pipelines": "yaml", "context": "gitignore", "script": "sh"}
    text = textwrap.dedent(found[2]).strip("\n")
    return f"**{found[1]}:**\n\n```{kinds.get(rule.subject, 'dockerfile')}\n{text}\n```\n\n"
