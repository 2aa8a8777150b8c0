"""Photos made on the spot, and an engine that needs no model."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from pose.decoding import Pixels
from pose.engine import Model
from pose.landmarks import LANDMARK_NAMES, Landmark


class FakeEngine:
    """Sees a person wherever the photo is not black, partly outside it."""

    name = "fake"

    def models(self) -> list[Model]:
        return [Model("none_needed", loaded=True)]

    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        if not pixels.any():
            return None
        count = len(LANDMARK_NAMES)
        return [Landmark(name, 1.5 * i / count, i / count, -0.1, 0.9) for i, name in enumerate(LANDMARK_NAMES)]


def photo(image_format: str = "JPEG", *, size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: Any) -> bytes:
    """An encoded photo with detail in it, so that its bytes can be cut in the middle of the pixels."""
    stream = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(stream, image_format, **save)
    return stream.getvalue()
