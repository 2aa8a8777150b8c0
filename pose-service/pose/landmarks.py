"""The 33 body landmarks, in the order in which BlazePose numbers them."""

from __future__ import annotations

from dataclasses import dataclass

LANDMARK_NAMES = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)


@dataclass(frozen=True)
class Landmark:
    """
    One point of the body.

    x and y are fractions of the image's width and height from its top left corner, below 0 or above 1 where the point
    is thought to lie outside the image. z is depth in the scale of x, smaller is nearer to the camera. visibility is
    the model's confidence, 0 to 1.
    """

    name: str
    x: float
    y: float
    z: float
    visibility: float


def mean_visibility(landmarks: list[Landmark]) -> float:
    """How sure the model is of the whole body, 0 to 1."""
    return sum(landmark.visibility for landmark in landmarks) / len(landmarks)
