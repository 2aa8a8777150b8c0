"""Points of the body, in metres, to fractions of the whole image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class View:
    """
    How the network saw the person.

    Attributes:
        camera: scale and translation (s, tx, ty) that the network answered for its square crop.
        centre: centre of the crop in the image, in pixels.
        size_px: side of the crop in the image, in pixels.
        image_size: width and height of the image, in pixels.
        focal_px: focal length for the whole image, in pixels.
    """

    camera: tuple[float, float, float]
    centre: tuple[float, float]
    size_px: float
    image_size: tuple[int, int]
    focal_px: float


def translation(view: View) -> Array:
    """
    Where the body's origin lies before a camera that sees the whole image, in metres: right, down, away.

    Source: 4D-Humans, `cam_crop_to_full`.
    """
    scale, right, down = view.camera
    side = view.size_px * scale + 1e-9
    offset_x = view.centre[0] - view.image_size[0] / 2
    offset_y = view.centre[1] - view.image_size[1] / 2
    return np.array([right + 2 * offset_x / side, down + 2 * offset_y / side, 2 * view.focal_px / side])


def project(points: Array, *, hips: tuple[int, int], view: View) -> Array:
    """
    Project points of the body into the image.

    Args:
        points: (N, 3), metres, in the camera's axes: right, down, away.
        hips: indices of the two points whose middle has depth 0.

    Returns:
        (N, 3): x and y as fractions of width and height; z relative to the mid-hip, in the scale that x has at the
        mid-hip's distance, smaller nearer. Not finite, or with points behind the camera, where the network's camera
        makes no sense; see `makes_sense`.
    """
    width, height = view.image_size
    seen = points.astype(np.float64) + translation(view)
    middle = seen[list(hips)].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        x = (view.focal_px * seen[:, 0] / seen[:, 2] + width / 2) / width
        y = (view.focal_px * seen[:, 1] / seen[:, 2] + height / 2) / height
        z = (seen[:, 2] - middle[2]) * view.focal_px / middle[2] / width
    return np.stack([x, y, z], axis=1)


def makes_sense(projected: Array, *, view: View) -> bool:
    """Whether the body stands before the camera and every coordinate is a number."""
    return view.camera[0] > 0 and bool(np.isfinite(projected).all())
