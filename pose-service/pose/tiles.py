"""Crops of a frame in which a small person becomes large enough to be found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pose.landmarks import Landmark

MIN_SIDE_PX = 96  # below this, a person is too coarse for any landmark to mean something


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def levels(width: int, height: int) -> Iterator[list[Box]]:
    """
    Square tiles of a frame, half overlapping, from coarse to fine.

    The first level's tiles are as large as the short side and appear for wide or tall frames only, since a square frame
    is its own tile. The next levels are a half and a third of it.
    """
    short = min(width, height)
    for divisor in (1, 2, 3):
        side = short // divisor
        if side < MIN_SIDE_PX:
            return
        tiles = [
            Box(left, top, left + side, top + side) for top in _starts(height, side) for left in _starts(width, side)
        ]
        if len(tiles) > 1:
            yield tiles


def around(landmarks: list[Landmark], *, width: int, height: int) -> Box:
    """The square around a body with half as much again on all sides, moved and cut to fit the frame."""
    xs = [landmark.x * width for landmark in landmarks]
    ys = [landmark.y * height for landmark in landmarks]
    side = max(max(xs) - min(xs), max(ys) - min(ys), MIN_SIDE_PX) * 1.5
    left, right = _span((max(xs) + min(xs)) / 2, side, width)
    top, bottom = _span((max(ys) + min(ys)) / 2, side, height)
    return Box(left, top, right, bottom)


def to_frame(landmarks: list[Landmark], box: Box, *, width: int, height: int) -> list[Landmark]:
    """Landmarks found in the crop `box`, as fractions of the whole frame."""
    return [
        replace(
            landmark,
            x=(landmark.x * box.width + box.left) / width,
            y=(landmark.y * box.height + box.top) / height,
            z=landmark.z * box.width / width,
        )
        for landmark in landmarks
    ]


def _starts(length: int, side: int) -> list[int]:
    """Offsets of half-overlapping windows, the last one flush with the end."""
    last = length - side
    return [*range(0, last, side // 2), last] if last else [0]


def _span(centre: float, side: float, length: int) -> tuple[int, int]:
    """A window of `side` around `centre`, shifted inside 0 to `length`."""
    size = min(round(side), length)
    start = min(max(round(centre - size / 2), 0), length - size)
    return start, start + size
