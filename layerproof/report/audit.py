"""What is inside images, as text that stays readable at 80 columns, and as JSON documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import asdict
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from layerproof.audit import Found, ImageAudit, Weight
from layerproof.audit.compare import Change, Comparison
from layerproof.report.text import short, size, table

SCHEMA = 1
_MAX_PLACES = 3
_MAX_WEIGHTS = 10
_MAX_CHANGES = 20


def render_audits(audits: Sequence[ImageAudit], *, details: bool = False) -> RenderableType:
    """One row an image; below it what is forbidden in each, and, with details, its layers and largest files."""
    rows = table("image", "", "size", "wasted", "user", right=("size", "wasted"))
    for item in audits:
        state = Text("clean", "green") if item.passed else Text(f"{len(item.forbidden) + len(item.over)} found", "red")
        rows.add_row(item.image, state, size(item.size_bytes), size(item.wasted_bytes), item.user)
    parts: list[RenderableType] = [rows]
    for item in audits:
        lines = [*_found(item), *(_details(item) if details else ())]
        if lines:
            parts += ["", Text.assemble((item.image, "bold"), (f"  {item.tag}", "dim")), *lines]
    return Group(*parts)


def render_comparison(found: Comparison) -> RenderableType:
    """Both images, by how much each folder has grown, the files that differ, and what was found in one of them only."""
    rows = table("image", "size", "wasted", "layers", "found", right=("size", "wasted", "layers", "found"))
    for item in (found.before, found.now):
        counts = str(len(item.layers)), str(len(item.found))
        rows.add_row(item.tag, size(item.size_bytes), size(item.wasted_bytes), *counts)
    parts: list[RenderableType] = [rows]
    if not found.changes:
        parts.append("no file differs")
    else:
        many = "1 file differs" if len(found.changes) == 1 else f"{len(found.changes)} files differ"
        parts += ["", Text(f"{many}, by folder", "bold"), *(_grown(item) for item in found.folders[:_MAX_WEIGHTS])]
        parts += ["", Text("the largest differences", "bold")]
        parts += [_change(item) for item in found.changes[:_MAX_CHANGES]]
    for title, style, items in (("found now", "red", found.appeared), ("not there any more", "green", found.gone)):
        if items:
            parts += ["", Text(title, f"bold {style}"), *_lines(items)]
    return Group(*parts)


def audits_document(audits: Sequence[ImageAudit]) -> dict[str, Any]:
    """
    `{"schema", "passed", "images": [{"image", "tag", "id", "passed", "size_bytes", "user", "wasted_bytes",
    "forbidden": [{"path", "kind", "detail", "layer", "size_bytes"}], "allowed": [the same, and "reason"],
    "over": [text], "layers": [{"size_bytes", "created_by", "from"}], "stages": [{"from", "size_bytes"}], "largest":
    [{"path", "size_bytes"}], "wasted": [the same]}]}`; layers count from 1, 0 is the image's configuration.
    """
    images = [audit_document(item) for item in audits]
    return {"schema": SCHEMA, "passed": all(item.passed for item in audits), "images": images}


def audit_document(item: ImageAudit) -> dict[str, Any]:
    """One image of `audits_document`."""
    return {
        "image": item.image,
        "tag": item.tag,
        "id": item.id,
        "passed": item.passed,
        "size_bytes": item.size_bytes,
        "user": item.user,
        "wasted_bytes": item.wasted_bytes,
        "forbidden": [_found_document(entry) for entry in item.forbidden],
        "allowed": [{**_found_document(entry), "reason": entry.allowed} for entry in item.found if entry.allowed],
        "over": list(item.over),
        "layers": [
            {"size_bytes": layer.size_bytes, "created_by": layer.created_by, "from": layer.origin}
            for layer in item.layers
        ],
        "stages": [{"from": name, "size_bytes": size_bytes} for name, size_bytes in _by_origin(item).items()],
        "largest": [asdict(weight) for weight in item.largest],
        "wasted": [asdict(weight) for weight in item.wasted],
    }


def comparison_document(found: Comparison) -> dict[str, Any]:
    """
    `{"schema", "now": image, "before": image, "changes": [{"path", "before_bytes", "now_bytes"}], "appeared": [found],
    "gone": [found]}`; an image is one of those above, found is an entry of its "forbidden", and bytes are null where
    the file is not there.
    """
    return {
        "schema": SCHEMA,
        "now": audit_document(found.now),
        "before": audit_document(found.before),
        "changes": [asdict(change) for change in found.changes],
        "appeared": [_found_document(entry) for entry in found.appeared],
        "gone": [_found_document(entry) for entry in found.gone],
    }


def _found_document(item: Found) -> dict[str, Any]:
    return {
        "path": item.path,
        "kind": item.kind,
        "detail": item.detail,
        "layer": item.layer,
        "size_bytes": item.size_bytes,
    }


def _found(item: ImageAudit) -> Iterator[RenderableType]:
    yield from _lines(item.forbidden)
    for text in item.over:
        yield _indented(Text.assemble(("budget", "red"), f"  {text}"))
    if many := len(item.found) - len(item.forbidden):
        yield _indented(Text(f"{many} allowed by the configuration", "dim"))


def _lines(found: Sequence[Found]) -> Iterator[RenderableType]:
    """A line for each thing; of one that is in many places, such as the programs of apt, the first places."""
    groups: dict[tuple[str, str], list[Found]] = {}
    for entry in found:
        groups.setdefault((entry.kind, entry.detail), []).append(entry)
    for (kind, detail), entries in groups.items():
        line = Text.assemble((kind, "red"), f"  {detail}  ")
        line.append(", ".join(entry.path for entry in entries[:_MAX_PLACES]), "bold")
        if len(entries) > _MAX_PLACES:
            line.append(f" and {len(entries) - _MAX_PLACES} more")
        if size_bytes := sum(entry.size_bytes for entry in entries):
            line.append(f"  {size(size_bytes)}", "dim")
        layers = sorted({entry.layer for entry in entries} - {0})
        if layers:
            line.append(f"  layer {', '.join(map(str, layers))}", "dim")
        yield _indented(line)


def _details(item: ImageAudit) -> Iterator[RenderableType]:
    layers = table("layer", "size", "from", "made by", right=("layer", "size"))
    for number, layer in enumerate(item.layers, start=1):
        layers.add_row(str(number), size(layer.size_bytes), layer.origin, short(layer.created_by, 60))
    yield _indented(layers)
    yield _indented(Text("size by stage", "bold"))
    yield _indented(_weights([Weight(name, size_bytes) for name, size_bytes in _by_origin(item).items()]))
    for title, weights in (
        ("the largest files", item.largest),
        ("written and then overwritten or removed", item.wasted),
    ):
        if weights:
            yield _indented(Text(title, "bold"))
            yield _indented(_weights(weights[:_MAX_WEIGHTS]))


def _by_origin(item: ImageAudit) -> dict[str, int]:
    """How much of an image comes from each stage or image, the lowest first."""
    sizes: dict[str, int] = {}
    for layer in item.layers:
        sizes[layer.origin] = sizes.get(layer.origin, 0) + layer.size_bytes
    return sizes


def _weights(weights: Sequence[Weight]) -> RenderableType:
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(justify="right", no_wrap=True)
    rows.add_column(overflow="fold")
    for weight in weights:
        rows.add_row(size(weight.size_bytes), weight.path)
    return rows


def _grown(item: Weight) -> RenderableType:
    return _indented(Text.assemble(_signed(item.size_bytes), f"  {item.path}"))


def _change(item: Change) -> RenderableType:
    what = "added" if item.before_bytes is None else "removed" if item.now_bytes is None else "changed"
    line = Text.assemble(_signed(item.grown_bytes), (f"  {what}  ", "dim"), item.path)
    return _indented(line)


def _signed(size_bytes: int) -> str:
    return f"{'-' if size_bytes < 0 else '+'}{size(abs(size_bytes))}".rjust(9)


def _indented(part: RenderableType) -> RenderableType:
    return Padding(part, (0, 0, 0, 2), expand=False)
