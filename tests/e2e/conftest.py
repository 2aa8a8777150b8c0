"""The real engine, a copy of this repo, and a stack of its own: other project name and ports, removed at the end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
from msgspec import Struct

from layerproof.engine import process
from layerproof.engine.docker import DockerEngine
from layerproof.errors import NoEngineError
from layerproof.workflow.demo import sample_photo

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("layerproof")
PROJECT = "layerproof-e2e"
PORT_VARIABLES = ("POSE_SERVICE_PORT", "BACKEND_API_PORT", "FRONTEND_PORT", "MONGODB_PORT", "MONGO_EXPRESS_PORT")
LIMIT_S = 1500


class Repo(Struct, frozen=True):
    """A copy of the repo that tests may change, and the environment its commands run in."""

    root: Path
    environment: dict[str, str]

    def run(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `layerproof WORDS` there."""
        return self.call([str(COMMAND), *words], check=check, **environment)

    def call(self, command: list[str], *, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run any command there; with `check` its failure fails the test with its output."""
        env = {**self.environment, **environment}
        done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)} ended with code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def build(self, *words: str) -> dict[str, dict[str, Any]]:
        """`layerproof build WORDS`: its JSON, by image."""
        document = json.loads(self.run("build", *words, "--format", "json").stdout)
        return {image["image"]: image for image in document["images"]}

    def url(self, variable: str, path: str = "") -> str:
        """The address of a published port."""
        return f"http://127.0.0.1:{self.environment[variable]}{path}"


@dataclass(frozen=True)
class Distributions:
    """What is published."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installed:
    """The wheel in a virtual environment of its own, with nothing but what it declares."""

    python: Path

    @property
    def command(self) -> Path:
        """The console command."""
        return self.python.with_name("layerproof")


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("dist")
    backend = tmp_path_factory.mktemp("backend")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", backend, "hatchling>=1.27"], check=True
    )
    environment = {**os.environ, "PYTHONPATH": str(backend)}
    build = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    subprocess.run(build, cwd=ROOT, env=environment, check=True, capture_output=True)
    return Distributions(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))


@pytest.fixture(scope="session")
def installed(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    words = ["install", "--quiet", "-c", ROOT / "constraints.txt", distributions.wheel]
    subprocess.run([python, "-m", "pip", *words], check=True)
    return Installed(python)


def lacking(reason: str) -> NoReturn:
    """What these tests need is not here: CI fails, elsewhere they are skipped."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> DockerEngine:
    found = DockerEngine()
    try:
        found.info()
    except NoEngineError as error:
        lacking(f"no engine: {error.message}. {error.hint}")
    return found


@pytest.fixture(scope="session")
def repo(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A copy of the tracked files, with the upstream images at hand; its path has a space in it."""
    root = tmp_path_factory.mktemp("e2e") / "a copy"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    ports = dict(zip(PORT_VARIABLES, map(str, free_ports(len(PORT_VARIABLES))), strict=True))
    names = {"COMPOSE_PROJECT_NAME": PROJECT, "NETWORK_NAME": f"{PROJECT}-network"}
    copy = Repo(root, {**os.environ, **ports, **names})
    copy.run("lab", "--auto")
    return copy


@pytest.fixture(scope="session")
def built(repo: Repo) -> Repo:
    """
    Everything built, whatever was there before: where only the finished images are still in the cache, because the
    engine has cleared some of it, the next edit would install once more.
    """
    build_everything(repo)
    return repo


def build_everything(repo: Repo) -> None:
    """Run every step; where a download fails, once more from there, because hundreds of tests stand on this build."""
    done = repo.run("build", "--no-cache", check=False)
    if done.returncode != 0 and "a download failed" in done.stderr:
        done = repo.run("build", check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def stack(built: Repo) -> Iterator[Repo]:
    """The stack, up and healthy; containers, network and volumes are removed at the end."""
    try:
        built.run("up")
        yield built
    finally:
        built.run("down", "--volumes", "--yes", check=False)


@pytest.fixture(scope="session")
def photo(repo: Repo) -> Path:
    """The astronaut."""
    return sample_photo(repo.root / ".layerproof", say=print)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, which asks nobody for anything by itself."""
    from playwright.sync_api import sync_playwright

    program = process.find_program("chromium")
    if program is None:
        pytest.fail("these tests need Chromium: inv doctor --install")
    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=flags)
        yield started
        started.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for item in sockets:
        item.bind(("127.0.0.1", 0))
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports
