from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pose.angles import angle_deg, joint_angles
from pose.landmarks import LANDMARK_NAMES, Landmark


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param((-1, 0, 0), (1, 0, 0), 180, id="a straight limb"),
        pytest.param((1, 0, 0), (0, 1, 0), 90, id="a right angle in the image plane"),
        pytest.param((1, 0, 0), (0, 0, 1), 90, id="a right angle towards the camera"),
        pytest.param((2, 0, 0), (5, 0, 0), 0, id="a limb folded onto itself"),
        pytest.param((1, 0, 0), (1, 1, 0), 45, id="lengths do not matter"),
        pytest.param((1, 0, 0), (math.cos(1e-6), math.sin(1e-6), 0), math.degrees(1e-6), id="exact near zero"),
        pytest.param((0, 0, 0), (1, 0, 0), 0, id="coinciding points have no angle"),
    ],
)
def test_angle_at_the_origin(first: tuple[float, ...], last: tuple[float, ...], expected: float) -> None:
    assert angle_deg(first, (0, 0, 0), last) == pytest.approx(expected)  # type: ignore[arg-type]  # always three


def body(**moved: tuple[float, float]) -> list[Landmark]:
    return [Landmark(name, *moved.get(name, (0.5, 0.5)), z=0, visibility=1) for name in LANDMARK_NAMES]


def test_every_joint_of_both_sides_has_an_angle() -> None:
    joints = ("elbow", "shoulder", "hip", "knee", "ankle")
    assert set(joint_angles(body(), width=10, height=10)) == {f"{s}_{j}" for s in ("left", "right") for j in joints}


def test_a_joint_with_a_hidden_landmark_has_no_angle() -> None:
    landmarks = [replace(mark, visibility=0.1) if mark.name == "left_ankle" else mark for mark in body()]
    angles = joint_angles(landmarks, width=10, height=10)
    assert angles["left_knee"] is None
    assert angles["left_ankle"] is None
    assert angles["left_hip"] is not None


def test_the_shape_of_the_image_counts() -> None:
    # hip above the knee, ankle one width to the right: 90 degrees in pixels whatever the fractions look like
    landmarks = body(left_hip=(0.2, 0.2), left_knee=(0.2, 0.6), left_ankle=(0.9, 0.6))
    assert joint_angles(landmarks, width=1600, height=400)["left_knee"] == 90
    tilted = body(left_hip=(0.0, 0.5), left_knee=(0.5, 0.5), left_ankle=(0.75, 1.0))
    assert joint_angles(tilted, width=200, height=100)["left_knee"] == 135
