"""What a change affects: as a table, as JSON, and as the matrix of a CI job."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict
from rich.console import Group, RenderableType
from rich.text import Text

from layerproof.model import AffectedReport
from layerproof.report.document import SCHEMA
from layerproof.report.text import table


def render_affected(report: AffectedReport) -> RenderableType:
    """One row an image, and what it was compared with."""
    compared = Text(f"compared with {report.commit[:12]} ({report.base})", style="dim")
    if not report.images:
        return Group(Text("nothing that has changed affects an image", style="bold"), compared)
    rows = table("image", "because of")
    for item in report.images:
        rows.add_row(Text(item.image), Text(item.reason))
    return Group(rows, compared)


def affected_document(report: AffectedReport) -> dict[str, Any]:
    """`{"schema", "base", "commit", "images": [{"image", "role", "service", "reason"}], "services": [name]}`"""
    return {
        "schema": SCHEMA,
        "base": report.base,
        "commit": report.commit,
        "images": [asdict(item) for item in report.images],
        "services": [item.service for item in report.images if item.service],
    }


def affected_matrix(report: AffectedReport) -> dict[str, Any]:
    """`{"include": [{"service", "image"}]}`; bases are none of it, since each service brings its own."""
    rows = [{"service": item.service, "image": item.image} for item in report.images if item.service]
    return {"include": rows}
