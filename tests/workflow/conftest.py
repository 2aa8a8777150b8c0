"""A small monorepo on disk (one base, two services) and an engine without Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layerproof.model import Project
from layerproof.testing import FakeEngine
from layerproof.workflow.load import load

BASE = """\
FROM node:18-bookworm-slim AS build
RUN make base
FROM node:18-bookworm-slim AS runtime
RUN trim
"""
SERVICE = """\
FROM base-node:latest AS deps
COPY package.json ./
RUN npm ci
FROM deps AS build
COPY src ./src
RUN npm run build
FROM base-node:runtime AS runtime
COPY --from=build /app/dist ./dist
"""
IGNORE = "\n".join(
    (
        "**/node_modules",
        "**/__pycache__",
        "**/.git",
        "**/.gitignore",
        "**/.env",
        "**/*.log",
        "**/data",
        "**/*.pkl",
        "README.md",
    )
)


def write_repo(root: Path) -> None:
    (root / "docker" / "base-node").mkdir(parents=True)
    (root / "docker" / "base-node" / "Dockerfile").write_text(BASE)
    (root / "docker" / "base-node" / ".dockerignore").write_text(IGNORE)
    for name in ("api", "web"):
        folder = root / name
        (folder / "src").mkdir(parents=True)
        (folder / "Dockerfile").write_text(SERVICE)
        (folder / ".dockerignore").write_text(IGNORE)
        (folder / "package.json").write_text("{}")
        (folder / "src" / "main.js").write_text(f"// {name}\n")
    (root / "docker-compose.yml").write_text(
        "services:\n  api:\n    build: ./api\n  web:\n    build: ./web\n  db:\n    image: mongo:7.0\n"
    )


def document(root: Path) -> dict[str, Any]:
    built = {
        name: {"image": f"shop-{name}", "build": {"context": str(root / name), "dockerfile": "Dockerfile"}}
        for name in ("api", "web")
    }
    return {"name": "shop", "services": {**built, "db": {"image": "mongo:7.0"}}}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    write_repo(tmp_path)
    return tmp_path


@pytest.fixture
def engine(repo: Path) -> FakeEngine:
    fake = FakeEngine(document=document(repo))
    fake.add_image("node:18-bookworm-slim")
    return fake


@pytest.fixture
def project(repo: Path, engine: FakeEngine) -> Project:
    return load(repo, engine=engine, environment={})
