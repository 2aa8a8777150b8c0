"""Mangled files give findings or a clear error: never a traceback, never a hang. LAYERPROOF_FUZZ sets the rounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerproof.errors import LayerproofError
from layerproof.testing import FakeEngine
from layerproof.workflow.check import check
from layerproof.workflow.mend import plan_mending
from layerproof.yaml_text import parse_yaml
from tests.mangle import ROUNDS, mangled, no_hang
from tests.workflow.conftest import BASE, IGNORE, SERVICE

REPO = Path(__file__).parents[2]
DOCKERFILES = [BASE, SERVICE, *(path.read_text() for path in sorted(REPO.glob("*/Dockerfile")))]
DOCKERFILES += [path.read_text() for path in sorted(REPO.glob("docker/*/Dockerfile"))]
DOCKERFILES.append(
    "FROM alpine:3.20 AS x\nRUN <<EOF\nset -e\nnpm ci\nEOF\nCOPY <<X <<Y /z/\na\nX\nb\nY\n"
    'RUN ["sh", "-c", "pip install x"]\nONBUILD COPY . .\nHEALTHCHECK CMD curl localhost\nSHELL ["bash", "-c"]\n'
)
IGNORES = [IGNORE, *(path.read_text() for path in sorted(REPO.glob("*/.dockerignore")))]
TABLES = [
    (REPO / "pyproject.toml").read_text().partition("[tool.ruff]")[0],
    '[tool.layerproof]\nbases = "docker"\n[tool.layerproof.policy.ignore]\nLP001 = "why"\n',
]
WORKFLOW = """\
on: push
jobs:
  a:
    strategy: {matrix: {image: [x, y]}}
    steps:
      - uses: docker/build-push-action@v6
        with: {context: '${{ matrix.image }}', cache-to: 'type=gha,scope=x', tags: a}
      - run: |
          docker buildx build --cache-to type=gha -t web web
"""


def refusal(root: Path, engine: FakeEngine) -> str | None:
    """What a check, with a plan of mending, says where it refuses the project; None where it does not."""
    try:
        with no_hang():
            report = check(root, engine=engine, environment={}, tools=["layerproof"])
            mendings = plan_mending(root, engine=engine, environment={}, findings=report.findings)
            for mending in mendings:
                mending.diff(root)
    except LayerproofError as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        pytest.param("web/Dockerfile", DOCKERFILES, id="Dockerfiles of services"),
        pytest.param("docker/base-node/Dockerfile", DOCKERFILES, id="Dockerfiles of bases"),
        pytest.param("web/.dockerignore", IGNORES, id="ignore files"),
        pytest.param("pyproject.toml", TABLES, id="configurations"),
        pytest.param("web/start.sh", [(REPO / ".ci" / "run").read_text()], id="scripts"),
        pytest.param(".github/workflows/ci.yml", [WORKFLOW], id="workflows"),
    ],
)
def test_a_mangled_file_is_told_and_never_breaks_the_check(
    name: str, seeds: list[str], repo: Path, engine: FakeEngine
) -> None:
    (repo / ".git").mkdir()
    path = repo / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(ROUNDS):
        path.write_bytes(mangled(seeds, seed=seed).encode("utf-8", "surrogatepass"))
        refused = refusal(repo, engine)
        assert refused is None or str(repo) in refused or "images" in refused or "tool.layerproof" in refused, refused


def test_mangled_yaml_is_read_or_refused() -> None:
    seeds = [(REPO / "docker-compose.yml").read_text(), WORKFLOW, "a: &a [*a, *a]\nb: *a\nc: {<<: *a}\n"]
    refusals = []
    for seed in range(ROUNDS):
        try:
            with no_hang():
                list(parse_yaml(mangled(seeds, seed=seed), path=Path("x.yml")).walk())
        except LayerproofError as error:
            refusals.append(error.message)
    assert refusals
    assert all(message.startswith("x.yml:") for message in refusals)
