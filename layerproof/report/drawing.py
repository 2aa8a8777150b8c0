"""Where things stand in the drawings of the report page: the graph of images, sizes and build times. Numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from layerproof.references import normalize_reference

NODE_HEIGHT = 46
_ROW = NODE_HEIGHT + 14
_GAP = 72
_CHARACTER = 7.3
_MIN_WIDTH, _MAX_WIDTH = 136, 250
# A column with more images goes on beside itself.
_MAX_ROWS = 12
_FOLD_GAP = 30
_SWEEPS = 4
_CHART = (240, 36)
_LEAST_SPAN = 0.02
_BARS_HEIGHT = 96
_BAR = 6
# The lowest time that a bar can show, in seconds: the scale is logarithmic.
_FLOOR_S = 0.1

Kind = Literal["upstream", "base", "service"]


class Node(Struct, frozen=True):
    """One image of the graph: its box, from its upper left corner."""

    name: str
    kind: Kind
    x: float
    y: float
    width: float


class Edge(Struct, frozen=True):
    """What an image is built from: names, and the path of the line."""

    parent: str
    child: str
    path: str


class Graph(Struct, frozen=True):
    """The whole drawing."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def draw_graph(images: Sequence[Mapping[str, Any]]) -> Graph:
    """
    Upstream images on the left, and each image right of all that it is built from.

    Args:
        images: with `image`, `role`, `parents` and `upstreams`, each after its parents.
    """
    # With its tag an upstream is told from an image of the project that is called like it: nginx:latest.
    upstreams = {image["image"]: tuple(map(normalize_reference, image["upstreams"])) for image in images}
    parents = {name: () for names in upstreams.values() for name in names} | {
        image["image"]: (*image["parents"], *upstreams[image["image"]]) for image in images
    }
    kinds: dict[str, Kind] = dict.fromkeys(parents, "upstream") | {image["image"]: image["role"] for image in images}
    depth: dict[str, int] = {}
    for name, above in parents.items():
        depth[name] = 1 + max((depth[parent] for parent in above), default=-1)
    columns = [[name for name in parents if depth[name] == at] for at in range(max(depth.values(), default=-1) + 1)]
    _untangle(columns, parents)
    highest = min(_MAX_ROWS, max(map(len, columns), default=0))
    nodes: dict[str, Node] = {}
    begins: dict[str, float] = {}
    x = 1.0
    for column in columns:
        width = min(_MAX_WIDTH, max(_MIN_WIDTH, 26 + _CHARACTER * max(map(len, column))))
        begin = x
        for at in range(0, len(column), _MAX_ROWS):
            folded = column[at : at + _MAX_ROWS]
            x = begin + at // _MAX_ROWS * (width + _FOLD_GAP)
            top = (_ROW - NODE_HEIGHT) / 2 + max(0, highest - len(column)) * _ROW / 2
            nodes |= {name: Node(name, kinds[name], x, top + row * _ROW, width) for row, name in enumerate(folded)}
            begins |= dict.fromkeys(folded, begin)
        x += width + _GAP
    pairs = [(above, name) for name in parents for above in parents[name]]
    edges = [Edge(above, name, _curve(nodes[above], nodes[name], begins[name])) for above, name in pairs]
    return Graph(max(0.0, x - _GAP + 1), highest * _ROW + 2, tuple(nodes.values()), tuple(edges))


def _untangle(columns: Sequence[list[str]], parents: Mapping[str, Sequence[str]]) -> None:
    """Order each column by where that stands which its images are built from, and what is built from them."""
    linked: dict[str, list[str]] = {name: list(above) for name, above in parents.items()}
    for name, above in parents.items():
        for parent in above:
            linked[parent].append(name)
    for _ in range(_SWEEPS):
        rows = {name: row - len(column) / 2 for column in columns for row, name in enumerate(column)}
        for column in columns:
            column.sort(key=lambda name: sum(rows[other] for other in linked[name]) / max(1, len(linked[name])))
            rows |= {name: row - len(column) / 2 for row, name in enumerate(column)}


