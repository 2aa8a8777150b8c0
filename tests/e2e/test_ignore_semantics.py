"""Random trees with random ignore files: what BuildKit really copies, and what layerproof says it does."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

from layerproof.context import list_context
from layerproof.engine.docker import DockerEngine
from layerproof.errors import ConfigError

TREES = int(os.environ.get("LAYERPROOF_TREES", "60"))
AT_ONCE = 30
NAMES = ("a", "b", "ab", "a.log", "b.js", ".env", "node_modules", "x y", "B", "a-b")
PARTS = (
    *NAMES,
    "*",
    "**",
    "?",
    "*.log",
    "a*",
    "[ab]",
    "[^a]",
    "**/b",
    "a/**",
    "*.*",
    "..",
    ".",
    "[a-b].js",
    "\\a",
    "b?js",
)


def test_ignore_files_mean_what_they_mean_to_buildkit(tmp_path: Path, engine: DockerEngine) -> None:
    kept_in_all = 0
    for start in range(0, TREES, AT_ONCE):
        roots = {f"t{seed}": tmp_path / f"t{seed}" for seed in range(start, min(start + AT_ONCE, TREES))}
        dockerfiles = {name: _write_tree(root, random.Random(name)) for name, root in roots.items()}  # noqa: S311
        copied = _copied(roots, dockerfiles, tmp_path / f"out{start}")
        for name, root in roots.items():
            said = set(list_context(root, dockerfile=dockerfiles[name]))
            ignore = next(
                path for path in (Path(f"{dockerfiles[name]}.dockerignore"), root / ".dockerignore") if path.is_file()
            )
            assert said == copied[name], f"{name}: {ignore.read_text()!r}"
            kept_in_all += len(said)
    assert kept_in_all > TREES, "trees that are ignored as a whole show nothing"


def _write_tree(root: Path, chance: random.Random) -> Path:
    """A tree with an ignore file; returns its Dockerfile."""
    root.mkdir()
    for _ in range(chance.randint(4, 25)):
        path = root.joinpath(*(chance.choice(NAMES) for _ in range(chance.randint(1, 4))))
        if any(above.is_file() for above in path.parents) or path.exists():
            continue
        if chance.random() < 0.15:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    dockerfile = root / chance.choice(("Dockerfile", "own.Dockerfile"))
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    name = f"{dockerfile.name}.dockerignore" if dockerfile.name == "own.Dockerfile" else ".dockerignore"
    (root / ".dockerignore").write_text("**\n")  # not the one that holds, where there is another
    while True:
        (root / name).write_text("".join(f"{_pattern(chance)}\n" for _ in range(chance.randint(1, 6))))
        try:
            list_context(root, dockerfile=dockerfile)
            return dockerfile
        except ConfigError:
            continue  # what BuildKit refuses is recorded elsewhere: tests/recorded/ignore-patterns.json


def _pattern(chance: random.Random) -> str:
    pattern = "/".join(chance.choice(PARTS) for _ in range(chance.randint(1, 3)))
    before = chance.choice(("", "", "", "", "!", "!", "/", "!/", "./", "# ", " ", "!  "))
    return before + pattern + chance.choice(("", "", "", "/", " ", "/**"))


def _copied(roots: dict[str, Path], dockerfiles: dict[str, Path], out: Path) -> dict[str, set[str]]:
    """The files that a real build copies, and the folders that hold nothing, by tree."""
    targets = {
        name: {
            "context": str(root),
            "dockerfile": str(dockerfiles[name]),
            "output": [f"type=local,dest={out / name}"],
        }
        for name, root in roots.items()
    }
    definition = json.dumps({"group": {"default": {"targets": list(targets)}}, "target": targets})
    command = ["docker", "buildx", "bake", "--file", "-", f"--allow=fs={out.parent}"]
    done = subprocess.run(command, input=definition, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: set(_listed(out / name)) for name in roots}


def _listed(root: Path) -> list[str]:
    found = []
    for path in root.rglob("*"):
        relative = path.relative_to(root).as_posix()
        if not path.is_dir():
            found.append(relative)
        elif not any(path.iterdir()):
            found.append(f"{relative}/")
    return found
