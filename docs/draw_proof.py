"""
Draw docs/proof.svg, the picture of the README: what `layerproof prove` prints of this repo when one Dockerfile copies
all of its folder before it installs. Made on a copy of the tracked files; it needs an engine.

    nox -s docs -- --picture
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("proof.svg")
EDITED = Path("backend/Dockerfile")
BEFORE, AFTER = "COPY package.json package-lock.json ./\n", "COPY . .\n"
LAYERPROOF = Path(sys.executable).with_name("layerproof")


def main() -> None:
    """Copy, spoil, prove, write."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in _output("git", "ls-files", "-z").split("\0"):
            if name and (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, root / name)
        text = (root / EDITED).read_text()
        if text.count(BEFORE) == 0:
            raise SystemExit(f"{EDITED} has no line `{BEFORE.strip()}` to spoil")
        (root / EDITED).write_text(text.replace(BEFORE, AFTER, 1))
        subprocess.run([LAYERPROOF, "lab", "--auto"], cwd=root, check=True)
        # What is drawn is the second run: the first one builds what is not in the cache.
        subprocess.run([LAYERPROOF, "prove"], cwd=root, check=False, stdout=subprocess.DEVNULL)
        done = subprocess.run([LAYERPROOF, "prove", "--format", "svg"], cwd=root, check=False, stdout=subprocess.PIPE)
        if done.returncode != 1:
            raise SystemExit(f"the proof ended with {done.returncode}, and 1 is what a failed one ends with")
    PICTURE.write_bytes(done.stdout)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