def _curve(start: Node, end: Node, begin: float) -> str:
    """From the right of a box to the left of another, whose column begins at `begin`: from there between the rows."""
    x, y, between = start.x + start.width, start.y + NODE_HEIGHT / 2, end.y - (_ROW - NODE_HEIGHT) / 2
    path = f"M{x:.0f} {y:.0f}H{begin - _GAP:.0f}"
    middle = begin - _GAP / 2
    if end.x > begin:
        path += f"C{middle:.0f} {y:.0f} {middle:.0f} {between:.0f} {begin:.0f} {between:.0f}H{end.x - _FOLD_GAP:.0f}"
        y, middle = between, end.x - _FOLD_GAP / 2
    to = end.y + NODE_HEIGHT / 2
    return f"{path}C{middle:.0f} {y:.0f} {middle:.0f} {to:.0f} {end.x:.0f} {to:.0f}"


class SizeLine(Struct, frozen=True):
    """The size of one image over the builds on record, oldest first; `path` is drawn in a box of `_CHART`."""

    image: str
    first: int
    last: int
    least: int
    most: int
    path: str
    end_y: float


def size_lines(builds: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[SizeLine, ...]:
    """
    A line for each of some images, as far as builds have its size.

    Args:
        builds: the newest first; each line goes over all of them, so that the lines can be compared.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    for at, build in enumerate(reversed(builds)):
        for image in build["images"]:
            if image["size_bytes"] is not None:
                places.setdefault(image["image"], []).append((at, image["size_bytes"]))
    return tuple(_size_line(name, places[name], len(builds)) for name in names if name in places)


def _size_line(name: str, points: Sequence[tuple[int, int]], count: int) -> SizeLine:
    width, height = _CHART
    sizes = [size for _, size in points]
    low, high = min(sizes), max(sizes)
    # A change of a few bytes must not look like one that matters.
    span = max(high - low, _LEAST_SPAN * high, 1)
    middle = (high + low) / 2

    def y(size: int) -> float:
        return height / 2 - (height - 8) * (size - middle) / span

    # A size holds until the next build.
    path = f"M{points[0][0] * width / max(1, count):.1f} {y(sizes[0]):.1f}"
    for (at, size), before in zip(points[1:], sizes, strict=False):
        if size != before:
            path += f"H{at * width / count:.1f}V{y(size):.1f}"
    return SizeLine(name, sizes[0], sizes[-1], low, high, f"{path}H{width}", y(sizes[-1]))


class Bar(Struct, frozen=True):
    """One build among the build times; `index` is its place among all builds, `said` what it stands for."""

    index: int
    x: float
    y: float
    height: float
    kind: Literal["ran", "quiet", "failed"]
    said: str


class Bars(Struct, frozen=True):
    """Build times, the oldest on the left, and the lines of their logarithmic scale: `(y, seconds)`."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, float], ...]


def draw_bars(builds: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Bars:
    """
    A bar for each build, proofs left out.

    Args:
        builds: the newest first, with their labels.
    """
    shown = [at for at in range(len(builds) - 1, -1, -1) if builds[at]["kind"] == "build"]
    longest = max((builds[at]["wall_s"] for at in shown), default=1.0)
    decades = max(1.0, math.log10(max(longest, 1.0) / _FLOOR_S))

    def rise(seconds: float) -> float:
        return (_BARS_HEIGHT - 4) * max(0.03, math.log10(max(seconds, _FLOOR_S) / _FLOOR_S) / decades)

    bars = [
        Bar(at, n * _BAR, _BARS_HEIGHT - rise(builds[at]["wall_s"]), rise(builds[at]["wall_s"]), kind, labels[at])
        for n, at in enumerate(shown)
        for kind in [_bar_kind(builds[at])]
    ]
    lines = [(_BARS_HEIGHT - rise(mark), float(mark)) for mark in (1, 10, 60, 600, 3600) if mark < longest]
    return Bars(max(1, len(bars)) * _BAR, _BARS_HEIGHT, tuple(bars), tuple(lines))


def _bar_kind(build: Mapping[str, Any]) -> Literal["ran", "quiet", "failed"]:
    if any(image["action"] == "failed" for image in build["images"]):
        return "failed"
    ran = any(step["state"] == "ran" for image in build["images"] for step in image["steps"])
    return "ran" if ran else "quiet"
