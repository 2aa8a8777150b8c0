"""The real engine; run where mediapipe is, for example in the image: see README.md."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pose.engine import Engine, Model, load_engine

pytestmark = pytest.mark.mediapipe
pytest.importorskip("mediapipe", reason="mediapipe comes with the base image")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("mediapipe")


@pytest.fixture(scope="module")
def person() -> Image.Image:
    path = os.environ.get("POSE_TEST_PHOTO", "")
    if not Path(path).is_file():
        pytest.skip("POSE_TEST_PHOTO names no photo of a person")
    return Image.open(path).convert("RGB")


def test_the_model_is_loaded(engine: Engine) -> None:
    assert engine.models() == [Model("pose_landmark_full", loaded=True)]


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (2048, 97), (640, 480)])
def test_nobody_is_found_in_an_empty_frame(engine: Engine, size: tuple[int, int]) -> None:
    assert engine.detect(np.full((size[1], size[0], 3), 200, np.uint8)) is None


def test_a_person_is_found(engine: Engine, person: Image.Image) -> None:
    landmarks = engine.detect(np.asarray(person))
    assert landmarks is not None
    assert len(landmarks) == 33
    assert landmarks[0].visibility > 0.9


def test_a_small_person_in_a_wide_frame_is_found_where_it_is(engine: Engine, person: Image.Image) -> None:
    frame = Image.new("RGB", (1920, 1080), (200, 215, 235))
    small = person.resize((200, 200 * person.height // person.width))
    frame.paste(small, (1400, 600))
    landmarks = engine.detect(np.asarray(frame))
    assert landmarks is not None
    assert 1400 < landmarks[0].x * 1920 < 1600
    assert 600 < landmarks[0].y * 1080 < 600 + small.height
