"""What Compose answers, from a program of the test's own in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.engine import ComposeCall
from layerproof.engine.docker import DockerEngine

# Compose 2.40 with `ssh: ["k=/tmp/k"]`.
PROGRAM = """#!/bin/sh
case "$*" in
*"--format json") echo "json: error calling MarshalJSON for type types.SSHKey: invalid character" >&2; exit 1;;
*) printf 'name: shop\\nservices:\\n  api:\\n    build: {args: {A: $$x}, ssh: ["k: /tmp/k"]}\\n';;
esac
"""


def test_a_document_that_compose_cannot_print_as_json_is_read_as_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "cli-plugins" / "docker-compose"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    document = DockerEngine().compose_config(ComposeCall(tmp_path, (tmp_path / "compose.yaml",)))
    assert document["services"]["api"]["build"] == {"args": {"A": "$x"}, "ssh": ["k: /tmp/k"]}
