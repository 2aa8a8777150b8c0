"""The body model and the small arrays beside it: from verified files to the files that the libraries read."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pose.errors import ConfigurationError
from pose.hmr2 import pickles

Array = npt.NDArray[Any]

VERTICES = 6890
JOINTS = 24

# What smplx takes out of the file, and the shape it must have; None where any length will do.
_SHAPES: dict[str, tuple[int | None, ...]] = {
    "v_template": (VERTICES, 3),
    "shapedirs": (VERTICES, 3, None),
    "posedirs": (VERTICES, 3, 9 * (JOINTS - 1)),
    "J_regressor": (JOINTS, VERTICES),
    "kintree_table": (2, JOINTS),
    "weights": (VERTICES, JOINTS),
    "f": (None, 3),
}


@dataclass(frozen=True)
class BodyFiles:
    """
    Everything HMR2 needs besides its weights.

    Attributes:
        smpl: the arrays of SMPL by their names in its file.
        extra_joints: (19, 6890) regressor of the joints that HMR2 adds.
        mean: `pose` (144: six numbers for each of 24 rotations), `shape` (10) and `cam` (3), where the network starts.
        config: text of model_config.yaml.
    """

    smpl: dict[str, Array]
    extra_joints: Array
    mean: dict[str, Array]
    config: str

    def write(self, folder: Path) -> None:
        """Write them as arrays without any other object, in the layout that `paths` in network.py expects."""
        (folder / "smpl").mkdir(parents=True)
        (folder / "smpl" / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(self.smpl, protocol=4))
        (folder / "SMPL_to_J19.pkl").write_bytes(pickle.dumps(self.extra_joints, protocol=4))
        np.savez(folder / "smpl_mean_params.npz", **self.mean)  # type: ignore[arg-type,unused-ignore]
        (folder / "model_config.yaml").write_text(self.config, encoding="utf-8")


def read_smpl(stream: BinaryIO) -> dict[str, Array]:
    """
    Read a body model as it is distributed (Python 2, chumpy arrays) or converted to plain arrays.

    Raises:
        ConfigurationError: not a SMPL model of 6890 vertices.
    """
    try:
        data = pickles.load(stream)
        found = {name: pickles.as_array(data[name]) for name in _SHAPES}
    except Exception as error:  # damaged pickles raise whatever their bytes spell
        raise ConfigurationError(f"SMPL_NEUTRAL.pkl holds no body model: {_said(error)}") from error
    for name, shape in _SHAPES.items():
        actual = found[name].shape
        if len(actual) != len(shape) or any(want not in (None, actual[axis]) for axis, want in enumerate(shape)):
            raise ConfigurationError(f"SMPL_NEUTRAL.pkl holds no SMPL model: {name} has the shape {actual}")
    return found


def read_extra_joints(stream: BinaryIO) -> Array:
    """
    Read the regressor of HMR2's further joints.

    Raises:
        ConfigurationError: not an array with a column for each vertex.
    """
    try:
        found = pickles.as_array(pickles.load(stream))
    except Exception as error:
        raise ConfigurationError(f"SMPL_to_J19.pkl holds no array: {_said(error)}") from error
    if found.ndim != 2 or found.shape[1] != VERTICES:
        raise ConfigurationError(f"SMPL_to_J19.pkl holds no joint regressor: its shape is {found.shape}")
    return found


def read_mean(stream: BinaryIO) -> dict[str, Array]:
    """
    Read the mean pose, shape and camera.

    Raises:
        ConfigurationError: one of them is missing or not of its length.
    """
    try:
        with np.load(stream, allow_pickle=False) as archive:
            found = {name: archive[name] for name in ("pose", "shape", "cam")}
    except Exception as error:
        raise ConfigurationError(f"smpl_mean_params.npz holds no mean body: {_said(error)}") from error
    sizes = {name: array.size for name, array in found.items()}
    if sizes != {"pose": 6 * JOINTS, "shape": 10, "cam": 3}:
        raise ConfigurationError(f"smpl_mean_params.npz holds no mean body: its sizes are {sizes}")
    return found


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
