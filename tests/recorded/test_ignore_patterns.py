"""Contexts under ignore patterns, against what BuildKit itself left out; `record_ignore.py` asks it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from layerproof.context import load_context

from .record_ignore import RECORDING, write

DOCUMENT = json.loads(RECORDING.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", DOCUMENT["cases"], ids=lambda case: " ".join(case["patterns"]))
def test_a_context_holds_what_buildkit_sends(case: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, DOCUMENT["files"], DOCUMENT["empty"], case["patterns"])
    paths = [file.path for file in load_context(tmp_path, dockerfile=tmp_path / "Dockerfile")]
    assert sorted(path for path in DOCUMENT["files"] if path not in paths) == case["left_out"]
    assert [path for path in paths if path.endswith("/")] == case["empty_folders"]
