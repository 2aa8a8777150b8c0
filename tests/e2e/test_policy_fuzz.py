"""Mangled compose files, through the real Compose: findings or a clear error. LAYERPROOF_FUZZ sets the rounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from layerproof.engine.docker import DockerEngine
from layerproof.errors import LayerproofError
from layerproof.workflow.check import check
from tests.mangle import ROUNDS, mangled, mangled_tree, no_hang
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
ALONE = [SMALL, (REPO / "docker-compose.yml").read_text()]
OVERLAYS = [
    (REPO / name).read_text().replace("!reset", "") for name in ("docker-compose.cpu.yml", "docker-compose.dev.yml")
]


def as_text(seed: int) -> dict[str, str]:
    return {"docker-compose.yml": mangled(ALONE, seed=seed)}


def as_tree(seed: int) -> dict[str, str]:
    return {"docker-compose.yml": mangled_tree(ALONE, seed=seed)}


def as_overlay(seed: int) -> dict[str, str]:
    return {"docker-compose.yml": ALONE[1], "docker-compose.dev.yml": mangled_tree(OVERLAYS, seed=seed)}


@pytest.mark.parametrize("written", [as_text, as_tree, as_overlay])
def test_a_mangled_compose_file_is_told_and_never_breaks_the_check(
    tmp_path: Path, written: Callable[[int], dict[str, str]]
) -> None:
    write_repo(tmp_path)
    for name in ("backend", "pose-service"):
        shutil.copytree(tmp_path / "api", tmp_path / name)
    checked = 0
    refused = []
    for seed in range(ROUNDS // 12):
        for name, text in written(seed).items():
            (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            with no_hang():
                check(tmp_path, engine=DockerEngine(), environment={}, tools=["layerproof"])
            checked += 1
        except LayerproofError as error:
            refused.append(error.message)
    assert all(refused)
    assert refused, "a mangler that breaks nothing shows nothing"
    assert checked or written is as_text, "nor does one that leaves nothing to check"
