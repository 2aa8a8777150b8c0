"""Mangled compose files, through the real Compose: findings or a clear error. LAYERPROOF_FUZZ sets the rounds."""

from __future__ import annotations

from pathlib import Path

from layerproof.engine.docker import DockerEngine
from layerproof.errors import LayerproofError
from layerproof.workflow.check import check
from tests.mangle import ROUNDS, mangled, no_hang
from tests.workflow.conftest import write_repo

REPO = Path(__file__).parents[2]
SMALL = """\
services:
  api:
    build: ./api
    deploy: {resources: {limits: {memory: 1g}}}
  web:
    extends: api
    build: {context: ./web, dockerfile_inline: "FROM x:1\\nRUN npm ci"}
    ports: ['80:80/tcp', '53:53/udp']
"""
SEEDS = [SMALL, *(path.read_text() for path in sorted(REPO.glob("docker-compose*.yml")))]


def test_a_mangled_compose_file_is_told_and_never_breaks_the_check(tmp_path: Path) -> None:
    write_repo(tmp_path)
    refusals = []
    for seed in range(ROUNDS // 4):
        text = mangled(SEEDS, seed=seed)
        (tmp_path / "docker-compose.yml").write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            with no_hang():
                check(tmp_path, engine=DockerEngine(), environment={}, tools=["layerproof"])
        except LayerproofError as error:
            refusals.append(error.message)
    assert all(refusals)
    assert 0 < len(refusals) < ROUNDS // 4, "a mangler that breaks everything or nothing shows nothing"
