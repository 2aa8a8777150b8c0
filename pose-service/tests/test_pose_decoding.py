from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from fakes import photo
from pose.decoding import MAX_IMAGE_BYTES, MAX_SIDE_PX, decode
from pose.errors import DamagedImage, MissingImage, PoseError, TooLarge, TooManyPixels, UnsupportedMedia


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_are_read(image_format: str) -> None:
    decoded = decode(photo(image_format, size=(64, 48)))
    assert (decoded.width, decoded.height, decoded.pixels.shape) == (64, 48, (48, 64, 3))


@pytest.mark.parametrize(
    ("image_format", "mode"),
    [("PNG", "1"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "I;16"), ("JPEG", "CMYK")],
)
def test_every_pixel_mode_becomes_rgb(image_format: str, mode: str) -> None:
    assert decode(photo(image_format, mode=mode)).pixels.shape == (48, 64, 3)


def test_a_sixteen_bit_image_keeps_its_brightness() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(stream, "PNG")
    assert decode(stream.getvalue()).pixels.mean() == 0x80


def test_an_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    decoded = decode(photo(size=(64, 48), exif=exif))
    assert (decoded.width, decoded.height, decoded.pixels.shape) == (48, 64, (64, 48, 3))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_a_large_photo_is_scaled_down_and_keeps_its_stated_size(image_format: str) -> None:
    decoded = decode(photo(image_format, size=(5000, 1000), mode="L"))
    assert (decoded.width, decoded.height) == (5000, 1000)
    assert max(decoded.pixels.shape) == MAX_SIDE_PX


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", MissingImage, id="nothing"),
        pytest.param(b"hello", UnsupportedMedia, id="text"),
        pytest.param(photo("GIF", mode="L"), UnsupportedMedia, id="a GIF"),
        pytest.param(photo("TIFF"), UnsupportedMedia, id="a TIFF"),
        pytest.param(photo("JPEG")[:-300], DamagedImage, id="a cut JPEG"),
        pytest.param(photo("JPEG")[:10], DamagedImage, id="a JPEG cut in its header"),
        pytest.param(photo("PNG")[:-300], DamagedImage, id="a cut PNG"),
        pytest.param(photo("WEBP")[:-300], DamagedImage, id="a cut WebP"),
        pytest.param(b"RIFF\0\0\0\0WEBP", DamagedImage, id="a WebP without an image"),
        pytest.param(b"\xff\xd8\xff" + bytes(MAX_IMAGE_BYTES - 2), TooLarge, id="one byte too many"),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, error: type[PoseError]) -> None:
    with pytest.raises(error):
        decode(data)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_no_damage_escapes_as_another_exception(image_format: str) -> None:
    whole = photo(image_format, size=(40, 30))
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(300):
        broken = bytearray(whole)
        for position in rng.integers(3, len(whole), size=4):
            broken[position] = int(rng.integers(256))
        try:
            decode(bytes(broken[: rng.integers(12, len(whole) + 1)]))
        except PoseError:
            refused += 1
    assert refused > 0


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    empty = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (chunk, empty)
    )


@pytest.mark.parametrize("size", [(30_000, 30_000), (50_001, 1000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    bomb = png_header(*size)
    tracemalloc.start()
    with pytest.raises(TooManyPixels):
        decode(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_fifty_million_pixels_pass_the_header() -> None:
    with pytest.raises(DamagedImage):  # the size is accepted, then the pixels are missing
        decode(png_header(50_000, 1000))
