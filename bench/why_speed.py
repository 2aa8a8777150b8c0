"""
What the record of a build costs, and how fast a large context is fingerprinted: `python bench/why_speed.py`.

Needs a Docker Engine and this repo's images (`inv build`). Prints medians; builds with and without the record are
made in turn, on a copy of the repo.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from layerproof.context import load_context
from layerproof.digests import load_index
from layerproof.engine.docker import DockerEngine
from layerproof.workflow import build as workflow
from layerproof.workflow.load import load

ROOT = Path(__file__).parents[1]
ROUNDS = 7
FILES = 50_000
SERVICE = "backend-api"


def measure_record() -> None:
    """Builds after an edit of one file, with the record and without, and the time inside the record itself."""
    real, spent = workflow.remember, []

    def timed(*args: object) -> tuple[str, ...]:
        began = time.perf_counter()
        warnings = real(*args)  # type: ignore[arg-type]
        spent.append(time.perf_counter() - began)
        return warnings

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "repo")
        shutil.copytree(
            ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", ".nox", "node_modules", ".layerproof")
        )
        (root / ".layerproof").mkdir()
        if (ROOT / ".layerproof" / "profile").is_file():
            shutil.copy(ROOT / ".layerproof" / "profile", root / ".layerproof")
        engine = DockerEngine()
        took: dict[str, list[float]] = {"with": [], "without": []}
        for _ in range(ROUNDS):
            for kind, remember in (("with", timed), ("without", lambda *_: ())):
                with (root / "backend" / "src" / "log.ts").open("a") as stream:
                    stream.write(f"export const X{uuid.uuid4().hex} = 1;\n")
                project = load(root, engine=engine, environment=os.environ)
                workflow.remember = remember  # type: ignore[assignment]
                began = time.perf_counter()
                workflow.build(project, engine=engine, names=[SERVICE])
                took[kind].append(time.perf_counter() - began)
        workflow.remember = real
    print(f"build of {SERVICE} after an edit, medians of {ROUNDS}:")
    for kind, times in took.items():
        print(f"  {kind + ' the record':20} {statistics.median(times):6.2f} s")
    print(f"  the record itself    {statistics.median(spent) * 1000:6.0f} ms")


def measure_fingerprint() -> None:
    """Each look in a process of its own; `cold` has no index yet."""
    with tempfile.TemporaryDirectory() as folder:
        root, index = Path(folder, "tree"), Path(folder, "index.json")
        for number in range(FILES):
            path = root / f"a{number // 5000}" / f"b{number // 100}" / f"{number}.js"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n" * 50)
        (root / ".dockerignore").write_text("**/node_modules\n**/.git\n**/*.log\nREADME.md\n")
        time.sleep(2.5)  # younger files are always read again
        cold, warm, megabytes = [], [], 0.0
        for _ in range(ROUNDS):
            index.unlink(missing_ok=True)
            for times in (cold, warm):
                command = [sys.executable, __file__, str(root), str(index)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds, used = map(float, done.stdout.split())
                times.append(seconds)
                megabytes = max(megabytes, used)
        print(f"fingerprint of {FILES:,} files, medians of {ROUNDS}:")
        print(
            f"  cold {statistics.median(cold):.2f} s, warm {statistics.median(warm):.2f} s, at most {megabytes:.0f} MB"
        )


def look(root: Path, index: Path) -> None:
    began = time.perf_counter()
    found = load_index(index)
    load_context(root, dockerfile=root / "Dockerfile", index=found)
    took = time.perf_counter() - began
    found.save()
    print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        look(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        measure_fingerprint()
        measure_record()
