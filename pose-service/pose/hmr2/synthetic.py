"""
A body in the shape of SMPL's data, made up from the proportions of a standing adult; nothing of SMPL is copied.

It lets the whole path run without a licensed file. It looks like a stick figure, and what is measured on it means
nothing for people.
"""

from __future__ import annotations

import numpy as np

from pose.hmr2.body import JOINTS, VERTICES, Array, BodyFiles

# Joints by name, with parent and place in metres: left of the person, up, forward. The order is SMPL's kinematic tree
# (smplx, joint_names.py), since HMR2 addresses joints by number.
_SKELETON: tuple[tuple[str, int, tuple[float, float, float]], ...] = (
    ("pelvis", -1, (0.0, 0.0, 0.0)),
    ("left_hip", 0, (0.09, -0.08, 0.0)),
    ("right_hip", 0, (-0.09, -0.08, 0.0)),
    ("spine1", 0, (0.0, 0.11, -0.02)),
    ("left_knee", 1, (0.10, -0.48, 0.0)),
    ("right_knee", 2, (-0.10, -0.48, 0.0)),
    ("spine2", 3, (0.0, 0.25, -0.01)),
    ("left_ankle", 4, (0.10, -0.89, -0.04)),
    ("right_ankle", 5, (-0.10, -0.89, -0.04)),
    ("spine3", 6, (0.0, 0.30, 0.0)),
    ("left_foot", 7, (0.11, -0.95, 0.08)),
    ("right_foot", 8, (-0.11, -0.95, 0.08)),
    ("neck", 9, (0.0, 0.50, -0.02)),
    ("left_collar", 9, (0.08, 0.42, -0.02)),
    ("right_collar", 9, (-0.08, 0.42, -0.02)),
    ("head", 12, (0.0, 0.58, 0.02)),
    ("left_shoulder", 13, (0.18, 0.44, -0.02)),
    ("right_shoulder", 14, (-0.18, 0.44, -0.02)),
    ("left_elbow", 16, (0.44, 0.43, -0.03)),
    ("right_elbow", 17, (-0.44, 0.43, -0.03)),
    ("left_wrist", 18, (0.69, 0.44, -0.03)),
    ("right_wrist", 19, (-0.69, 0.44, -0.03)),
    ("left_hand", 20, (0.77, 0.43, -0.04)),
    ("right_hand", 21, (-0.77, 0.43, -0.04)),
)
# Places, beside the joint they move with, of the vertices that have names; the other side is their mirror image.
_FACE = {"nose": (0.0, 0.62, 0.14)}
_LEFT = {
    "leye": (15, (0.03, 0.66, 0.11)),
    "lear": (15, (0.08, 0.64, 0.02)),
    "lthumb": (22, (0.80, 0.42, 0.05)),
    "lindex": (22, (0.88, 0.43, 0.00)),
    "lmiddle": (22, (0.89, 0.43, -0.02)),
    "lring": (22, (0.88, 0.43, -0.04)),
    "lpinky": (22, (0.86, 0.43, -0.07)),
    "LBigToe": (10, (0.09, -0.97, 0.16)),
    "LSmallToe": (10, (0.16, -0.97, 0.12)),
    "LHeel": (7, (0.10, -0.96, -0.08)),
}
_PARTNER = {joint: joint + 1 for joint in (7, 10, 22)}  # 15, the head, is its own
_RING = 8  # vertices whose middle is a joint
_THICKNESS_M = 0.06

CONFIG = """\
MODEL:
  IMAGE_SIZE: 256
  IMAGE_MEAN: [0.485, 0.456, 0.406]
  IMAGE_STD: [0.229, 0.224, 0.225]
  BACKBONE:
    TYPE: vit
  SMPL_HEAD:
    TYPE: transformer_decoder
    IN_CHANNELS: 2048
    INIT_DECODER_XAVIER: true
    TRANSFORMER_DECODER:
      depth: 6
      heads: 8
      mlp_dim: 1024
      dim_head: 64
      dropout: 0.0
      emb_dropout: 0.0
      norm: layer
      context_dim: 1280
SMPL:
  MODEL_PATH: data/smpl
  GENDER: neutral
  NUM_BODY_JOINTS: 23
  JOINT_REGRESSOR_EXTRA: data/SMPL_to_J19.pkl
  MEAN_PARAMS: data/smpl_mean_params.npz
LOSS_WEIGHTS:
  ADVERSARIAL: 0.0005
EXTRA:
  FOCAL_LENGTH: 5000
"""


