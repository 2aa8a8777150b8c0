"""What the demo shows at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from layerproof.report.text import table

VISIBLE = 0.5


def render_analysis(analysis: Mapping[str, Any], photo: Path) -> RenderableType:
    """The landmarks of one photo, every one with its place and visibility, and the joint angles."""
    landmarks = analysis["landmarks"]
    visible = sum(mark["visibility"] >= VISIBLE for mark in landmarks)
    size = analysis["image"]
    rows = table("landmark", "x", "y", "visibility", right=("x", "y", "visibility"))
    for mark in landmarks:
        style = "" if mark["visibility"] >= VISIBLE else "dim"
        rows.add_row(
            Text(mark["name"], style=style),
            f"{mark['x'] * size['width']:.0f}",
            f"{mark['y'] * size['height']:.0f}",
            f"{mark['visibility']:.2f}",
        )
    angles = ", ".join(f"{name} {value:.0f}°" for name, value in analysis["angles"].items() if value is not None)
    engine, identifier = analysis["engine"], analysis["id"]
    head = f"{photo.name}: {len(landmarks)} landmarks by {engine}, {visible} visible; analysis {identifier}"
    return Group(Text(head, style="bold"), rows, Text(f"angles: {angles}" if angles else "no joint angle is visible"))


def render_end(screenshot: Path | None) -> RenderableType:
    """Where the picture is, and how to go on."""
    shot = [Text(f"the page with this analysis: {screenshot}")] if screenshot else []
    return Group(*shot, Text("inv verify checks it again, inv down stops it.", style="dim"))
