"""Whether this container sees an NVIDIA GPU, and which."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gpu:
    available: bool
    name: str | None


def detect_gpu(devices: Path = Path("/dev")) -> Gpu:
    """
    Ask nvidia-smi, which the NVIDIA runtime mounts into a container with a GPU; without it, look for device nodes.

    Called once at the start: a running container gains or loses no GPU.
    """
    tool = shutil.which("nvidia-smi")
    if tool:
        name = _first_name(tool)
        if name:
            return Gpu(available=True, name=name)
    # /dev/nvidia0, /dev/nvidia1, ...; /dev/nvidiactl alone is the driver without a GPU
    return Gpu(available=any(devices.glob("nvidia[0-9]*")), name=None)


def _first_name(tool: str) -> str | None:
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None  # the tool is there and the driver is not
    return next(iter(answer.stdout.splitlines()), "").strip() or None