def synthetic_body(vertex_ids: dict[str, int]) -> BodyFiles:
    """
    A standing body that faces the camera, arms out.

    Args:
        vertex_ids: smplx's numbers of the named vertices, such as `nose` or `LHeel`.
    """
    places = np.array([place for _, _, place in _SKELETON])
    owners, vertices = _limbs(places)
    regressor = _rings(places, owners, vertices, taken=set(vertex_ids.values()))
    for name, (joint, place) in _named().items():
        vertices[vertex_ids[name]], owners[vertex_ids[name]] = place, joint
    smpl = {
        "v_template": vertices,
        "shapedirs": _shapes(vertices),
        "posedirs": np.zeros((VERTICES, 3, 9 * (JOINTS - 1)), np.float32),
        "J_regressor": regressor,
        "kintree_table": np.array([[max(parent, 0) for _, parent, _ in _SKELETON], range(JOINTS)], np.int64),
        "weights": _skinning(owners),
        "f": np.stack([np.arange(VERTICES - 2) + corner for corner in range(3)], axis=1).astype(np.int64),
    }
    return BodyFiles(smpl=smpl, extra_joints=regressor[:19], mean=_mean(), config=CONFIG)


def _mean() -> dict[str, Array]:
    """Every joint at rest; the whole body turned by half a turn about x, since a camera's y points down."""
    rest = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], JOINTS)
    rest[4] = -1.0
    return {"pose": rest, "shape": np.zeros(10), "cam": np.array([0.9, 0.0, 0.1])}


def _named() -> dict[str, tuple[int, tuple[float, float, float]]]:
    """Joint and place of every named vertex, both sides."""
    right = {
        name.replace("l", "r", 1) if name[0] == "l" else f"R{name[1:]}": (_PARTNER.get(joint, joint), (-x, y, z))
        for name, (joint, (x, y, z)) in _LEFT.items()
    }
    return {**{name: (15, place) for name, place in _FACE.items()}, **_LEFT, **right}


def _limbs(places: Array) -> tuple[Array, Array]:
    """The joint each vertex moves with, and its place: rings around the line from the joint's parent to it."""
    owners = np.arange(VERTICES) % JOINTS
    along = (np.arange(VERTICES) // JOINTS) / (VERTICES // JOINTS + 1)
    parents = np.array([max(parent, 0) for _, parent, _ in _SKELETON])[owners]
    middle = places[parents] + (places[owners] - places[parents]) * along[:, None]
    angle = np.arange(VERTICES) * 2.4  # radians; never the same again
    ring = np.stack([np.cos(angle), np.zeros(VERTICES), np.sin(angle)], axis=1) * _THICKNESS_M
    return np.where(along > 0.5, owners, parents), middle + ring


def _rings(places: Array, owners: Array, vertices: Array, *, taken: set[int]) -> Array:
    """Move some free vertices of each joint to a ring around it; the regressor takes their mean."""
    regressor = np.zeros((JOINTS, VERTICES))
    free = iter([index for index in range(VERTICES) if index not in taken])
    turn = np.arange(_RING) * 2 * np.pi / _RING
    ring = np.stack([np.cos(turn), np.zeros(_RING), np.sin(turn)], axis=1) * _THICKNESS_M
    for joint, place in enumerate(places):
        chosen = [next(free) for _ in range(_RING)]
        vertices[chosen], owners[chosen] = place + ring, joint
        regressor[joint, chosen] = 1 / _RING
    return regressor


def _shapes(vertices: Array) -> Array:
    """Ten ways to be built: stature, girth, and eight that change next to nothing."""
    shapes = np.zeros((VERTICES, 3, 10), np.float32)
    shapes[:, :, 0] = 0.03 * vertices
    shapes[:, 0::2, 1] = 0.03 * vertices[:, 0::2]
    for index in range(2, 10):
        shapes[:, :, index] = 0.002 * np.sin(vertices * index)
    return shapes


def _skinning(owners: Array) -> Array:
    """Each vertex moves with its joint, and a little with the joint's parent."""
    weights = np.zeros((VERTICES, JOINTS))
    parents = np.array([max(parent, 0) for _, parent, _ in _SKELETON])
    np.add.at(weights, (np.arange(VERTICES), owners), 0.8)
    np.add.at(weights, (np.arange(VERTICES), parents[owners]), 0.2)
    return weights
