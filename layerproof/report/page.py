"""The report as one HTML file that needs no network: the steps of builds are data that its script draws."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from layerproof.report.drawing import NODE_HEIGHT, draw_bars, draw_graph, size_lines
from layerproof.report.pack import json_block, pack_builds
from layerproof.report.proof import MARKS
from layerproof.report.text import LAB_NOTE, seconds, short, size

_KB = 1000


def render_page(document: Mapping[str, Any]) -> str:
    """
    The page of a report.

    Args:
        document: of `layerproof.workflow.report.collect`.
    """
    style, script = _asset("report.css"), _asset("report.js")
    builds = document["builds"]
    labels = [_label(build) for build in builds]
    latest = _latest_sizes(builds)
    names = [image["image"] for image in document["images"]]
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            **document,
            style=Markup(style),  # noqa: S704 - a file of this package
            script=Markup(script),  # noqa: S704 - a file of this package
            policy=_policy(style, script),
            data=Markup(json_block(pack_builds(builds))),  # noqa: S704 - json_block leaves nothing that ends a script
            labels=labels,
            graph=draw_graph(document["images"]),
            latest=latest,
            bars=draw_bars(builds, labels),
            lines=size_lines(builds, names),
            matrix=_matrix(document["proof"]),
            rules=_by_rule(document["check"]),
            lab_note=LAB_NOTE,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("layerproof.report", "html"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(seconds=seconds, size=_bytes, short=short, clock=_clock, change=_change, share=_share)
    environment.globals.update(marks={outcome: mark for outcome, (mark, _) in MARKS.items()}, node_height=NODE_HEIGHT)
    return environment


def _asset(name: str) -> str:
    return (files("layerproof.report") / "html" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """The content security policy: this style, this script, and nothing from anywhere."""

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    none = ("default-src", "base-uri", "form-action")
    rules = [*(f"{name} 'none'" for name in none), f"style-src {hashed(style)}", f"script-src {hashed(script)}"]
    return "; ".join(rules)


def _clock(at: float) -> str:
    """`2026-11-21 13:05`, where the report is made."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _change(first: int, last: int) -> str:
    """`+1.2 MB`; "none" for none."""
    return f"{'+' if last > first else '-'}{_bytes(abs(last - first))}" if last != first else "none"


def _bytes(size_bytes: int | None) -> str:
    """A size; single bytes are shown too."""
    return f"{size_bytes} B" if size_bytes is not None and size_bytes < _KB else size(size_bytes)


def _share(part: int, whole: int) -> str:
    """`97 %`; never rounded to all or nothing. A dash where there is nothing."""
    percent = 100 * part / whole if whole else 0.0
    limited = min(99, max(1, round(percent))) if 0 < part < whole else round(percent)
    return f"{limited} %" if whole else "-"


def _label(build: Mapping[str, Any]) -> str:
    """`2026-11-21 13:05:07, 12 s: 14 steps ran, 66 cached`"""
    states = [step["state"] for image in build["images"] for step in image["steps"]]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(build["started"]))
    failed = ", failed" if any(image["action"] == "failed" for image in build["images"]) else ""
    proof = ", proof" if build["kind"] == "proof" else ""
    told = f"{states.count('ran')} ran, {states.count('cached')} cached" if states else "nothing to build"
    return f"{when}{proof}, {seconds(build['wall_s'])}: {told}{failed}"


def _latest_sizes(builds: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The newest known size of each image."""
    sizes: dict[str, int] = {}
    for build in builds:
        for image in build["images"]:
            if image["size_bytes"] is not None:
                sizes.setdefault(image["image"], image["size_bytes"])
    return sizes


def _matrix(proof: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The verdicts of a proof by image and probe."""
    cells: dict[str, dict[str, Any]] = {}
    for verdict in proof["verdicts"] if proof else ():
        cells.setdefault(verdict["image"], {})[verdict["probe"]] = verdict
    return cells


def _by_rule(check: Mapping[str, Any] | None) -> dict[str, list[Any]]:
    """The findings of a check by rule, errors first."""
    rules: dict[str, list[Any]] = {}
    found = check["findings"] if check else ()
    for finding in sorted(found, key=lambda item: (item["severity"] != "error", item["rule"])):
        rules.setdefault(finding["rule"], []).append(finding)
    return rules
