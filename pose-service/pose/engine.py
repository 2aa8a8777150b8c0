"""What finds the body in a photo. The service knows this protocol and no particular engine."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pose.decoding import Pixels
from pose.errors import ConfigurationError
from pose.landmarks import Landmark
from pose.weights import load_manifest

ENGINES = ("mediapipe", "hmr2", "hmr2-selftest")
DEFAULT_WEIGHTS_DIR = "/weights"

_HMR2_PACKAGES = ("torch", "detectron2", "hmr2", "smplx")


@dataclass(frozen=True)
class Model:
    """One model of an engine; `loaded` is true once it is ready to answer."""

    name: str
    loaded: bool


class Engine(Protocol):
    """Finds one person. Safe to call from several threads."""

    name: str

    def models(self) -> list[Model]:
        """The models it works with, as they are now."""

    def detect(self, pixels: Pixels) -> list[Landmark] | None:
        """
        All 33 landmarks of the person seen best, or None where nobody is seen.

        A landmark that the engine has no point for stands where the nearest one is, with visibility 0.
        """


def load_engine(name: str) -> Engine:
    """
    Load an engine with its models, ready to answer. `hmr2` reads POSE_WEIGHTS_DIR and POSE_DEVICE.

    Raises:
        ConfigurationError: no engine of that name, or it lacks packages, weights or the device asked for.
    """
    if name not in ENGINES:
        raise ConfigurationError(f"POSE_ENGINE={name!r} is unknown. Engines: {', '.join(ENGINES)}.")
    # Imported here: each takes seconds and is not there where the tests run.
    if name == "mediapipe":
        if importlib.util.find_spec("mediapipe") is None:
            raise ConfigurationError(
                "POSE_ENGINE='mediapipe' needs mediapipe, not installed here. "
                "Build base-python-pose with FLAVOUR=mediapipe, or use POSE_ENGINE=hmr2 (weights: `inv weights`)."
            )
        from pose.mediapipe_engine import MediaPipeEngine

        return MediaPipeEngine()
    missing = [package for package in _HMR2_PACKAGES if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigurationError(
            f"POSE_ENGINE={name!r} needs {', '.join(missing)}, not installed here. "
            "Build base-python-pose with FLAVOUR=hmr2, or use POSE_ENGINE=mediapipe."
        )
    from pose.hmr2.engine import load_hmr2, load_selftest

    device = os.environ.get("POSE_DEVICE", "auto")
    if name == "hmr2-selftest":
        return load_selftest(device=device)
    folder = Path(os.environ.get("POSE_WEIGHTS_DIR", DEFAULT_WEIGHTS_DIR))
    return load_hmr2(folder, load_manifest(), device=device)
