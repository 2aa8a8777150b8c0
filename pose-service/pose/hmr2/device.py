"""Where the networks run."""

from __future__ import annotations

import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

from pose.errors import ConfigurationError

CHOICES = ("auto", "cpu", "cuda")


def choose_device(asked: str) -> torch.device:
    """
    The device that POSE_DEVICE names; `auto` is CUDA where there is some.

    Raises:
        ConfigurationError: no such choice, or CUDA asked for and not there.
    """
    if asked not in CHOICES:
        raise ConfigurationError(f"POSE_DEVICE={asked!r} is unknown. Choices: {', '.join(CHOICES)}.")
    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise ConfigurationError(
            "POSE_DEVICE='cuda', but torch sees no CUDA device. Give the container a GPU, or set POSE_DEVICE to auto."
        )
    return torch.device("cuda" if available and asked != "cpu" else "cpu")
