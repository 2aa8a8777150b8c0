"""
Points of the SMPL body to the 33 landmarks.

HMR2 answers with the 25 joints of OpenPose, in the order of POINTS; finger tips are vertices of the body, appended in
the order of TIPS. Left and right are the person's own in all three conventions. Source: 4D-Humans smpl_wrapper.py
(`smpl_to_openpose`), smplx vertex_ids.py and joint_names.py.
"""

from __future__ import annotations

from pose.landmarks import LANDMARK_NAMES, Landmark

JOINTS = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "mid_hip",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
)
# Our name of a finger tip to smplx's name of its vertex.
TIPS = {
    "left_thumb": "lthumb",
    "right_thumb": "rthumb",
    "left_index": "lindex",
    "right_index": "rindex",
    "left_pinky": "lpinky",
    "right_pinky": "rpinky",
}
POINTS = (*JOINTS, *TIPS)

# The body has no point there; the nearest one takes its place, and visibility 0 says so.
STAND_INS = {
    "left_eye_inner": "left_eye",
    "left_eye_outer": "left_eye",
    "right_eye_inner": "right_eye",
    "right_eye_outer": "right_eye",
    "mouth_left": "nose",
    "mouth_right": "nose",
}
_SAME_PLACE = {"left_foot_index": "left_big_toe", "right_foot_index": "right_big_toe"}

# Where each landmark's point stands in POINTS.
INDICES = tuple(POINTS.index(STAND_INS.get(name) or _SAME_PLACE.get(name) or name) for name in LANDMARK_NAMES)


def to_landmarks(points: list[tuple[float, float, float]], *, score: float) -> list[Landmark]:
    """
    The 33 landmarks.

    Args:
        points: x, y and z of each of POINTS, in the units of a landmark.
        score: how sure the detector is of the person, 0 to 1; no better measure of a single point exists.
    """
    return [
        Landmark(name, *points[INDICES[number]], visibility=0.0 if name in STAND_INS else score)
        for number, name in enumerate(LANDMARK_NAMES)
    ]
