"""
Bytes of a photo to pixels, with limits that hold before anything large is allocated.

The format is judged by the first bytes, never by a name or a header of the request. The number of pixels is read
from the image's own header; only then are pixels decoded.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps

from pose.errors import DamagedImage, MissingImage, TooLarge, TooManyPixels, UnsupportedMedia

Pixels = npt.NDArray[np.uint8]

MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE_PX = 2048  # what the engine sees; a larger photo shows it nothing more

# Pillow's own limit is looser than ours and speaks through warnings; ours is checked on the header below.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False

# What Pillow's decoders raise on broken data, as seen when cutting and flipping bytes of real files.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, KeyError, struct.error)
_TRANSPOSED = {5, 6, 7, 8}  # EXIF orientations that swap width and height
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Photo:
    """An upright photo: `pixels` is (rows, columns, RGB), scaled to MAX_SIDE_PX; the size is the original's."""

    pixels: Pixels
    width: int
    height: int


def sniff(data: bytes) -> str | None:
    """The format that the first bytes announce, as Pillow names it; None for any other."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def decode(data: bytes) -> Photo:
    """
    Decode one JPEG, PNG or WebP photo.

    Raises:
        MissingImage: no bytes at all.
        TooLarge: more than MAX_IMAGE_BYTES.
        UnsupportedMedia: another format, or no image.
        TooManyPixels: the header announces more than MAX_PIXELS.
        DamagedImage: the header or the pixels cannot be read.
    """
    if not data:
        raise MissingImage("The image is empty.")
    if len(data) > MAX_IMAGE_BYTES:
        raise TooLarge(f"The image is larger than {MAX_IMAGE_BYTES // 1024 // 1024} MiB.")
    image_format = sniff(data)
    if image_format is None:
        raise UnsupportedMedia("The file is not a JPEG, PNG or WebP image.")
    try:
        with Image.open(io.BytesIO(data), formats=[image_format]) as image:
            if image.width * image.height > MAX_PIXELS:
                size = f"{image.width} x {image.height}"
                raise TooManyPixels(f"The image has {size} pixels; at most {MAX_PIXELS // 1_000_000} million are read.")
            return _upright(image)
    except _BROKEN as error:
        raise DamagedImage(f"The {image_format} image is damaged or cut off.") from error


def _upright(image: Image.Image) -> Photo:
    width, height = image.size
    orientation = image.getexif().get(_ORIENTATION_TAG)
    if orientation in _TRANSPOSED:
        width, height = height, width
    image.draft("RGB", (MAX_SIDE_PX, MAX_SIDE_PX))  # a large JPEG is decoded at a fraction of its size
    image.load()
    if image.mode.startswith("I"):
        image = _eight_bit(image)
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    upright = ImageOps.exif_transpose(image).convert("RGB")
    return Photo(pixels=np.asarray(upright), width=width, height=height)


def _eight_bit(image: Image.Image) -> Image.Image:
    """A 16-bit grey image in 8 bits; Pillow's own conversion would cut every value above 255."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
