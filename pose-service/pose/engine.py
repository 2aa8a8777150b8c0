"""What finds the body in a photo. The service knows this protocol and no particular engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pose.decoding import Pixels
from pose.errors import ConfigurationError
from pose.landmarks import Landmark

ENGINES = ("mediapipe",)


@dataclass(frozen=True)
class Model:
    """One model file of an engine; `loaded` is true once it has answered."""

    name: str
    loaded: bool


class Engine(Protocol):
    """Finds one person. Safe to call from several threads."""

    name: str

    def models(self) -> list[Model]:
        """The models it works with, as they are now."""

    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        """All 33 landmarks of the person seen best, or None where nobody is seen."""


def load_engine(name: str) -> Engine:
    """
    Load an engine with its models, ready to answer.

    Raises:
        ConfigurationError: no engine of that name.
    """
    if name == "mediapipe":
        # Imported here: it takes seconds and is not there where the tests run.
        from pose.mediapipe_engine import MediaPipeEngine

        return MediaPipeEngine()
    raise ConfigurationError(f"POSE_ENGINE={name!r} is unknown. Engines: {', '.join(ENGINES)}.")
