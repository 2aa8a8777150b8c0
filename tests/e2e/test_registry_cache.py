"""
A real registry as build cache, on a second engine whose builder is emptied in between.

Also the test that everything works on the containerd image store, where identities and sizes mean something else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from layerproof.engine.docker import DockerEngine

from .conftest import Repo
from .throwaway import copy_image, empty, running_registry, second_engine

UPSTREAM = "node:18-bookworm-slim"
MAX_RATIO = 0.3
TAGS = ("lp-cache-api:latest", "base-node:latest", "base-node:runtime")
FILES = {
    "docker-compose.yml": """\
name: lp-cache
services:
  api:
    image: lp-cache-api
    build: {context: ./api, network: host}
""",
    "docker/base-node/Dockerfile": f"""\
FROM {UPSTREAM} AS build
RUN --network=none head -c 1000000 /dev/urandom > /opt/toolchain
FROM {UPSTREAM} AS runtime
RUN --network=none echo runtime > /opt/runtime
""",
    "docker/base-node/.dockerignore": "*\n",
    "api/Dockerfile": """\
FROM base-node:latest AS deps
WORKDIR /app
COPY package.json ./
RUN --mount=type=cache,target=/root/.npm npm install --no-audit --no-fund
FROM deps AS build
COPY src ./src
RUN --network=none npx tsc --outDir dist src/main.ts
FROM base-node:runtime AS runtime
WORKDIR /app
COPY --from=build /app/dist ./dist
USER node
CMD ["node", "dist/main.js"]
""",
    "api/package.json": json.dumps(
        {
            "name": "api",
            "private": True,
            "devDependencies": {"typescript": "5.9.3", "eslint": "8.57.1", "vite": "5.4.21", "express": "4.21.2"},
        }
    ),
    "api/src/main.ts": 'console.log("api")\n',
    "api/.dockerignore": "\n".join(
        ["**/node_modules", "**/.git", "**/.env", "**/*.log", "**/*.pkl", "**/data", "**/__pycache__", "README.md"]
    ),
}
COLD = "base-node", "base-node-runtime", "api"


@dataclass(frozen=True)
class Shop:
    """A project on an engine of its own, and a registry."""

    repo: Repo
    host: str
    registry: str

    @property
    def cache(self) -> str:
        return f"type=registry,ref={self.registry}/shop/cache"

    def build(self, *words: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any], float]:
        """The images by name, the whole document, and the seconds that the command took."""
        started = time.monotonic()
        document = json.loads(self.repo.run("build", *words, "--format", "json").stdout)
        return {item["image"]: item for item in document["images"]}, document, time.monotonic() - started

    def write_source(self, text: str) -> None:
        """Another source file of the service."""
        (self.repo.root / "api/src/main.ts").write_text(f'console.log("{text}")\n')

    def start_anew(self) -> None:
        """As a machine that has neither built anything nor kept a record."""
        empty(self.host, *TAGS)
        self.repo.call(["rm", "-rf", ".layerproof"])


@pytest.fixture(scope="module")
def shop(engine: DockerEngine, repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("cached")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with running_registry() as registry, second_engine() as host:
        copy_image(UPSTREAM, host)
        yield Shop(Repo(root, {**os.environ, "DOCKER_HOST": host}), host, registry)


@pytest.fixture(scope="module")
def cold_s(shop: Shop) -> float:
    """The time of a build that has nothing; then its cache goes to the registry, though nothing is stale any more."""
    images, _, took_s = shop.build()
    assert {item["action"] for item in images.values()} == {"built"}
    assert sum(item["cached"] for item in images.values()) == 0
    images, _, _ = shop.build("--cache-from", shop.cache, "--cache-to", shop.cache)
    assert sum(item["ran"] for item in images.values()) == 0
    assert set(images) == set(COLD)
    return took_s


def test_an_emptied_builder_takes_every_step_from_the_registry(
    shop: Shop, cold_s: float, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.start_anew()
    images, _, took_s = shop.build("--cache-from", shop.cache)
    assert {name: item["ran"] for name, item in images.items()} == dict.fromkeys(COLD, 0)
    with capsys.disabled():
        sys.stdout.write(f" cold {cold_s:.1f} s, from the registry {took_s:.1f} s: {took_s / cold_s:.2f} ")
    assert took_s <= MAX_RATIO * cold_s


def test_an_edit_on_an_emptied_builder_runs_no_dependency_step(shop: Shop, cold_s: float) -> None:
    shop.start_anew()
    shop.write_source("edited")
    images, document, _ = shop.build("--cache-from", shop.cache)
    assert {name: item["ran"] for name, item in images.items()} == {**dict.fromkeys(COLD, 0), "api": 3}
    assert document["causes"] == []


def test_unchanged_images_stay_unchanged_and_can_be_explained_and_audited(shop: Shop, cold_s: float) -> None:
    images, _, _ = shop.build()
    assert {item["action"] for item in images.values()} == {"unchanged"}
    shop.write_source("edited again")
    shop.build()
    causes = json.loads(shop.repo.run("why", "--service", "api", "--format", "json").stdout)["images"][0]["causes"]
    assert causes[0]["line"] == 6
    audit = json.loads(shop.repo.run("audit", "--format", "json", check=False).stdout)
    assert audit["images"][0]["user"] == "node"
    assert audit["images"][0]["size_bytes"] > 10**8


def test_a_proof_holds_on_a_builder_that_only_has_what_it_took_from_there(shop: Shop, cold_s: float) -> None:
    # The last of them to empty the builder: what a proof has cancelled, BuildKit holds until its daemon ends.
    shop.write_source("api")
    shop.start_anew()
    shop.build("--cache-from", shop.cache)
    shop.repo.run("prove", "--cache-from", shop.cache, "--probe", "noop", "--probe", "source")
    proof, summary = shop.repo.root / "proof.xml", shop.repo.root / "summary.md"
    # Without --cache-from: layers that no build has needed so far are not here.
    shop.repo.run("prove", "--junit", str(proof), "--summary", str(summary))
    assert "every probe holds" in summary.read_text()
    assert "<testsuite" in proof.read_text()


def test_a_builder_that_cannot_export_says_so_before_it_builds(shop: Shop, repo: Repo, engine: DockerEngine) -> None:
    if engine.info().storage == "overlayfs":
        pytest.skip("this engine has the containerd image store, which can")
    here = Repo(shop.repo.root, {**os.environ})
    done = here.run("build", "--cache-to", shop.cache, check=False)
    assert done.returncode == 2
    assert "cannot write its cache elsewhere" in done.stderr
    assert "--driver docker-container" in done.stderr
    assert Path(shop.repo.root, "docker-compose.yml").is_file()
