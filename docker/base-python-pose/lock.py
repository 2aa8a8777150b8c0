"""
Resolve versions.toml: write the .lock files and the Dockerfile's block, or check that they are what it says.

    python lock.py            # check; exit code 1 names what differs
    python lock.py --update   # write; --upgrade takes newer versions where versions.toml allows them

Needs uv on the PATH. What is resolved holds for Python 3.9 to 3.11 on Linux, one version of each package for all.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli

HERE = Path(__file__).parent
OLDEST_PYTHON = "3.9"
ENVIRONMENT = "sys_platform == 'linux' and python_version < '3.12'"
# What comes before PyTorch: joblib, and what `import torch` needs besides; the stages that compile for it have no more.
FIRST = re.compile(r"joblib|filelock|fsspec|jinja2|markupsafe|mpmath|networkx|numpy|sympy|typing-extensions")
# What PyTorch is made of: large, rarely changed, and replaced as a whole by CPU-only wheels.
TORCH = re.compile(r"torch|torchvision|triton|nvidia-.*|cmake|lit")
# joblib==1.5.3 ; python_full_version < '3.12' \
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==", re.MULTILINE)
BEGIN, END = "# --- written from versions.toml by `nox -s locks -- --update`: begin\n", "# --- end\n"


def main() -> int:
    """Resolve into a copy of this folder, then compare it or take it over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write what differs")
    parser.add_argument("--upgrade", action="store_true", help="with --update: ignore the versions locked so far")
    options = parser.parse_args()
    versions = tomli.loads((HERE / "versions.toml").read_text(encoding="utf-8"))
    texts = {**dict(locks(versions, upgrade=options.upgrade)), "Dockerfile": dockerfile(versions)}
    stale = [name for name, text in sorted(texts.items()) if not holds(HERE / name, text)]
    if options.update:
        for name in stale:
            (HERE / name).write_text(texts[name], encoding="utf-8")
    print("\n".join(f"{'written' if options.update else 'differs from versions.toml'}: {name}" for name in stale))
    return 1 if stale and not options.update else 0


def holds(path: Path, text: str) -> bool:
    """Whether a file has this text already."""
    return path.is_file() and path.read_text(encoding="utf-8") == text


def locks(versions: Mapping[str, Any], *, upgrade: bool) -> Iterable[tuple[str, str]]:
    """Names and texts of the lock files: the tools, and for each set what comes first, PyTorch, and everything else."""
    name = "requirements.build.lock"
    yield name, text_of(resolve(versions["build-tools"], known="" if upgrade else read(name)))
    for name, one in versions["sets"].items():
        files = {part: f"requirements.{part}-{name}.lock" for part in ("first", "torch", "hmr2")}
        wanted = [*versions["packages"], *one["packages"]]
        known = "" if upgrade else "".join(read(file) for file in files.values())
        pins = resolve(wanted, overrides=versions["overrides"], known=known)
        for part, file in files.items():
            yield file, text_of({package: pins[package] for package in pins if part_of(package) == part})


def part_of(package: str) -> str:
    """Which of a set's locks a package is in."""
    return "first" if FIRST.fullmatch(package) else "torch" if TORCH.fullmatch(package) else "hmr2"


def read(name: str) -> str:
    """The text of a lock; "" where there is none yet."""
    path = HERE / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def text_of(pins: Mapping[str, str]) -> str:
    """A lock file."""
    return "# Written by `nox -s locks -- --update` from versions.toml.\n" + "".join(pins.values())


def resolve(wanted: list[str], *, overrides: Iterable[str] = (), known: str = "") -> dict[str, str]:
    """
    Each package's name to its lines in a lock file: version, marker and hashes.

    Args:
        known: the text of an earlier lock, whose versions are kept where they still fit.
    """
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("uv is not on the PATH: run this as `nox -s locks`")
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            "[project]",
            'name = "base-python-pose"',
            'version = "0"',
            f"dependencies = {json.dumps(wanted)}",
            "[tool.uv]",
            f"environments = [{json.dumps(ENVIRONMENT)}]",
            f"override-dependencies = {json.dumps(list(overrides))}",
        ]
        lock = Path(folder) / "lock"
        (Path(folder) / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
        lock.write_text(known, encoding="utf-8")
        command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
        command += ["--fork-strategy", "fewest", "--generate-hashes", "--no-header", "--no-annotate"]
        command += ["pyproject.toml", "--output-file", "lock"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(wanted)}\n{done.stderr}")
        blocks = re.split(r"^(?=\w)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {found["name"]: block for block in blocks if (found := PIN.match(block))}


def dockerfile(versions: Mapping[str, Any]) -> str:
    """The Dockerfile with its block as versions.toml has it."""
    text = (HERE / "Dockerfile").read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "".join(f"{line}\n" for line in block(versions)) + END + after


def block(versions: Mapping[str, Any]) -> Iterable[str]:
    """The stages of each version set: its CUDA images and its sources."""
    for name, one in versions["sets"].items():
        yield f"FROM {one['devel-image']} AS devel-{name}"
        yield "ARG GPU_ARCHITECTURES"
        yield f'ENV TORCH_CUDA_ARCH_LIST="${{GPU_ARCHITECTURES:-{one["architectures"]}}}"'
        yield f"FROM {one['base-image']} AS cuda-{name}"
    for source, repository in sorted(versions["repositories"].items()):
        commits = {name: one["commits"][source] for name, one in versions["sets"].items()}
        for name, commit in commits.items():
            yield f"FROM scratch AS {source}-{name}"
            yield "ARG GITHUB"
            yield f"ADD ${{GITHUB}}/{repository}.git#{commit} /"


if __name__ == "__main__":
    sys.exit(main())
