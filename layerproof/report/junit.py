"""A proof as JUnit XML: what CI systems show as tests. One suite an image, one case a probe."""

from __future__ import annotations

import re

from layerproof.model import ProofReport, Verdict

# Colours, and characters that XML 1.0 does not have: what a build prints may hold any.
_ILLEGAL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def proof_junit(report: ProofReport) -> str:
    """
    The XML text.

    A probe that fails is a failure, one that could not be proven an error, one that does not apply is skipped; each
    says why.
    """
    from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

    kinds = {"failed": Failure, "unproven": Error, "not applicable": Skipped}
    document = JUnitXml("layerproof prove")
    for image in dict.fromkeys(verdict.image for verdict in report.verdicts):
        suite = TestSuite(image)
        for verdict in (item for item in report.verdicts if item.image == image):
            case = TestCase(verdict.probe, f"layerproof.prove.{image}", round(verdict.wall_s, 3))
            if verdict.outcome in kinds:
                found = kinds[verdict.outcome](_ILLEGAL.sub("", verdict.reason))
                found.text = _text(verdict)
                case.result = [found]
            suite.add_testcase(case)
        document.add_testsuite(suite)
    text: bytes = document.tostring()  # type: ignore[no-untyped-call]  # junitparser leaves this one untyped
    return text.decode("utf-8")


def _text(verdict: Verdict) -> str:
    lines = [verdict.reason, *([f"next: {verdict.hint}"] if verdict.hint else [])]
    lines += [f"ran: {step.target} {step.stage} {step.number}/{step.total} {step.instruction}" for step in verdict.ran]
    return _ILLEGAL.sub("", "\n".join(lines))
