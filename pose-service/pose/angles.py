"""Joint angles in degrees, from landmarks."""

from __future__ import annotations

import math

from pose.landmarks import Landmark

Point = tuple[float, float, float]

MIN_VISIBILITY = 0.5

# The angle lies at the middle one of three landmarks: 180 is a straight limb.
_CHAINS = {
    "elbow": ("shoulder", "elbow", "wrist"),
    "shoulder": ("elbow", "shoulder", "hip"),
    "hip": ("shoulder", "hip", "knee"),
    "knee": ("hip", "knee", "ankle"),
    "ankle": ("knee", "ankle", "foot_index"),
}


def angle_deg(first: Point, vertex: Point, last: Point) -> float:
    """
    Angle at `vertex` between the directions to `first` and to `last`.

    Returns:
        0 to 180 degrees; 0 where two of the points coincide and no angle exists.
    """
    ax, ay, az = _minus(first, vertex)
    bx, by, bz = _minus(last, vertex)
    dot = ax * bx + ay * by + az * bz
    cross = math.hypot(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    # atan2 stays exact near 0 and 180 degrees, where acos of the dot product does not.
    return math.degrees(math.atan2(cross, dot))


def _minus(p: Point, q: Point) -> Point:
    return p[0] - q[0], p[1] - q[1], p[2] - q[2]


def joint_angles(landmarks: list[Landmark], *, width: int, height: int) -> dict[str, float | None]:
    """
    Angles of both sides, named `left_knee` and so on; `width` and `height` make the axes comparable.

    Returns:
        None where one of the three landmarks is hidden: an angle there would be a guess that looks measured.
    """
    seen = [mark for mark in landmarks if mark.visibility >= MIN_VISIBILITY]
    points = {mark.name: (mark.x * width, mark.y * height, mark.z * width) for mark in seen}
    chains = {
        f"{side}_{joint}": tuple(f"{side}_{part}" for part in chain)
        for joint, chain in _CHAINS.items()
        for side in ("left", "right")
    }
    return {
        name: round(angle_deg(*(points[part] for part in chain)), 1) if points.keys() >= set(chain) else None
        for name, chain in chains.items()
    }
