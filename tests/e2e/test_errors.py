"""Bad input: a clear error, the right exit code, nothing half-done."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from .conftest import COMMAND, Repo


def test_an_unknown_service_suggests_the_near_one(repo: Repo) -> None:
    done = repo.run("build", "--service", "pose-servcie", check=False)
    assert done.returncode == 2
    assert "did you mean pose-service?" in done.stderr


def test_a_broken_compose_file_is_named_with_its_line(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services:\n  api:\n    build: [\n")
    done = subprocess.run(
        [COMMAND, "build"], cwd=tmp_path, env=repo.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "docker-compose.yml" in done.stderr
    assert "line 3" in done.stderr or "line 4" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["build", "up", "verify", "images", "cache", "doctor", "ps"])
def test_without_an_engine_every_command_says_so(repo: Repo, command: str) -> None:
    done = repo.run(command, check=False, DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "layerproof doctor --install" in done.stderr


def test_a_taken_port_is_refused_before_anything_is_started(built: Repo) -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = built.run("up", check=False, FRONTEND_PORT=port, COMPOSE_PROJECT_NAME="layerproof-e2e-port")
    assert done.returncode == 1
    assert f"port {port}, which frontend publishes" in done.stderr
    left = built.call(
        ["docker", "ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=layerproof-e2e-port"]
    )
    assert left.stdout == ""


def test_an_unknown_key_of_the_configuration_is_named(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    (tmp_path / "pyproject.toml").write_text("[tool.layerproof]\nbasis = 'docker'\n")
    done = subprocess.run(
        [COMMAND, "graph"], cwd=tmp_path, env=repo.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pyproject.toml:2: tool.layerproof.basis: unknown key" in done.stderr
