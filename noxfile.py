"""
The checks of this repo: `nox` runs them all.

validate and tests need no running engine (validate needs the Docker CLI with its compose plugin). e2e needs an engine:
without one it fails in CI and is skipped, with the reason, elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.options.sessions = ["lint", "docs", "locks", "validate", "types", "tests", "e2e"]
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
nox.needs_version = ">=2025.5.1"

ROOT = Path(__file__).parent
# A project of its own, with its own configuration; the same checks hold for it.
EXAMPLE = "examples/flask-svelte"
NODE_PROJECTS = ("backend", "web", f"{EXAMPLE}/frontend")
# A Node.js from PyPI, so that a machine without one can run every check.
NODE = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "node")
# What can befall a long run on any machine: the engine has crashed and is starting again, a connection was lost. A test
# that fails with one of these is run a second time; every other failure counts at once.
MACHINE_FAILED = ("no Docker Engine answers", "Cannot connect to the Docker daemon", "a download failed")
DOCKERFILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/Dockerfile")) + sorted(
    str(path.relative_to(ROOT)) for folder in ("docker", "lab", EXAMPLE) for path in ROOT.glob(f"{folder}/*/Dockerfile")
)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, hadolint, BuildKit's own checks, ESLint; actionlint (with shellcheck) and zizmor over the workflows."""
    install(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("hadolint", *DOCKERFILES)
    session.run("actionlint")
    session.run("zizmor", "--offline", "--quiet", ".github")
    if engine_answers(session):
        for folder in (".", EXAMPLE):
            with session.chdir(folder):
                session.run("layerproof", "lab", "--auto")
                session.run("layerproof", "check", "--tool", "buildkit", "--strict")
    for project in NODE_PROJECTS:
        npm(session, project, "run", "lint")


@nox.session
def docs(session: nox.Session) -> None:
    """
    Every link and anchor, and whether what is written from the code is what the code says; `-- --update` writes it.

    `-- --online` asks for the addresses of other sites too; `-- --picture` draws the README's picture on an engine.
    """
    install(session, "docs")
    if "--update" in session.posargs:
        session.run("python", "docs/write_reference.py")
        session.run("layerproof", "rules", "--write", "docs/rules")
    if "--picture" in session.posargs:
        session.run("python", "docs/draw_proof.py")
    session.run("python", "docs/write_reference.py", "--check")
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], capture_output=True, text=True, check=True).stdout
    pages = [name for name in listed.split("\0") if name]
    offline = [] if "--online" in session.posargs else ["--offline"]
    session.run("lychee", *offline, "--include-fragments", "--no-progress", *pages)


@nox.session
def locks(session: nox.Session) -> None:
    """Whether the lock files of base-python-pose are what its versions.toml says; `-- --update` writes them."""
    install(session, "locks")
    session.run("python", "docker/base-python-pose/lock.py", *session.posargs)


@nox.session
def validate(session: nox.Session) -> None:
    """Every combination of compose files, every Dockerfile, and the static rules."""
    install(session)
    for folder in (".", EXAMPLE):
        with session.chdir(folder):
            session.run("layerproof", "check", "--tool", "layerproof")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy strict over the Python, tsc over the TypeScript."""
    install(session, "types")
    session.run("mypy")
    session.install("-r", "pose-service/requirements-test.txt")
    with session.chdir("pose-service"):
        session.run("mypy", "--strict", "app.py", "pose")
    session.install("-r", f"{EXAMPLE}/backend/requirements-test.txt")
    with session.chdir(f"{EXAMPLE}/backend"):
        session.run("mypy", "--strict", "runlog", "tests")
    for project in NODE_PROJECTS:
        npm(session, project, "run", "typecheck")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that needs no engine: layerproof's, those of the Python and of the TypeScript services."""
    install(session, "tests")
    session.run("pytest", "tests/unit", "tests/recorded", "tests/workflow", *session.posargs)
    session.install("-r", "pose-service/requirements-test.txt")
    session.run("pytest", "pose-service/tests", *session.posargs)
    session.install("-r", f"{EXAMPLE}/backend/requirements-test.txt")
    with session.chdir(EXAMPLE):
        session.run("pytest", *session.posargs)
    for project in NODE_PROJECTS:
        npm(session, project, "test")


@nox.session
def e2e(session: nox.Session) -> None:
    """The real engine, the real services, a real browser."""
    install(session, "e2e")
    again = ["--reruns", "1", "--reruns-delay", "10"] if engine_answers(session) else []
    again += [word for symptom in MACHINE_FAILED for word in ("--only-rerun", symptom)]
    session.run("pytest", "tests/e2e", *again, *session.posargs)
    # The stand-ins were built by the tests above, or the real images are here: either must pass.
    images = {"LAB_MONGO_IMAGE": "mongo:7.0", "LAB_MONGO_EXPRESS_IMAGE": "mongo-express:1.0.2"}
    session.run("pytest", "lab/mongo/tests", *session.posargs, env=images)


def install(session: nox.Session, *groups: str) -> None:
    """Install layerproof and dependency groups, in the versions of constraints.txt."""
    project = nox.project.load_toml("pyproject.toml")
    session.install("-c", "constraints.txt", "-e", ".", *nox.project.dependency_groups(project, *groups))


def engine_answers(session: nox.Session) -> bool:
    """Whether a Docker Engine answers. Without one CI fails; elsewhere the session says what it leaves out."""
    if shutil.which("docker") and not subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return True
    reason = "no Docker Engine answers: `inv doctor --install` gets one"
    if os.environ.get("CI"):
        session.error(reason)
    session.warn(f"not checked: {reason}")
    return False


def npm(session: nox.Session, project: str, *words: str) -> None:
    """Run npm in a TypeScript project; its dependencies are installed when the lock file has changed."""
    session.install("-c", "constraints.txt", *NODE)
    folder = ROOT / project
    installed = folder / "node_modules" / ".package-lock.json"
    lock = folder / "package-lock.json"
    with session.chdir(folder):
        if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
            session.run("npm", "ci", "--no-audit", "--no-fund")
        session.run("npm", *words)
