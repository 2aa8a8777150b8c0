"""A shop of sixty images, two hundred builds, a proof and an audit on record, made without an engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from layerproof.builds import Build, BuiltImage, save_build
from layerproof.context import ContextFile
from layerproof.evidence import Evidence
from layerproof.flow import load_flow
from layerproof.ingredients import trace
from layerproof.kept import keep
from layerproof.model import Image, Phase, Project, ProofReport, Step, StepState, Verdict
from layerproof.prove.plan import PROBES
from layerproof.testing import FakeEngine
from layerproof.workflow.history import records_folder
from layerproof.workflow.load import load
from layerproof.workflow.prove import keep_proof

BASES, SERVICES, BUILDS = 6, 54, 200
BEGAN = 1_780_000_000.0
EVERY_S = 5400.0
NEVER = 10**6
# What a page must show as text, and never run.
HOSTILE = "<script>alert(1)</script></script><!--"
BASE = """\
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
    build-essential curl git
WORKDIR /opt
COPY setup.sh ./
RUN ./setup.sh
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY certs ./certs
RUN update-ca-certificates
COPY scripts ./scripts
RUN ./scripts/finish.sh
"""
SERVICE = f"""\
FROM base-{{base}}:latest AS deps
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
FROM deps AS build
COPY src ./src
COPY static ./static
RUN python -m compileall src
RUN echo '{HOSTILE}'
FROM base-{{base}}:latest AS runtime
WORKDIR /app
COPY --from=deps /app ./
COPY --from=build /app/src ./src
RUN useradd --system app
"""


def write_shop(root: Path) -> Project:
    """Bases and services on the disk, loaded with an engine that is not there."""
    services = {}
    for number in range(BASES):
        _write(root / "docker" / f"base-{number}" / "Dockerfile", BASE)
    for number in range(SERVICES):
        name = f"service-{number:02}"
        _write(root / name / "Dockerfile", SERVICE.format(base=number % BASES))
        services[name] = {"image": name, "build": {"context": str(root / name), "dockerfile": "Dockerfile"}}
    _write(root / "docker-compose.yml", "services: {}\n")
    engine = FakeEngine(document={"name": "big-shop", "services": services}, absent=True)
    return load(root, engine=engine, environment={})


def write_history(project: Project, *, builds: int = BUILDS) -> None:
    """Builds of all images: in each, some steps of a few of them ran."""
    chance = random.Random(7)  # noqa: S311 - a history that is always the same
    edits = {image.name: 0 for image in project.images}
    lines = {image.name: sorted(load_flow(image).nodes) for image in project.images}
    sizes = {image.name: chance.randrange(80, 900) * 10**6 for image in project.images}
    for number in range(builds):
        began = BEGAN + number * EVERY_S
        touched = chance.sample(sorted(edits), chance.randrange(0, 7)) if number else sorted(edits)
        for name in touched:
            edits[name] += 1
            sizes[name] += chance.randrange(-2, 4) * 10**6
        evidence = {image.name: _evidence(image, edits[image.name]) for image in project.images}
        images, ends = {}, [began + 0.5]
        for image in project.images:
            first = _first(image, edits[image.name]) if image.name in touched else NEVER
            at = chance.uniform(0.1, 2.0)
            steps = tuple(_steps(image, lines[image.name], began + at, first, chance))
            ends.append(max((step.started or 0.0) + step.duration_s for step in steps))
            images[image.name] = BuiltImage(
                "built",
                wall_s=ends[-1] - began,
                size_bytes=sizes[image.name],
                id=f"sha256:{edits[image.name]:064x}",
                steps=steps,
                keys={f"{image.name}-{edits[image.name]}": "w"},
            )
        phases = [Phase(name, "transfer", began + 0.1, 0.2) for name in touched]
        phases += [Phase(name, "export", max(ends), 0.3) for name in touched]
        save_build(
            records_folder(project),
            Build(began, "default", "build", max(ends) - began + 0.4, images, tuple(phases)),
            evidence,
        )


def write_findings(project: Project) -> None:
    """A proof of every service and an audit of every image, each with something that does not hold."""
    services = [image.name for image in project.images if image.service]
    verdicts = tuple(
        Verdict(name, probe, "failed", f"{HOSTILE} ran again", "Copy the manifests alone.", wall_s=12.0, budget_s=10.0)
        if (number + at) % 40 == 0
        else Verdict(name, probe, "held", "src/app.py was edited", wall_s=0.4, budget_s=10.0)
        for number, name in enumerate(services)
        for at, probe in enumerate(PROBES)
    )
    keep_proof(project, ProofReport(verdicts, 60.0, lab=False), clock=lambda: BEGAN)
    images = [
        {
            "image": image.name,
            "passed": number % 10 != 0,
            "size_bytes": 10**8,
            "user": "app",
            "wasted_bytes": 10**6,
            "forbidden": [{"path": "/app/.env", "kind": "secret", "detail": HOSTILE, "layer": 7, "size_bytes": 120}],
            "over": ["120 MB is over 100 MB"],
            "layers": [{"size_bytes": 10**8, "created_by": "COPY src ./src", "from": image.name}],
            "largest": [{"path": "/usr/bin/python3", "size_bytes": 10**7}],
            "wasted": [{"path": "/app/old.bin", "size_bytes": 10**6}],
        }
        for number, image in enumerate(project.images)
    ]
    keep(records_folder(project), "audit", {"images": images}, rows="images", by=("image",), at=BEGAN)


def _first(image: Image, edit: int) -> int:
    """The line that an edit makes run again: every fifth is one of the requirements."""
    wanted = "COPY requirements" if edit % 5 == 0 else "COPY src" if image.service else "COPY scripts"
    texts = image.dockerfile.text.splitlines()
    return next(n for n, text in enumerate(texts, 1) if edit == 1 or text.startswith(wanted))


def _steps(image: Image, lines: list[int], at: float, first: int, chance: random.Random) -> Iterator[Step]:
    trace_of = trace({image.name: Evidence(image, None)})[image.name]
    places = {line: place for place, line in trace_of.flow.numbers.items()}
    for line in lines:
        stage, number = places[line]
        total = max(other for name, other in places.values() if name == stage)
        ran = line >= first
        took = chance.uniform(0.1, 9.0) if ran else 0.0
        log = tuple(f"{image.name}: line {n} of {line}, {took:.3f} s <b>" for n in range(8)) if ran else ()
        state = StepState.RAN if ran else StepState.CACHED
        yield Step("", image.name, stage, number, total, "", state, took, line, log, at)
        at += took


def _evidence(image: Image, edit: int) -> Evidence:
    contents = {"requirements.txt": edit // 5, "scripts/finish.sh": edit, "setup.sh": 0, "src/app.py": edit}
    files = tuple(ContextFile(name, 0o644, f"{content:064x}", 100) for name, content in contents.items())
    return Evidence(image, files, {}, {})


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
