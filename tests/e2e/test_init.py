"""`layerproof init --dockerfiles` in a repository without any: what it writes builds, holds its probes and is clean."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.starter_samples import SAMPLES, write_sample

from .conftest import Repo, lacking

PROJECT = "layerproof-init"
NODE_IMAGE, PYTHON_IMAGES = "node:18-bookworm-slim", ("python:3.11-slim-bookworm", "python:3.10-slim-bookworm")
NODE_SERVICES, PYTHON_SERVICES = ("npm", "pnpm", "yarn"), ("pip", "uv", "poetry")
BUILT = (*NODE_SERVICES, *PYTHON_SERVICES, "go")
# The lock files, by the tools themselves: what a registry answers is in them.
NODE_LOCKS = """
npm install --global --no-audit --no-fund pnpm@9.15.9 >/dev/null
npm install --global --no-audit --no-fund --force yarn@1.22.22 >/dev/null
cd /repo/npm && npm pkg delete scripts.prepare && npm install --package-lock-only --no-audit --no-fund >/dev/null
npm pkg set scripts.prepare=husky
cd /repo/pnpm && rm pnpm-lock.yaml && pnpm install --lockfile-only >/dev/null
cd /repo/yarn && rm yarn.lock && yarn install --ignore-scripts >/dev/null && rm -rf node_modules
"""
PYTHON_LOCKS = """
pip install --quiet --root-user-action=ignore uv==0.9.5 poetry==2.2.1
cd /repo/uv && rm uv.lock && uv lock --quiet
cd /repo/poetry && rm poetry.lock && poetry lock --quiet
"""
# Of what needs no registry: Debian's Go under the name of the upstream image, and an image that holds a user only.
GO_IMAGE, EMPTY_IMAGE, LABEL = (
    "golang:1.25-bookworm",
    "gcr.io/distroless/static-debian12:nonroot",
    "layerproof.test=init",
)
GO = f"""
FROM {NODE_IMAGE}
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt,sharing=locked \\
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update && apt-get install -y --no-install-recommends golang-go
"""
EMPTY = f"FROM {NODE_IMAGE} AS made\nFROM scratch\nCOPY --from=made /etc/passwd /etc/passwd\n"


@pytest.fixture(scope="module")
def shop(repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """One service of each kind that can be built here, as `init` has made them ready."""
    root = tmp_path_factory.mktemp("shop")
    for name in BUILT:
        write_sample(root, name)
    found = [tag for tag in PYTHON_IMAGES if docker("image", "inspect", tag, check=False).returncode == 0]
    if not found:
        lacking(f"none of {', '.join(PYTHON_IMAGES)} is here")
    version = found[0].partition(":")[2].partition("-")[0]
    for name in PYTHON_SERVICES:
        (root / name / ".python-version").write_text(version)
    in_container(NODE_IMAGE, root, NODE_LOCKS)
    in_container(found[0], root, PYTHON_LOCKS)
    made = [tag for tag, text in ((GO_IMAGE, GO), (EMPTY_IMAGE, EMPTY)) if stood_in(tag, text)]
    environment = {key: value for key, value in repo.environment.items() if not key.startswith("COMPOSE_")}
    here = replace(repo, root=root, environment={**environment, "COMPOSE_PROJECT_NAME": PROJECT})
    try:
        here.run("init", "--dockerfiles", "--yes")
        composed = root / "docker-compose.yml"
        # Any free port of this machine, where others may have taken these.
        composed.write_text(re.sub(r"127\.0\.0\.1:\d+:", "127.0.0.1::", composed.read_text()))
        here.run("build")
        yield here
    finally:
        here.call(["docker", "compose", "down", "--volumes", "--timeout", "1"], check=False)
        docker("image", "rm", "--force", *(f"{PROJECT}-{name}" for name in BUILT), *made, check=False)


def docker(*words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=300, check=check, **more)


def in_container(image: str, root: Path, script: str) -> None:
    """Run a script with the repository at /repo; what it leaves there is this user's."""
    done = docker(
        "run",
        "--rm",
        "--volume",
        f"{root}:/repo",
        image,
        "sh",
        "-euc",
        f"{script}\nchown -R {os.getuid()}:{os.getgid()} /repo",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def stood_in(tag: str, text: str) -> bool:
    """Build an image under the name of an upstream one that is not here; whether that was needed."""
    if docker("image", "inspect", tag, check=False).returncode == 0:
        return False
    docker("build", "--quiet", "--label", LABEL, "--tag", tag, "-", input=text)
    return True


def test_every_image_holds_what_runs_and_nothing_that_builds(shop: Repo) -> None:
    document = json.loads(shop.run("audit", "--format", "json", check=False).stdout)
    assert {image["image"]: image["forbidden"] for image in document["images"]} == {name: [] for name in BUILT}


def test_no_rule_and_no_linter_finds_anything(shop: Repo) -> None:
    document = json.loads(shop.run("check", "--format", "json", "--strict", check=False).stdout)
    assert document["findings"] == []
    assert document["unchecked"] == []


def test_every_probe_holds(shop: Repo) -> None:
    document = json.loads(shop.run("prove", "--format", "json", check=False).stdout)
    failed = {(item["image"], item["probe"]): item["reason"] for item in document["verdicts"] if not item["passed"]}
    assert failed == {}
    proven = {(item["image"], item["probe"]) for item in document["verdicts"] if item["outcome"] == "held"}
    assert {(name, "source") for name in BUILT} <= proven


def test_every_service_starts_and_becomes_healthy(shop: Repo) -> None:
    shop.run("up")
    states = {
        item["service"]: item["health"] for item in json.loads(shop.run("ps", "--format", "json").stdout)["containers"]
    }
    assert states == {**dict.fromkeys(BUILT, "healthy"), "go": ""}


def test_a_second_run_writes_nothing(shop: Repo) -> None:
    assert json.loads(shop.run("init", "--dockerfiles", "--format", "json").stdout)["changes"] == []


def test_the_linters_find_nothing_in_what_is_written_for_any_language(repo: Repo, tmp_path: Path) -> None:
    for name in SAMPLES:
        write_sample(tmp_path, name)
    here = replace(repo, root=tmp_path)
    here.run("init", "--dockerfiles", "--yes")
    document = json.loads(
        here.run("check", "--tool", "layerproof", "--tool", "hadolint", "--format", "json", check=False).stdout
    )
    assert document["findings"] == []
    assert len(list(tmp_path.glob("*/Dockerfile"))) == len(SAMPLES)
