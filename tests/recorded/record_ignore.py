"""
Ask BuildKit again what it leaves out under each list of ignore patterns: `python tests/recorded/record_ignore.py`.

Needs a Docker Engine. Reads the files and the patterns of ignore-patterns.json and writes the answers into it.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

RECORDING = Path(__file__).parent / "ignore-patterns.json"


def ask(files: list[str], empty: list[str], patterns: list[str]) -> dict[str, Any]:
    """One build of `COPY . /`, and what of the context did not arrive."""
    with tempfile.TemporaryDirectory() as work:
        context, arrived = Path(work, "context"), Path(work, "arrived")
        write(context, files, empty, patterns)
        (context / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        command = ["docker", "buildx", "build", "--quiet", "--output", f"type=local,dest={arrived}", str(context)]
        subprocess.run(command, check=True, capture_output=True)
        there = {str(path.relative_to(arrived)): path for path in arrived.rglob("*")}
        hollow = [f"{name}/" for name, path in there.items() if path.is_dir() and not any(path.iterdir())]
        left_out = [name for name in files if name not in there]
        return {"patterns": patterns, "left_out": sorted(left_out), "empty_folders": sorted(hollow)}


def write(context: Path, files: list[str], empty: list[str], patterns: list[str]) -> None:
    """The context on disk; each file holds its own name."""
    for name in files:
        path = context / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name in empty:
        (context / name).mkdir(parents=True)
    (context / ".dockerignore").write_text("\n".join(patterns) + "\n")


if __name__ == "__main__":
    document = json.loads(RECORDING.read_text(encoding="utf-8"))
    document["cases"] = [ask(document["files"], document["empty"], case["patterns"]) for case in document["cases"]]
    RECORDING.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
