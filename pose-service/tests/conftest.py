"""Makes the service importable from any folder, and gives each test one around an engine that needs no model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from app import create_app  # noqa: E402  # importable because of the line above
from fakes import FakeEngine  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mediapipe: needs the real engine, as in the base image")
    config.addinivalue_line("markers", "hmr2: needs torch, Detectron2 and 4D-Humans, as in the base image")


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    with create_app(FakeEngine()).test_client() as test_client:
        yield test_client
