"""Questions about paths that a user wrote: one that the system cannot even look up (too long, a NUL) is not there."""

from __future__ import annotations

import os.path
from pathlib import Path

# Where layerproof keeps what it remembers of a project, in its root.
STATE_FOLDER = ".layerproof"


def is_folder(path: Path) -> bool:
    """Whether a folder is there; `Path.is_dir` raises for a name that is too long."""
    return os.path.isdir(path)  # noqa: PTH112


def is_regular_file(path: Path) -> bool:
    """Whether a file is there; `Path.is_file` raises for a name that is too long."""
    return os.path.isfile(path)  # noqa: PTH113
