"""
How long a check takes: `python bench/check_speed.py [--services 60 500] [--rounds 5] [--limits 1.0 5.0]`.

Writes projects of that many services (a Dockerfile with three stages, ten files and an ignore file each), then in turn,
round by round: `layerproof check --tool layerproof` as one process, `docker compose config` alone, which it runs too,
and hadolint alone over the same Dockerfiles. Prints the medians, their spread and the ratio to hadolint; exit code 1
where a median is over its limit. Needs the Docker CLI, no engine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCKERFILE = """\
FROM node:20.19-bookworm-slim AS deps
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci

FROM deps AS build
COPY src ./src
RUN npm run build

FROM gcr.io/distroless/nodejs20-debian12:nonroot AS runtime
WORKDIR /app
COPY --from=build /app/dist ./dist
USER 1000:1000
CMD ["dist/server.js"]
"""
IGNORE = "".join(
    f"**/{name}\n"
    for name in (
        "node_modules",
        "__pycache__",
        ".git",
        ".gitignore",
        ".env",
        "*.log",
        "data/",
        "*.pkl",
        "dist",
        "tests",
    )
)
SERVICE = """\
  service-{n}:
    build: {{context: ./service-{n}, target: runtime}}
    environment: {{PORT: "3000"}}
    healthcheck: {{test: ["CMD", "/nodejs/bin/node", "health.js"], interval: 10s}}
    deploy: {{resources: {{limits: {{memory: 256m}}}}}}
"""


def write_project(root: Path, services: int) -> None:
    """A project without any finding."""
    (root / "compose.yaml").write_text("services:\n" + "".join(SERVICE.format(n=n) for n in range(1, services + 1)))
    for n in range(1, services + 1):
        folder = root / f"service-{n}"
        (folder / "src").mkdir(parents=True)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        (folder / ".dockerignore").write_text(IGNORE)
        (folder / "package.json").write_text('{"scripts": {"build": "tsc"}}\n')
        (folder / "package-lock.json").write_text("{}\n")
        for name in range(8):
            (folder / "src" / f"part{name}.js").write_text(f"export const part = {n * name};\n")


def took(command: list[str], root: Path) -> float:
    """The wall time of a command; one that fails ends the benchmark."""
    started = time.monotonic()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - started


def measure(services: int, rounds: int) -> dict[str, list[float]]:
    """The times of each command, round by round."""
    beside = Path(sys.executable).parent
    hadolint = shutil.which("hadolint", path=str(beside)) or shutil.which("hadolint")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, services)
        files = [str(path) for path in sorted(root.glob("*/Dockerfile"))]
        commands: dict[str, list[str]] = {
            "layerproof": [str(beside / "layerproof"), "check", "--tool", "layerproof"],
            "docker compose config": ["docker", "compose", "config", "--format", "json"],
        }
        if hadolint:
            commands["hadolint"] = [hadolint, "--no-fail", *files]
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(took(command, root))
    return times


def main() -> int:
    """Measure, print, and judge by the limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--services", type=int, nargs="+", default=[60, 500])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limits", type=float, nargs="*", default=[1.0, 5.0], help="seconds, one for each --services")
    options = parser.parse_args()
    late = False
    for at, services in enumerate(options.services):
        times = measure(services, options.rounds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        for name, values in times.items():
            spread = f"({min(values):.2f} to {max(values):.2f})"
            ratio = (
                "" if name == "layerproof" else f"  layerproof takes {medians['layerproof'] / medians[name]:.2f} of it"
            )
            print(f"{services:4} services  {name:22} {medians[name]:6.2f} s  {spread}{ratio}")
        limit = options.limits[at] if at < len(options.limits) else None
        if limit is not None and medians["layerproof"] > limit:
            print(f"{services} services: over the limit of {limit} s")
            late = True
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
