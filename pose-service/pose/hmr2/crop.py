"""
The square around a person, as HMR2 was trained to see it.

Equal to 4D-Humans' ViTDetDataset, which a test holds it to; that class prints a line for every person and blurs the
whole photo where only the crop counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np
import numpy.typing as npt
from skimage.filters import gaussian  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.decoding import Pixels

BoxPx = tuple[float, float, float, float]

_BLUR_FROM = 1.1  # below this factor, sampling the photo without a blur shows no stairs
_BLUR_REACH = 4.0  # the blur looks this many standard deviations far


@dataclass(frozen=True)
class Crop:
    """`image` is (3, side, side), normalised RGB; `centre` and `size_px` say which square of the photo it shows."""

    image: npt.NDArray[np.float32]
    centre: tuple[float, float]
    size_px: float


@dataclass(frozen=True)
class CropFormat:
    """What the network takes: the side of its crop, the shape a box is first widened to, mean and deviation of RGB."""

    side_px: int
    shape: tuple[float, float]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def crop_person(pixels: Pixels, box: BoxPx, form: CropFormat) -> Crop:
    """
    Cut the square around a person out of a photo and normalise it.

    Args:
        pixels: (rows, columns, RGB).
        box: left, top, right, bottom in pixels.
    """
    left, top, right, bottom = (float(np.float32(edge)) for edge in box)
    centre = ((left + right) / 2, (top + bottom) / 2)
    size_px = _widened(right - left, bottom - top, form.shape)
    part, origin = _blurred(pixels, centre, size_px, size_px / form.side_px / 2)
    scale = form.side_px / size_px
    matrix = np.array(
        [
            [scale, 0, form.side_px / 2 - scale * (centre[0] - origin[0])],
            [0, scale, form.side_px / 2 - scale * (centre[1] - origin[1])],
        ]
    )
    side = (form.side_px, form.side_px)
    patch: npt.NDArray[Any] = cv2.warpAffine(part, matrix, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    mean, std = 255 * np.array(form.mean), 255 * np.array(form.std)
    normal = (patch.astype(np.float32) - mean) / std
    return Crop(np.ascontiguousarray(normal.transpose(2, 0, 1), dtype=np.float32), centre, size_px)


def _widened(width: float, height: float, shape: tuple[float, float]) -> float:
    """The longer side of the box once it has the aspect ratio of `shape`."""
    aspect = shape[0] / shape[1]
    return max(width, height * aspect, height, width / aspect)


def _blurred(
    pixels: Pixels, centre: tuple[float, float], size_px: float, factor: float
) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """
    The photo without what a smaller image cannot show, and its left top corner in the photo.

    Where a blur is due it is done for the crop and the rim that it draws on, not for the whole photo.
    """
    if factor <= _BLUR_FROM:
        return pixels, (0, 0)
    sigma = (factor - 1) / 2
    reach = size_px / 2 + _BLUR_REACH * sigma + 2
    rows, columns = pixels.shape[:2]
    left, right = _clipped(centre[0], reach, columns)
    top, bottom = _clipped(centre[1], reach, rows)
    part = pixels[top:bottom, left:right]
    blur: Any = gaussian  # it has no types
    blurred = blur(part, sigma=sigma, channel_axis=2, preserve_range=True, truncate=_BLUR_REACH)
    return blurred, (left, top)


def _clipped(centre: float, reach: float, length: int) -> tuple[int, int]:
    """Whole pixels around `centre`, inside the photo and at least one of them."""
    start = min(max(math.floor(centre - reach), 0), length - 1)
    return start, max(min(math.ceil(centre + reach), length), start + 1)
