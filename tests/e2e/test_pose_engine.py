"""pose-service's own tests of the real engine, in the base image that has it."""

from __future__ import annotations

from pathlib import Path

from .conftest import Repo

SCRIPT = """\
set -eu
uv pip install --quiet --requirement requirements.lock
uv pip install --quiet pytest
python -m pytest -p no:cacheprovider -q -rs tests
"""


def test_the_real_engine_passes_the_tests_of_the_service(built: Repo, photo: Path) -> None:
    mount = f"type=bind,source={built.root / 'pose-service'},target=/service,readonly"
    portrait = f"type=bind,source={photo},target=/photo.png,readonly"
    command = ["docker", "run", "--rm", "--label", "dev.layerproof.test=1", "--workdir", "/service", "--mount", mount]
    command += ["--mount", portrait, "--env", "POSE_TEST_PHOTO=/photo.png"]
    done = built.call([*command, "base-python-pose:latest", "sh", "-c", SCRIPT])
    assert " passed" in done.stdout
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("hmr2" in line or "root may read" in line for line in skipped), skipped
    assert "failed" not in done.stdout
