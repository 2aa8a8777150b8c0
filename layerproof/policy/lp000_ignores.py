"""
Every comment that silences a rule names one that speaks there, and gives the reason.

An ignore without a reason cannot be judged by the next reader, and one that silences nothing hides the next defect of
its kind. The comment stands above what it is about, or behind it: `# layerproof: ignore=LP003 the reason`. In
[tool.layerproof.policy.ignore] a rule is switched off for the whole project, with its reason.

Bad:
    FROM base-node:latest AS deps
    # layerproof: ignore=LP011
    RUN npm ci

Good:
    FROM base-node:latest AS deps
    # layerproof: ignore=LP011 the registry's proxy caches already
    RUN npm ci

Fix: Write the reason behind the rule's id, or remove the comment.

Source: R13.
"""

from collections.abc import Iterator

from layerproof.policy import Breach, SilenceSubject
from layerproof.policy.suppression import Suppression


def check(subject: SilenceSubject) -> Iterator[Breach]:
    """Each comment that names no rule, an unknown one, or one that is silent there; each without a reason."""
    for comment in subject.comments:
        if not comment.rules:
            yield comment.line, "the ignore names no rule"
        for rule in comment.rules:
            if message := _wrong_with(rule, comment, subject):
                yield comment.line, message


def _wrong_with(rule: str, comment: Suppression, subject: SilenceSubject) -> str:
    if rule not in subject.known:
        theirs = f": hadolint's own comment is `# hadolint ignore={rule}`" if rule.startswith(("DL", "SC")) else ""
        return f"there is no rule {rule}{theirs}"
    if not any(found == rule and comment.holds_for(line) for found, line in subject.found):
        return f"the ignore of {rule} is not used"
    return "" if comment.reason else f"the ignore of {rule} gives no reason"
